"""Links into the ledger: from a figure to the calls that it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from contracts.budgets import BudgetView, begun_at
from contracts.runs import Moment
from contracts.vendor_calls import CallState

PATH = "/ui/vendors/calls"
STATES = tuple(state.value for state in CallState)


def calls(**asked: object) -> str:
    """The calls that these filters find; None is no filter, moments are told in ISO 8601."""
    said = {name: _text(value) for name, value in asked.items() if value is not None}
    return f"{PATH}?{urlencode(said)}" if said else PATH


def of_budget(budget: BudgetView) -> str:
    """The calls of a budget's vendor in the period that runs now, which ends when it resets."""
    since = begun_at(budget.period, budget.resets_at - timedelta(seconds=1)) if budget.resets_at else None
    return calls(vendor=budget.vendor, since=since)


def of_budget_then(budget: Mapping[str, Any], at: datetime, run_id: UUID) -> str:
    """The same as it stood at a moment; `budget` is what a night's manifest keeps of it. A run's own has that run's calls."""
    if budget["period"] == "run":
        return calls(vendor=budget["vendor"], run_id=run_id)
    return calls(vendor=budget["vendor"], since=begun_at(budget["period"], at), until=at)


def call(run_id: UUID, told: Moment) -> str:
    """The call that a run's timeline tells of; it is called for its operation."""
    vendor, _, operation = told.title.partition(" ")
    end = told.at + timedelta(milliseconds=1)
    return calls(vendor=vendor, operation=operation, run_id=run_id, since=told.at, until=end)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return f"{value:g}" if isinstance(value, float) else str(value)
