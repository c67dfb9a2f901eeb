"""Triggers: kept, and fired. A trigger fires for a subject once in a window, whoever looks and however often."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from contracts.accounts import AccountRules, Report
from contracts.errors import Conflict, Invalid, NotFound
from contracts.events import TriggerFired
from contracts.triggers import (
    ChangeTrigger,
    CreateTrigger,
    Trigger,
    TriggerExecution,
    params_of,
)
from db import alerts, outbox
from db.access import audit
from db.paging import LAST_UUID
from db.record_errors import in_parts
from db.sql import load
from db.transaction import Tx

SQL = load("triggers")
#: Subjects one trigger fires for in one run; the others are next in the following ones.
MOST = 1000


async def process(tx: Tx, tenant: UUID, at: datetime, _: AccountRules, say: Callable[[int], None]) -> Report:
    """Fire what is due as of `at`: each execution is a row, and an alert or a fact TriggerFired. `say` hears how many there are.

    A trigger is silent about a subject for `cooldown_days` after it fired; its alerts close when it has been silent that long.
    """
    report = Report()
    rows = {row["id"]: dict(row) for row in await tx.fetch(SQL["enabled"], tenant)}
    say(len(rows))
    fired: dict[str, int] = {}
    closed = 0

    async def work(part: Sequence[UUID]) -> int:
        nonlocal closed
        count = 0
        for trigger in (rows[each] for each in part):
            executions = await _fire(tx, tenant, trigger, at)
            await _tell(tx, tenant, trigger, executions)
            over = await _close(tx, tenant, trigger, at)
            if executions:
                fired[trigger["name"]] = len(executions)
            closed += over
            count += len(executions) + over
        return count

    await in_parts(tx, list(rows), 1, work, report)
    report.detail = {"fired": sum(fired.values()), "firedBy": fired, "alertsResolved": closed}
    return report


async def _fire(tx: Tx, tenant: UUID, trigger: Mapping[str, Any], at: datetime) -> list[Any]:
    """Write the executions that are due. Raises: DataError for parameters that do not fit their rule, however they came there."""
    try:
        params = params_of(trigger["rule"], trigger["params"])
    except Invalid as error:
        raise asyncpg.DataError(error.detail) from error
    rule, action = trigger["rule"], trigger["action"]
    about = (tenant, trigger["id"], at, trigger["cooldown_days"])
    if rule == "account_type_changed":
        types = (params["from_types"], params["to_types"])
        return await tx.fetch(SQL["account_type_changed"], *about, trigger["created_at"], action, *types, MOST)
    if rule == "sample_not_converted":
        return await tx.fetch(SQL["sample_not_converted"], *about, action, params["days"], MOST)
    window = await tx.fetchval(SQL["window"], at, trigger["cooldown_days"])
    if rule == "no_order_for":
        return await tx.fetch(SQL["no_order_for"], *about, window, action, params["days"], params["types"], MOST)
    return await tx.fetch(SQL["stock_below"], *about, window, action, params["days"], MOST)


async def _tell(tx: Tx, tenant: UUID, trigger: Mapping[str, Any], executions: Sequence[Any]) -> None:
    if trigger["action"] == "webhook":
        facts = [
            TriggerFired(
                trigger_id=trigger["id"], execution_id=row["id"], name=trigger["name"], rule=trigger["rule"],
                subject_kind=row["subject_kind"], subject_id=row["subject_id"],
            )
            for row in executions
        ]  # fmt: skip
        await outbox.emit_many(tx, tenant, facts)
        return
    for row in executions:
        scope = f"{row['subject_kind']}:{row['subject_id']}"
        evidence = {**row["evidence"], "trigger_id": str(trigger["id"])}
        await alerts.raise_(tx, tenant, _alert_rule(trigger["name"]), scope, trigger["severity"], evidence)


async def _close(tx: Tx, tenant: UUID, trigger: Mapping[str, Any], at: datetime) -> int:
    rule = _alert_rule(trigger["name"])
    over = [row["scope"] for row in await tx.fetch(SQL["over"], tenant, rule, at, trigger["cooldown_days"])]
    for scope in over:
        await alerts.resolve(tx, tenant, rule, scope)
    return len(over)


def _alert_rule(name: str) -> str:
    return f"trigger.{name}"


async def add(tx: Tx, tenant: UUID, body: CreateTrigger, *, by: str) -> Trigger:
    """Raises: Invalid (`bad_params`); Conflict (`trigger_exists`)."""
    params = params_of(body.rule, body.params)
    row = await tx.fetchrow(
        SQL["add"], tenant, body.name, body.rule, params, body.cooldown_days, body.action, body.severity, body.enabled, by
    )  # fmt: skip
    if row is None:
        raise Conflict(
            f"there is a trigger {body.name!r} already: change it, or choose another name", code="trigger_exists"
        )
    detail = {"name": body.name, "rule": body.rule, "params": params}
    await audit(tx, tenant, by, "trigger.added", "trigger", str(row["id"]), detail)
    return _trigger(row)


async def change(tx: Tx, tenant: UUID, trigger_id: UUID, body: ChangeTrigger, *, by: str) -> Trigger:
    """Raises: NotFound (`trigger_not_found`); Invalid (`bad_params`); Conflict (`trigger_exists`)."""
    standing = await tx.fetchrow(SQL["lock"], tenant, trigger_id)
    if standing is None:
        raise _unknown(trigger_id)
    params = None if body.params is None else params_of(standing["rule"], body.params)
    if body.name is not None and body.name != standing["name"]:
        await _forget(tx, tenant, standing["name"])
    try:
        row = await tx.fetchrow(
            SQL["change"], tenant, trigger_id, body.name, params, body.cooldown_days, body.action, body.severity, body.enabled
        )  # fmt: skip
    except asyncpg.UniqueViolationError:
        raise Conflict(
            f"there is a trigger {body.name!r} already: choose another name", code="trigger_exists"
        ) from None
    detail = body.model_dump(mode="json", exclude_none=True)
    await audit(tx, tenant, by, "trigger.changed", "trigger", str(trigger_id), detail)
    return _trigger(row)


async def remove(tx: Tx, tenant: UUID, trigger_id: UUID, *, by: str) -> None:
    """With its executions; its alerts close. Raises: NotFound (`trigger_not_found`)."""
    standing = await tx.fetchrow(SQL["lock"], tenant, trigger_id)
    if standing is None:
        raise _unknown(trigger_id)
    await _forget(tx, tenant, standing["name"])
    await tx.execute(SQL["remove"], tenant, trigger_id)
    await audit(tx, tenant, by, "trigger.removed", "trigger", str(trigger_id), {"name": standing["name"]})


async def _forget(tx: Tx, tenant: UUID, name: str) -> None:
    """Close the alerts of a trigger that goes, or goes by another name from now on."""
    rule = _alert_rule(name)
    for row in await tx.fetch(SQL["standing"], tenant, rule):
        await alerts.resolve(tx, tenant, rule, row["scope"])


async def show(tx: Tx, tenant: UUID, trigger_id: UUID) -> Trigger:
    """One trigger. Raises: NotFound (`trigger_not_found`)."""
    row = await tx.fetchrow(SQL["show"], tenant, trigger_id)
    if row is None:
        raise _unknown(trigger_id)
    return _trigger(row)


async def list_(tx: Tx, tenant: UUID, *, before: UUID | None = None, limit: int = 50) -> list[Trigger]:
    """Triggers, newest first; `before` is the last id of the page before."""
    return [_trigger(row) for row in await tx.fetch(SQL["list"], tenant, before or LAST_UUID, limit)]


async def executions(
    tx: Tx,
    tenant: UUID,
    *,
    before: UUID | None = None,
    trigger_id: UUID | None = None,
    subject_id: UUID | None = None,
    limit: int = 50,
) -> list[TriggerExecution]:
    """When triggers fired, newest first."""
    rows = await tx.fetch(SQL["executions"], tenant, before or LAST_UUID, trigger_id, subject_id, limit)
    return [TriggerExecution.model_validate(dict(row)) for row in rows]


def _trigger(row: Any) -> Trigger:
    return Trigger.model_validate(dict(row))


def _unknown(trigger_id: UUID) -> NotFound:
    return NotFound(f"no trigger {trigger_id}", code="trigger_not_found")
