"""Daily figures of a tenant: what was done, what came of it, what it cost (S2.13). Days begin at 00:00 UTC.

metric                   dims                day it counts on
funnel                   stage               a lead counts once, on the day it reached the stage for the first time
leads_by_band            band                leads by the last score that decided that day
contacts, contacts_with_email                created
domain_matches                               created; the address is at the company's own domain
checked_emails, valid_emails                 last checked
records                  status              discovered; DISCOVERED, DUPLICATE, REJECTED, ERROR
duplicates                                   discovered
rejections               stage, reason       discovered, or rejected by the rules (leads)
messages                 channel, state      drafted, by the state they are in now
vendor_calls, vendor_units, vendor_errors, vendor_hit_rate, vendor_median_ms, vendor_p95_ms, vendor_spend_usd
                         vendor, operation   sent
spend_usd                                    sent: all vendors, at the unit prices of the settings
qualified_leads                              reached stage `high`
cost_per_qualified_lead                      spend_usd / qualified_leads; absent without either
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

#: In order. A lead need not pass them all.
STAGES: tuple[str, ...] = (
    "discovered", "enriched", "snapshot", "scored", "high", "drafted", "approved", "sent", "delivered", "exported", "won",
)  # fmt: skip
#: Days of one roll-up, and of one question.
MOST_DAYS = 366
_EARLIEST = date(2000, 1, 1)
Day = Annotated[date, Field(ge=_EARLIEST, lt=date(2200, 1, 1))]


class Span(BaseModel):
    """Days, both included. Raises ValueError from its validator when they are out of order or too many."""

    model_config = ConfigDict(frozen=True)

    first: Day
    last: Day

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if self.last < self.first:
            raise ValueError("`to` is before `from`: swap them")
        if (self.last - self.first).days >= MOST_DAYS:
            raise ValueError(f"that is more than {MOST_DAYS} days: ask for fewer")
        return self


class RequestRollup(BaseModel):
    """Body of POST /v1/analytics/rollups: one day, or a range. Neither: yesterday and today."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"from": "2026-01-01", "to": "2026-01-31"}, {}]}
    )

    day: Day | None = None
    from_: Day | None = Field(default=None, validation_alias=AliasChoices("from"), serialization_alias="from")
    to: Day | None = None

    @model_validator(mode="after")
    def _one_way(self) -> RequestRollup:
        if self.day is not None and (self.from_ is not None or self.to is not None):
            raise ValueError("give either day, or from and to")
        if (self.from_ is None) != (self.to is None):
            raise ValueError("give both from and to")
        if self.from_ is not None and self.to is not None:
            Span(first=self.from_, last=self.to)
        return self

    def span(self, today: date) -> Span:
        """The days asked for; `today` is the database's, where days begin at UTC."""
        if self.day is not None:
            return Span(first=self.day, last=self.day)
        if self.from_ is not None and self.to is not None:
            return Span(first=self.from_, last=self.to)
        return Span(first=today - timedelta(days=1), last=today)


class DailyMetric(BaseModel):
    """One figure of one day."""

    id: UUID
    day: date
    metric: str
    dims: dict[str, Any]
    value: float
    computed_at: datetime


class DailyPage(BaseModel):
    items: list[DailyMetric]
    next_cursor: str | None


class FunnelStage(BaseModel):
    """Leads that reached a stage for the first time in the days asked for. Shares are of 1; null when nothing came before."""

    stage: str
    leads: int
    of_discovered: float | None
    of_previous: float | None


class Funnel(BaseModel):
    """The funnel over days, both included, as far as they were rolled up."""

    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")
    stages: list[FunnelStage]
    spend_usd: float
    qualified_leads: int
    cost_per_qualified_lead: float | None


def funnel(span: Span, leads: dict[str, int], spend_usd: float) -> Funnel:
    """The stages with their shares. Pure."""
    stages: list[FunnelStage] = []
    for at, stage in enumerate(STAGES):
        count, before = leads.get(stage, 0), leads.get(STAGES[at - 1], 0) if at else 0
        whole = leads.get(STAGES[0], 0)
        share = count / whole if whole else None
        stages.append(
            FunnelStage(stage=stage, leads=count, of_discovered=share, of_previous=count / before if before else None)
        )
    qualified = leads.get("high", 0)
    cost = round(spend_usd / qualified, 6) if qualified and spend_usd else None
    return Funnel(
        first=span.first, last=span.last, stages=stages, spend_usd=spend_usd, qualified_leads=qualified,
        cost_per_qualified_lead=cost,
    )  # fmt: skip
