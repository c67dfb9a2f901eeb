"""What questions cost: at list prices, and at worst. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from contracts.enrichment import Waterfall
from contracts.providers import Operation, OperationSpec
from contracts.settings import Settings
from worker.enrichment.questions import QUESTIONS
from worker.enrichment.waterfall import Step
from worker.providers import limits


def steps_of(present: Mapping[str, Operation[Any, Any]], field: Waterfall, settings: Settings) -> list[Step]:
    """The operations present for a field, at list prices."""
    found = []
    for name in QUESTIONS[field]:
        unwanted = name.startswith("lusha.") and not settings.enable_lusha_fallback
        if name in present and not unwanted:
            spec = limits.effective(present[name].spec, settings)
            price = unit_usd(spec, settings)
            found.append(Step(name, spec.units * price, price))
    return found


def unit_usd(spec: OperationSpec, settings: Settings) -> float:
    """What a unit of an operation costs, in US dollars."""
    if not spec.billable:
        return 0.0
    price = limits.unit_price_usd(spec, settings)
    return spec.unit_price_usd if price is None else price


def worst_usd(op: Operation[Any, Any], query: BaseModel, settings: Settings) -> float:
    """The most that this very question can cost, in US dollars: what the ledger will reserve for it."""
    return limits.worst_case(op, query, settings) * unit_usd(op.spec, settings)
