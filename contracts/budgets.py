"""What may be spent, on whom, in which period. Rules come from the settings; rows of `app.budgets` override them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.errors import VendorRefused
from contracts.vendor_settings import VendorSettings

#: `tenant`: what one tenant may spend. `credential`: what all tenants together may spend with the house's key.
BudgetScope = Literal["tenant", "credential"]
#: A day and a month are UTC's.
Period = Literal["run", "day", "month"]


class BudgetRule(BaseModel):
    """A limit in the vendor's unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: BudgetScope
    vendor: str = Field(min_length=1, max_length=50)
    unit: str = Field(min_length=1, max_length=20)
    period: Period
    limit: float = Field(ge=0, le=1e15)


class BudgetView(BudgetRule):
    """A rule and where it stands in the period that runs now. `source`: the setting's name, or `set` for a row of its own.

    Of a run's budget there is no one standing: `reserved` and `spent` are None.
    """

    source: str
    reserved: float | None = None
    spent: float | None = None
    left: float | None = None
    resets_at: AwareDatetime | None = None


class BudgetList(BaseModel):
    items: list[BudgetView]


class Spent(BaseModel):
    """What a run spent on one operation. `reserved`: still outstanding."""

    vendor: str
    operation: str
    unit: str
    billable: bool
    calls: int
    found: int
    missed: int
    forfeited: int
    spent: float
    reserved: float
    cost_usd: float | None = None


#: Setting -> whose limit it is: scope, vendor, unit, period.
SETTINGS: dict[str, tuple[BudgetScope, str, str, Period]] = {
    "openai_daily_tokens_cap": ("tenant", "llm", "token", "day"),
    "tavily_max_queries": ("tenant", "tavily", "credit", "day"),
    "lusha_max_contact_lookups": ("tenant", "lusha", "lookup", "day"),
    "zerobounce_max_verifications": ("tenant", "zerobounce", "verification", "day"),
    "sam_daily_calls": ("credential", "sam", "call", "day"),
}


def defaults(settings: VendorSettings) -> dict[str, BudgetRule]:
    """The rules the settings bring along, by the setting's name."""
    return {
        name: BudgetRule(scope=scope, vendor=vendor, unit=unit, period=period, limit=getattr(settings, name))
        for name, (scope, vendor, unit, period) in SETTINGS.items()
    }


def that_apply(settings: VendorSettings, vendor: str, unit: str) -> list[BudgetRule]:
    """The default rules that a call of `vendor` counted in `unit` falls under."""
    return [rule for rule in defaults(settings).values() if (rule.vendor, rule.unit) == (vendor, unit)]


def resets_at(period: Period, bucket: str) -> datetime | None:
    """When a period ends and the budget is whole again; None: with the next run. `bucket`: 2026-11-22, 2026-11 or a run's id."""
    if period == "run":
        return None
    first = date.fromisoformat(bucket if period == "day" else f"{bucket}-01")
    after = first + timedelta(days=1 if period == "day" else 32)
    return datetime(after.year, after.month, after.day if period == "day" else 1, tzinfo=UTC)


def begun_at(period: Period, at: datetime) -> datetime | None:
    """When the period began that runs at a moment; None: with its run."""
    if period == "run":
        return None
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if period == "day" else day.replace(day=1)


def refusal(vendor: str, unit: str, spent: Mapping[str, Any]) -> VendorRefused:
    """The error a full budget is. `spent`: scope, period, bucket, limit and the units asked for."""
    period: Period = spent["period"]
    at = resets_at(period, spent["bucket"])
    whose = "the house's budget" if spent["scope"] == "credential" else "the tenant's budget"
    words = (
        f"{whose} for {vendor} is {spent['limit']:g} {unit}s a {period}, and {spent['asked']:g} more do not fit;"
        f" it resets {at.isoformat() if at else 'with the next run'}; raise it with `headwater vendors budgets set`"
    )
    members = {"vendor": vendor, "unit": unit, "period": period, "limit": spent["limit"], "scope": spent["scope"]}
    return VendorRefused(words, code="budget_spent", **members, resets_at=at and at.isoformat())
