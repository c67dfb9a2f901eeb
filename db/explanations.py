"""Why has this event not been delivered, and what became of it? Facts by SQL, reasons by a pure function."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.jobs import JOBS, JobState
from contracts.outbox import CausedExecution, EventDetail, EventStatus, Explanation, Finding
from db import executions, explained_sinks, inspection, limits, outbox, queue, turns
from db.explained_sinks import Away, Hook
from db.limits import Hold
from db.sql import load
from db.transaction import Tx

SQL = load("explanations")
#: Nobody wants to know more exactly how many stand in front.
AHEAD = 10_000
#: A dispatcher polls at least every 5 s; one that has been silent twice as long is stuck.
STALL_S = 10.0
_HELD = {"paused": "paused", "max_running": "full", "rate": "rate"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What delivers: workers alive, seconds since their last dispatch, jobs standing of `cap`, what holds jobs, is NATS away?"""

    workers: int
    dispatched_s_ago: float | None
    standing: int
    cap: int
    holds: Sequence[Hold] = ()
    nats: Away | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a tenant may see of what is in an event's way. `ahead` stops counting at AHEAD."""

    now: datetime
    paused_by: str | None
    pause_reason: str | None
    ahead: int
    blocked_by: UUID | None
    turn: turns.Ahead | None = None
    hook: Hook | None = None


async def look_at_delivery(tx: Tx, tenant: UUID, *, cap: int, alive_within_s: float) -> Delivery:
    """Counts only, nobody's rows. `tx` acts as system: the app role has no rights in the queue."""
    workers, dispatched_s_ago = await queue.alive(tx, alive_within_s)
    standing = await tx.fetchval(SQL["standing"], tenant, cap)
    holds, away = await limits.holds(tx, tenant), await explained_sinks.nats_away(tx)
    return Delivery(workers, dispatched_s_ago, standing, cap, holds, away)


async def explain(
    tx: Tx, tenants: Sequence[UUID], event_id: UUID, delivery: Delivery, *, max_attempts: int
) -> Explanation:
    """Explain one event. Raises: NotFound, also for another tenant's."""
    event = await inspection.find_event(tx, tenants, event_id)
    row = await tx.fetchrow(
        SQL["circumstances"], event.tenant_id, event.available_at, event.id, AHEAD, event.sink, event.ordering_key
    )
    assert row is not None
    if event.status is EventStatus.SENT:
        found = of_sent(event, await executions.caused_by(tx, event), delivery.holds)
    elif event.status is EventStatus.DEAD_LETTER:
        found = [_of_dead(event)]
    else:
        turn = None
        if event.sink == outbox.ORDERED and event.ordering_key is not None:
            turn = await turns.ahead(tx, event.tenant_id, event.ordering_key, event.id)
        hook = await explained_sinks.hook_of(tx, event)
        found = of_waiting(event, Circumstances(**dict(row), turn=turn, hook=hook), delivery, max_attempts)
    delivered = event.status is EventStatus.SENT
    return Explanation(event_id=event_id, status=event.status, delivered=delivered, findings=found)


def of_waiting(event: EventDetail, seen: Circumstances, delivery: Delivery, max_attempts: int) -> list[Finding]:
    """Every reason that holds an event back, the most telling first."""
    found: list[Finding] = []
    due = event.available_at or seen.now
    wait_s = (due - seen.now).total_seconds()
    if event.status is EventStatus.PROCESSING:
        return [_of_leased(event, seen)]
    if event.status is EventStatus.FAILED:
        text = f"try {event.attempts} of {max_attempts} failed: {event.error_class}: {event.last_error}"
        when = f"it is tried again at {due:%Y-%m-%d %H:%M:%S} UTC" if wait_s > 0 else "it is due for its next try"
        last = f"; after try {max_attempts} it becomes a dead letter"
        if event.error_class == "outage":
            text, last = f"{event.sink} could not be reached: {event.last_error}", "; that spends no attempt"
        found.append(Finding(code="retrying", text=text, next_step=when + last, blocking=wait_s > 0))
    elif wait_s > 0:
        text = f"it is not due until {due:%Y-%m-%d %H:%M:%S} UTC, in {wait_s:.0f} s"
        found.append(
            Finding(code="not_due", text=text, next_step="nothing to do: it was written for later", blocking=True)
        )
    if seen.paused_by is not None:
        text = f"{seen.paused_by} paused this tenant ({seen.pause_reason or 'no reason given'})"
        found.append(Finding(code="tenant_paused", text=text, next_step="end the pause", blocking=True))
    if seen.turn is not None:
        found += _of_turn(seen.turn)
    elif seen.blocked_by is not None:
        text = f"event {seen.blocked_by} has the same ordering key and goes first"
        step = f"see why that one waits: headwater outbox explain {seen.blocked_by}"
        found.append(Finding(code="ordering_key", text=text, next_step=step, blocking=True))
    found += explained_sinks.of_sink(event, seen.hook, delivery.nats, seen.now)
    found += _of_delivery(event, delivery)
    if not any(f.blocking for f in found):
        ahead = f"{AHEAD} or more" if seen.ahead >= AHEAD else str(seen.ahead)
        text = f"nothing holds it back; {ahead} due events of this tenant stand before it"
        found.append(Finding(code="in_line", text=text, next_step="ask again in a moment", blocking=False))
    return found


def _of_turn(turn: turns.Ahead) -> list[Finding]:
    """Behind whom of its key it waits."""
    found = []
    if turn.before is not None:
        text = f"{turn.waiting} events of its ordering key go before it, the last of them event {turn.before}"
        found.append(
            Finding(code="ordering_key", text=text, next_step="nothing to do: they go in order", blocking=True)
        )
    if turn.holder is None:
        return found or [
            Finding(
                code="its_turn",
                text="nobody of its key is before it",
                next_step="ask again in a moment",
                blocking=False,
            )
        ]
    if turn.given_up and turn.on_failure == "block":
        text = (
            f"its key waits behind event {turn.holder}, which was given up and blocks the rest until somebody answers"
        )
        step = f"see headwater outbox explain {turn.holder}, then retry its job, replay it, or headwater jobs dismiss {turn.holder}"
        return [Finding(code="key_blocked", text=text, next_step=step, blocking=True), *found]
    text = f"its key's turn is event {turn.holder}'s, whose jobs have not all ended or have just done so"
    step = f"see how far they are: headwater outbox explain {turn.holder}"
    return [Finding(code="behind", text=text, next_step=step, blocking=True), *found]


def _of_delivery(event: EventDetail, delivery: Delivery) -> list[Finding]:
    if not delivery.workers:
        step = "start one: headwater worker"
        return [
            Finding(
                code="no_worker",
                text="no worker process is alive, so nothing dispatches",
                next_step=step,
                blocking=True,
            )
        ]
    found = []
    if event.sink == "queue" and delivery.standing >= delivery.cap:
        text = f"{delivery.standing} of {delivery.cap} jobs of this tenant stand in the queue"
        step = "nothing to do: it moves up as jobs finish; more workers make it faster"
        found.append(Finding(code="buffer_full", text=text, next_step=step, blocking=True))
    ago = delivery.dispatched_s_ago
    if ago is None or ago > STALL_S:
        since = "has not dispatched yet" if ago is None else f"dispatched last {ago:.0f} s ago"
        text = (
            f"{delivery.workers} worker processes are alive, but none {since}"
            if ago is None
            else f"the dispatcher is alive, but {since}"
        )
        step = "look into the workers' logs; check that one runs with the dispatch role"
        found.append(Finding(code="dispatcher_stalled", text=text, next_step=step, blocking=True))
    return found


def _of_leased(event: EventDetail, seen: Circumstances) -> Finding:
    until = event.lease_expires_at
    if until is not None and until < seen.now:
        text = f"its delivery to {event.sink} was never confirmed; the lease ran out at {until:%H:%M:%S} UTC"
        step = "nothing to do: the next sweep reclaims it; if it stays, no worker is alive"
        return Finding(code="lease_expired", text=text, next_step=step, blocking=True)
    text = (
        f"it is being delivered to {event.sink} under a lease until {until:%H:%M:%S} UTC"
        if until
        else "it is being delivered"
    )
    return Finding(code="being_delivered", text=text, next_step="ask again in a moment", blocking=False)


def _of_dead(event: EventDetail) -> Finding:
    if event.resolution is not None:
        text = f"it was given up, and an operator answered: {event.resolution}"
        return Finding(code="resolved", text=text, next_step="nothing to do", blocking=False)
    text = f"it was given up after {event.attempts} tries: {event.error_class}: {event.last_error}"
    step = f"mend the cause, then: headwater outbox replay {event.event_id}"
    return Finding(code="dead_letter", text=text, next_step=step, blocking=True)


def of_sent(event: EventDetail, caused: Sequence[CausedExecution], holds: Sequence[Hold] = ()) -> list[Finding]:
    """When it was delivered, how its jobs stand, and what keeps queued ones from starting."""
    assert event.sent_at is not None
    took_s = (event.sent_at - event.created_at).total_seconds()
    where = "handed off" if event.sink == "queue" else f"delivered to {event.sink}"
    text = f"it was {where} at {event.sent_at:%Y-%m-%d %H:%M:%S} UTC, {took_s:.1f} s after it was written"
    found = [Finding(code="sent", text=text, next_step="nothing to do", blocking=False)]
    if event.sink == "queue" and event.routes == 0:
        text = f"no job follows from {event.type}"
        found.append(Finding(code="no_routes", text=text, next_step="nothing to do", blocking=False))
    elif event.sink == "queue" and not caused:
        text = f"{event.routes} jobs should follow from it and there are none"
        found.append(
            Finding(code="lost", text=text, next_step="report it, with: headwater outbox verify --json", blocking=True)
        )
    found += [_of_execution(execution) for execution in caused]
    waiting = {JOBS[e.job].queue for e in caused if e.state is JobState.QUEUED and e.job in JOBS}
    return found + [_of_hold(hold) for hold in holds if waiting and (hold.scope == "tenant" or hold.name in waiting)]


def _of_hold(hold: Hold) -> Finding:
    what, name = (f"the queue {hold.name}", hold.name) if hold.scope == "queue" else ("this tenant", "SLUG")
    match hold.held:
        case "paused":
            text, step = f"{hold.by} paused {what} ({hold.reason or 'no reason given'})", "end the pause"
            if hold.scope == "queue":
                step += f": headwater limits resume queue {name}"
        case "max_running":
            text = f"{hold.max_running} jobs of {what} run, and no more may"
            step = f"nothing to do: it starts as they end; to allow more: headwater limits set {hold.scope} {name}"
        case "rate":
            text = f"{hold.per_s:g} jobs of {what} may start in a second, and have"
            step = f"nothing to do: it starts when it is due; to allow more: headwater limits set {hold.scope} {name}"
    return Finding(code=f"{hold.scope}_{_HELD[hold.held]}", text=text, next_step=step, blocking=True)


def _of_execution(execution: CausedExecution) -> Finding:
    state, name = execution.state, f"{execution.job} {execution.id}"
    link = {
        "made": "",
        "absorbed": " (it existed already and absorbed this event)",
        "redelivered": " (delivered again)",
    }
    text = f"{name}{link[execution.link]} is {state.value}"
    step, blocking = "nothing to do", False
    if execution.result is not None:
        text += f"; it answered {json.dumps(execution.result, ensure_ascii=False)[:500]}"
    elif execution.progress is not None and execution.finished_at is None:
        text += f", {execution.progress.in_words()}"
    if state is JobState.WAITING:
        retry_at = next((a.retry_at for a in reversed(execution.attempts) if a.retry_at), None)
        text += f" after {execution.failures} failures ({execution.error_class}: {execution.error})"
        step = f"it is tried again at {retry_at:%Y-%m-%d %H:%M:%S} UTC" if retry_at else "its retry is due"
    elif state in (JobState.DEAD, JobState.QUARANTINED):
        text += f": {execution.error_class}: {execution.error}"
        step, blocking = f"mend the cause, then: headwater jobs retry {execution.id}", True
    elif state is JobState.CANCELLED:
        step = f"to run it after all: headwater jobs retry {execution.id}"
    elif state in (JobState.QUEUED, JobState.RUNNING):
        step = "ask again in a moment"
    return Finding(code=f"job_{state.value}", text=text, next_step=step, blocking=blocking)
