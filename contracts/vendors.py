"""Vendors as people see them: who can be asked, what came of it, what it cost, and what a run would cost at most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.budgets import BudgetView, Spent
from contracts.runs import RunParams


class VendorOperation(BaseModel):
    """One thing a vendor can be asked, as the last worker to start said it. `absent`: why it cannot, and what to do.

    `units` is the worst case of one item (of a search: one page). Of a vendor that is absent as a whole, `operation` is "*".
    """

    model_config = ConfigDict(frozen=True)

    vendor: str
    operation: str
    unit: str = "credit"
    units: float = 0
    billable: bool = True
    unit_price_usd: float | None = None
    pace: str | None = None
    channel: str | None = None
    pages: int | None = Field(
        default=None, description="the most pages a query has, where the vendor's answers end there"
    )
    absent: str | None = None


class VendorView(VendorOperation):
    """An operation and what came of asking it since the time the listing names. Shares are of 1; times in milliseconds."""

    calls: int = 0
    found: int = 0
    missed: int = 0
    hit_rate: float | None = Field(default=None, description="found of all that were answered")
    throttled: int = 0
    errors: int = 0
    error_rate: float | None = Field(default=None, description="calls that failed, throttled ones aside")
    forfeited: int = Field(default=0, description="calls that were paid for and their answers lost")
    spent: float = 0
    cost_usd: float | None = Field(default=None, description="at the unit price of the settings; the contract decides")
    median_ms: float | None = None
    p95_ms: float | None = None
    breaker: str | None = Field(default=None, description="closed, open or half_open; empty: it never failed")
    opened_until: AwareDatetime | None = None


class VendorList(BaseModel):
    """Every operation of every vendor, the absent ones with the reason, and the budgets of the tenant."""

    since: AwareDatetime
    vendors: list[VendorView]
    budgets: list[BudgetView]


class LostItem(BaseModel):
    """An item that was paid for and whose answer was lost."""

    id: UUID
    vendor: str
    operation: str
    request: dict[str, object]
    units_spent: float
    run_id: UUID | None
    error: str | None
    sent_at: AwareDatetime


class LostList(BaseModel):
    items: list[LostItem]


class SpentList(BaseModel):
    items: list[Spent]


class Cost(BaseModel):
    """The most that one vendor may be asked for by a run, in its unit. `fits`: no budget stands in the way."""

    vendor: str
    unit: str
    requests: int
    units: float
    cost_usd: float | None
    left: float | None = Field(default=None, description="in the tightest budget; empty: there is none")
    budget: str | None = None
    fits: bool = True


class Forecast(BaseModel):
    """What a discovery run would cost at most: no answer is stored yet, and each query is read to the run's caps.

    Pages are counted as full ones; a vendor that gives fewer hits a page may be asked more often, never past a budget.
    """

    slices: int
    costs: list[Cost]
    absent: list[str] = Field(description="channels that no worker can serve, with the reason")


def forecast(params: RunParams, known: Sequence[VendorOperation], budgets: Sequence[BudgetView]) -> Forecast:
    """The cost of a run at most, by vendor and unit. Pure."""
    channels = {one.channel: one for one in known if one.channel is not None}
    queries = params.queries[: params.max_queries]
    pages = max(1, math.ceil((params.limit or params.max_companies) / params.page_size))
    sums: dict[tuple[str, str], tuple[int, float, float | None]] = {}
    absent = []
    for channel in params.channels:
        one = channels.get(channel.value)
        if one is None or one.absent is not None:
            absent.append(
                one.absent if one and one.absent else f"channel {channel.value}: no worker has said that it serves it"
            )
            continue
        asked = len(queries) * min(pages, one.pages or pages)
        units = asked * one.units if one.billable else 0.0
        usd = None if one.unit_price_usd is None else units * one.unit_price_usd
        before = sums.get((one.vendor, one.unit), (0, 0.0, 0.0))
        both = None if usd is None or before[2] is None else before[2] + usd
        sums[one.vendor, one.unit] = (before[0] + asked, before[1] + units, both)
    costs = [_cost(*key, asked, units, usd, budgets) for key, (asked, units, usd) in sums.items()]
    return Forecast(slices=len(params.channels) * len(queries), costs=costs, absent=absent)


def _cost(
    vendor: str, unit: str, requests: int, units: float, usd: float | None, budgets: Sequence[BudgetView]
) -> Cost:
    room = [(b.limit if b.left is None else b.left, b) for b in budgets if (b.vendor, b.unit) == (vendor, unit)]
    left, tightest = min(room, key=lambda one: one[0], default=(None, None))
    name = f"{tightest.scope} {tightest.period}" if tightest else None
    fits = left is None or units <= left
    return Cost(
        vendor=vendor, unit=unit, requests=requests, units=units, cost_usd=usd, left=left, budget=name, fits=fits
    )


def priced(view: Mapping[str, float | str | None], price: float | None) -> float | None:
    """US dollars of what was spent; None where nobody said a price."""
    spent = view["spent"]
    return None if price is None or not isinstance(spent, float | int) else round(spent * price, 4)
