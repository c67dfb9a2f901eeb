"""What `VENDOR_LIMITS` makes of an operation's own figures, and what operators allow beside that. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from contracts.limits import MOST, VendorRule
from contracts.providers import Operation, OperationSpec, Pace, Window
from contracts.vendor_settings import VendorLimit, VendorSettings

#: A vendor's own paces have no such name.
RULED = "limit:"


def effective(spec: OperationSpec, settings: VendorSettings) -> OperationSpec:
    """`spec` with the overrides of its vendor, then those of `vendor.operation`. Doing it twice changes nothing.

    A pace that is overridden for the whole vendor is shared by all its operations; one of an operation is that operation's own.
    """
    limits = settings.vendor_limits
    if not limits:
        return spec
    for name in (spec.vendor, f"{spec.vendor}.{spec.operation}"):
        if (limit := limits.get(name)) is not None:
            spec = _overridden(spec, name, limit)
    return spec


def worst_case(op: Operation[Any, Any], query: BaseModel, settings: VendorSettings) -> float:
    """The most units that `query` can cost, as the ledger reserves them: what the operation says of it; dearer or cheaper by as
    much as `VENDOR_LIMITS` makes its item.
    """
    given, usual = op.units_of(query), op.spec.units
    units = effective(op.spec, settings).units
    return given * units / usual if usual and units != usual else given


def ruled(spec: OperationSpec, rules: Mapping[str, VendorRule]) -> tuple[Pace, ...]:
    """The paces that operators have set for this operation: its vendor's, then its own. They hold beside `spec.pace`."""
    return tuple(_pace_of(rules[name]) for name in (spec.vendor, f"{spec.vendor}.{spec.operation}") if name in rules)


def _pace_of(rule: VendorRule) -> Pace:
    # A bucket of `burst` lets no more through in any t seconds than windows as long as it takes to fill.
    windows = (Window(rule.burst, rule.burst / rule.per_s),) if rule.per_s and rule.burst else ()
    return Pace(f"{RULED}{rule.name}", windows, rule.max_running or MOST)


def unit_price_usd(spec: OperationSpec, settings: VendorSettings) -> float | None:
    """What a unit costs, for forecasts and reports; None: nobody said."""
    for name in (f"{spec.vendor}.{spec.operation}", spec.vendor):
        limit = settings.vendor_limits.get(name)
        if limit is not None and limit.unit_price_usd is not None:
            return limit.unit_price_usd
    return None


def _overridden(spec: OperationSpec, name: str, limit: VendorLimit) -> OperationSpec:
    pace = spec.pace
    if limit.windows is not None or limit.concurrency is not None:
        windows = pace.windows if limit.windows is None else tuple(Window(n, seconds) for n, seconds in limit.windows)
        pace = Pace(name, windows, limit.concurrency or pace.concurrency)
    fields = ("timeout_s", "units", "batch", "keep_s", "keep_miss_s")
    changed = {field: value for field in fields if (value := getattr(limit, field)) is not None}
    return replace(spec, pace=pace, **changed)
