"""Filling one field of one row: ask, judge, stop at the first answer that is good enough. Knows no vendor and no database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from contracts.enrichment import ShadowRow, StepTaken, Waterfall
from contracts.errors import BadAnswer, HeadwaterError, Hopeless, TryLater, Unavailable, VendorBusy
from contracts.findings import Completion
from contracts.providers import Reply
from worker.enrichment import prompt
from worker.enrichment.questions import QUESTIONS, Row, rule
from worker.enrichment.waterfall import (
    EXPLORE,
    Step,
    StepOutcome,
    Tried,
    affordable,
    expect,
    explored,
    luck_of,
    rank,
    worth_it,
)

#: The code of a vendor that is left alone after failures: that may last.
AWAY = "breaker_open"
#: Why somebody was not asked.
CAP = "the row's cost cap"


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply, and whether it stood in the ledger already (then it cost this row nothing); `item_id`: where it stands there."""

    reply: Reply[Any]
    stored: bool
    item_id: UUID | None = None

    def cost_usd(self, unit_usd: float) -> float:
        return 0.0 if self.stored else self.reply.units * unit_usd


@dataclass(frozen=True, slots=True)
class _Made:
    """What one question came to."""

    stored: bool = False
    units: float = 0.0
    cost_usd: float = 0.0
    item_id: UUID | None = None


Ask = Callable[[str, BaseModel], Awaitable[Answered]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a field is filled: operations present at list prices, what was learned, and the orders that were set.

    `worst_usd`: the most that a question to an operation can cost, in US dollars: the row's cap is held against it. `patience_s`:
    how long the row may still wait for a vendor that is only busy, in seconds. `explore`: the share of rows whose order is drawn
    to learn. `since`: when this enrichment began.
    """

    of: Waterfall
    steps: Sequence[Step]
    tried: Mapping[str, Tried]
    worst_usd: Callable[[str, BaseModel], float]
    active: Sequence[str] | None = None
    shadow: tuple[UUID, Sequence[str]] | None = None
    value_usd: float = 1.0
    patience_s: float = 60.0
    explore: float = EXPLORE
    since: datetime | None = None


@dataclass(slots=True)
class Filled:
    """What came of it. `later`: nobody was good enough, and somebody could not be asked just now."""

    value: Any = None
    operation: str | None = None
    reply: Reply[Any] | None = None
    steps: list[StepTaken] = field(default_factory=list)
    shadow: ShadowRow | None = None
    later: TryLater | None = None


async def fill(plan: Plan, row: Row, ask: Ask, *, row_id: UUID, spent_usd: float, cap_usd: float) -> Filled:
    """Go down the waterfall of one field. `spent_usd` is what the row has cost so far, `cap_usd` what it may cost in all.

    A refusal, garbage or an outage is a step that failed, and the next one is asked.

    Raises: VendorBusy for one that is only busy; Unavailable when our own database is away.
    """
    order, drawn = _order(plan, row_id)
    out = Filled()
    for step in order:
        query = QUESTIONS[plan.of][step.operation](row)
        why_not = _why_not(plan, step, query, spent_usd, cap_usd)
        if query is None or why_not is not None:
            out.steps.append(_step(plan, out, step, "skipped", why_not, drawn=drawn))
            continue
        taken = await _ask_one(plan, row, out, step, query, ask, drawn)
        out.steps.append(taken)
        spent_usd += taken.cost_usd
        if taken.outcome == "accepted":
            out.later = None
            break
    if plan.shadow is not None and not drawn:
        out.shadow = _shadow(plan, plan.shadow, order, out)
    return out


def _order(plan: Plan, row_id: UUID) -> tuple[list[Step], bool]:
    """The order for this row, and whether it was drawn to learn instead of to save. What was learned is followed once promoted."""
    drawn = explored(plan.steps, plan.tried, luck_of(row_id, plan.of), plan.explore)
    if drawn is not None:
        return drawn, True
    return _listed(plan.active, plan.steps) if plan.active else rank(plan.steps, {}), False


def _listed(names: Sequence[str], steps: Sequence[Step]) -> list[Step]:
    """`steps` in the order of `names`; whoever is not named comes last."""
    return sorted(steps, key=lambda s: names.index(s.operation) if s.operation in names else len(names))


def _why_not(plan: Plan, step: Step, query: BaseModel | None, spent_usd: float, cap_usd: float) -> str | None:
    if query is None:
        return "too little is known to ask"
    if not affordable(plan.worst_usd(step.operation, query), spent_usd, cap_usd):
        return CAP
    if not worth_it(step, plan.tried, plan.value_usd):
        return "below break-even"
    return None


def worth_waiting(error: HeadwaterError, patience_s: float) -> bool:
    """A dearer vendor is no answer to a queue, but one whose hour or day is spent is as good as away. Nor is it an answer to
    our own database's absence, which says nothing of any vendor.
    """
    if isinstance(error, Unavailable):
        return True
    return isinstance(error, VendorBusy) and error.code != AWAY and (error.after_s or 0.0) < patience_s


def lost_usd(error: HeadwaterError, worst_usd: float, since: datetime | None) -> float:
    """What a question without an answer cost. What was lost, or cannot be read, may have been billed: the ledger counts its worst
    case as spent, and so does the row's cap. One that was lost before this enrichment began (`since`) was another one's.
    """
    at = error.members.get("at")
    gone = isinstance(error, BadAnswer) or error.code == "forfeited"
    return 0.0 if not gone or (since is not None and isinstance(at, datetime) and at < since) else worst_usd


async def _ask_one(plan: Plan, row: Row, out: Filled, step: Step, query: BaseModel, ask: Ask, drawn: bool) -> StepTaken:
    try:
        answered = await ask(step.operation, query)
    except Hopeless as error:
        made = _Made(cost_usd=lost_usd(error, plan.worst_usd(step.operation, query), plan.since))
        return _step(plan, out, step, "error", error.code, made, drawn=drawn)
    except TryLater as error:
        if worth_waiting(error, plan.patience_s):
            raise
        out.later = out.later or error
        return _step(plan, out, step, "error", error.code, drawn=drawn)
    reply = answered.reply
    value = prompt.read(reply.value, row.domain) if isinstance(reply.value, Completion) else reply.value
    made = _Made(answered.stored, reply.units, answered.cost_usd(step.unit_usd), answered.item_id)
    if reply.outcome != "found" or value is None:
        outcome: StepOutcome = "suppressed" if reply.outcome == "suppressed" else "miss"
        return _step(plan, out, step, outcome, reply.note, made, drawn=drawn)
    ruling = rule(plan.of, row, value)
    if not ruling.accepted:
        return _step(plan, out, step, "rejected", ruling.reason, made, drawn=drawn)
    out.value, out.operation, out.reply = value, step.operation, reply
    return _step(plan, out, step, "accepted", None, made, drawn=drawn)


def _step(
    plan: Plan, out: Filled, step: Step, outcome: StepOutcome, reason: str | None, made: _Made = _Made(), *, drawn: bool
) -> StepTaken:
    return StepTaken(
        field=plan.of,
        place=len(out.steps),
        operation=step.operation,
        outcome=outcome,
        reason=reason,
        stored=made.stored,
        units=made.units,
        cost_usd=made.cost_usd,
        explored=drawn,
        item_id=made.item_id,
    )


def _shadow(plan: Plan, shadow: tuple[UUID, Sequence[str]], order: Sequence[Step], out: Filled) -> ShadowRow:
    """What either order costs and finds on this row, given what became of those that were asked."""
    known = {s.operation: s.outcome == "accepted" for s in out.steps if s.outcome not in ("skipped", "error")}
    ours = expect(order, plan.tried, known)
    theirs = expect(_listed(shadow[1], plan.steps), plan.tried, known)
    return ShadowRow(
        field=plan.of,
        order_id=shadow[0],
        cost_usd=theirs.cost_usd,
        found=theirs.found,
        active_cost_usd=ours.cost_usd,
        active_found=ours.found,
    )
