"""What questions cost: at list prices, and at worst."""

from __future__ import annotations

from pydantic import BaseModel

from contracts.enrichment import Waterfall
from worker.context import Context
from worker.enrichment.questions import QUESTIONS
from worker.enrichment.waterfall import Step
from worker.providers import limits


def steps_of(ctx: Context, field: Waterfall) -> list[Step]:
    """The operations present for a field, at list prices."""
    found = []
    for name in QUESTIONS[field]:
        unwanted = name.startswith("lusha.") and not ctx.settings.enable_lusha_fallback
        if name in ctx.ports.operations and not unwanted:
            spec, price = limits.effective(ctx.ports.operation(name).spec, ctx.settings), unit_usd(ctx, name)
            found.append(Step(name, spec.units * price, price))
    return found


def unit_usd(ctx: Context, name: str) -> float:
    """What a unit of an operation costs, in US dollars."""
    spec = ctx.ports.operation(name).spec
    if not spec.billable:
        return 0.0
    price = limits.unit_price_usd(spec, ctx.settings)
    return spec.unit_price_usd if price is None else price


def worst_usd(ctx: Context, name: str, query: BaseModel) -> float:
    """The most that this very question can cost, in US dollars: what the ledger will reserve for it."""
    return limits.worst_case(ctx.ports.operation(name), query, ctx.settings) * unit_usd(ctx, name)
