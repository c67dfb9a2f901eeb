"""The rules that no run's end wakes: looked at once a minute, over all tenants at once, by one worker of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.alert_rules import BASELINE, FEWEST, SLOW_FACTOR, SLOW_FLOOR_S
from contracts.alerts import Severity
from contracts.tenants import SYSTEM_TENANT
from contracts.timing import stagger
from db import alerts
from db.sql import load
from db.transaction import Tx

SQL = load("alert_looks")
#: Seconds between two looks.
EVERY_S = 60.0
#: A run that has not begun, or a schedule that was not fired, after this many seconds is late (domain.md: within 15 minutes).
LATE_S = 900.0
OUTBOX_S = 300.0
NEARLY, SPENT = 0.8, 1.0
#: What goes on is counted again at most so often, in seconds: a look a minute would only write.
COUNT_S = 600.0

LATE_RUN = "run.late"
LATE_SCHEDULE = "schedule.late"
FAILED_SCHEDULE = "schedule.failed"
RUNNING_LONG = "run.running_long"
NEARLY_SPENT = "budget.nearly_spent"
BUDGET_SPENT = "budget.spent"
DEAD_LETTERS = "dead_letters.open"
OUTBOX_AGE = "outbox.age"
RULES: tuple[str, ...] = (
    LATE_RUN, LATE_SCHEDULE, FAILED_SCHEDULE, RUNNING_LONG, NEARLY_SPENT, BUDGET_SPENT, DEAD_LETTERS, OUTBOX_AGE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is so now, and wants a person's eye."""

    tenant: UUID
    rule: str
    scope: str
    severity: Severity
    evidence: dict[str, Any]


async def claim(tx: Tx, every_s: float = EVERY_S) -> bool:
    """Is this look ours? Workers ask one after the other; False: another had it within `every_s` seconds. System role."""
    return await tx.fetchval(SQL["claim"], SYSTEM_TENANT, every_s) is not None


async def look(tx: Tx) -> tuple[int, int]:
    """Open what is so, resolve what is over. Returns (opened, resolved). System role."""
    found = {(c.tenant, c.rule, c.scope[:200]): c for c in await conditions(tx)}
    known = {
        (r["tenant_id"], r["rule"], r["scope"]): r["seen_s"] for r in await tx.fetch(alerts.SQL["standing"], RULES)
    }
    opened = 0
    for key, each in sorted(found.items()):
        if known.get(key, COUNT_S) >= COUNT_S:
            opened += await alerts.raise_(tx, each.tenant, each.rule, each.scope, each.severity, each.evidence)
    over = sorted(known.keys() - found.keys())
    return opened, sum([await alerts.resolve(tx, *key) for key in over])


async def conditions(tx: Tx) -> list[Condition]:
    """What is so now, of every tenant. System role."""
    return [
        *await _rows(tx, LATE_RUN, "error", "late_runs", LATE_S, threshold_s=LATE_S),
        *await _late_schedules(tx),
        *await _rows(tx, FAILED_SCHEDULE, "error", "failed_schedules"),
        *await _rows(
            tx, RUNNING_LONG, "warning", "long_runs", SLOW_FACTOR, BASELINE, FEWEST, SLOW_FLOOR_S, factor=SLOW_FACTOR
        ),
        *await _rows(tx, NEARLY_SPENT, "warning", "budgets", NEARLY, threshold=NEARLY),
        *await _rows(tx, BUDGET_SPENT, "error", "budgets", SPENT, threshold=SPENT),
        *await _rows(tx, DEAD_LETTERS, "error", "dead_letters", threshold=1),
        *await _rows(tx, OUTBOX_AGE, "critical", "outbox", OUTBOX_S, threshold_s=OUTBOX_S),
    ]


async def _late_schedules(tx: Tx) -> list[Condition]:
    """Schedules whose time, with their stagger, is LATE_S past: nobody fires them, or they cannot be fired (`failures`)."""
    made = []
    for row in await tx.fetch(SQL["late_schedules"], LATE_S):
        late_s = row["since_s"] - stagger(row["id"], row["jitter_s"]).total_seconds()
        if late_s > LATE_S:
            evidence = {
                "late_s": _plain(late_s), "schedule": str(row["id"]), "kind": row["kind"], "failures": row["failures"],
                "error": row["error"], "threshold_s": LATE_S,
            }  # fmt: skip
            made.append(Condition(row["tenant_id"], LATE_SCHEDULE, row["scope"], "error", evidence))
    return made


async def _rows(
    tx: Tx, rule: str, severity: Severity, query: str, *values: float | int, **baseline: float
) -> list[Condition]:
    made = []
    for row in await tx.fetch(SQL[query], *values):
        evidence = {name: _plain(value) for name, value in row.items() if name not in ("tenant_id", "scope")}
        made.append(Condition(row["tenant_id"], rule, row["scope"], severity, {**evidence, **baseline}))
    return made


def _plain(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
