"""Model versions: made in SHADOW, promoted, archived, rolled back; one ACTIVE a family, changed in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.errors import Conflict, NotFound
from contracts.events import EvaluationRequested, ModelTrained
from contracts.learning import LEAD_FAMILY, Decision, EvaluationRow, ModelDetail, ModelRow, Stage, TrainingConfig
from contracts.models import Model
from contracts.runs import RunParams
from db import entities, outbox, runs
from db.access import audit
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("models")

#: Time a training may take, in seconds.
RUNTIME_S = 1800
#: Evaluations shown of one version.
SHOWN = 50


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a training brings."""

    model: Model
    config: TrainingConfig
    metrics: Mapping[str, Any]
    reason: str | None
    data_hash: bytes
    trained_from: datetime
    trained_to: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """What an evaluation found."""

    cause: str
    window_from: datetime | None
    window_to: datetime | None
    passed: bool | None
    decision: Decision
    reason: str
    metrics: Mapping[str, Any]


async def request_training(
    tx: Tx, tenant: UUID, config: TrainingConfig, *, triggered_by: str, requested_by: str | None = None,
    occurrence_key: str | None = None, mode: str = "manual",
) -> tuple[UUID, bool]:  # fmt: skip
    """Start a run of kind `training`. Returns (id, is it new); one occurrence trains once."""
    plain = TrainingConfig.model_validate(config.model_dump())
    params = RunParams(
        channels=(),
        queries=(),
        max_companies=1,
        max_queries=1,
        max_runtime_seconds=RUNTIME_S,
        page_size=1,
        training=plain,
    )
    return await runs.start(
        tx, tenant, params, mode=mode, dry_run=False, triggered_by=triggered_by, kind="training", requested_by=requested_by,
        occurrence_key=occurrence_key,
    )  # fmt: skip


async def add(tx: Tx, tenant: UUID, new: NewVersion, *, run_id: UUID) -> tuple[UUID, int]:
    """Store a version in SHADOW and have it evaluated. Returns (id, version)."""
    family = new.config.family
    await tx.execute(SQL["take_turns"], str(tenant), family)
    row = await tx.fetchrow(
        SQL["add"], tenant, family, new.model.model_dump(mode="json"), new.config.model_dump(mode="json"), dict(new.metrics),
        new.reason, new.data_hash, new.trained_from, new.trained_to, run_id,
    )  # fmt: skip
    assert row is not None
    await outbox.emit(tx, tenant, ModelTrained(model_version_id=row["id"], run_id=run_id), correlation_id=run_id)
    return row["id"], row["version"]


async def list_(
    tx: Tx, tenant: UUID, *, before: UUID | None = None, stage: Stage | None = None, limit: int = 50
) -> list[ModelRow]:
    """Versions, newest first."""
    rows = await tx.fetch(SQL["list"], tenant, before or LAST_UUID, stage, None, limit)
    return [_row(r) for r in rows]


async def get(tx: Tx, tenant: UUID, model_id: UUID) -> ModelRow:
    """One version. Raises: NotFound (`model_not_found`)."""
    row = await tx.fetchrow(SQL["list"], tenant, LAST_UUID, None, model_id, 1)
    if row is None:
        raise NotFound(f"no model version {model_id}", code="model_not_found")
    return _row(row)


async def show(tx: Tx, tenant: UUID, model_id: UUID) -> ModelDetail:
    """One version, whole. Raises: NotFound (`model_not_found`)."""
    row = await get(tx, tenant, model_id)
    whole = await tx.fetchrow(SQL["whole"], tenant, model_id)
    looks = await evaluations(tx, tenant, model_id)
    return ModelDetail.model_validate({**row.model_dump(), **dict(whole or {}), "evaluations": looks})


async def evaluations(tx: Tx, tenant: UUID, model_id: UUID, limit: int = SHOWN) -> list[EvaluationRow]:
    """Looks at a version, newest first."""
    rows = await tx.fetch(SQL["evaluations"], tenant, model_id, limit)
    return [EvaluationRow.model_validate(dict(r)) for r in rows]


async def active(tx: Tx, tenant: UUID, family: str = LEAD_FAMILY) -> UUID | None:
    """The version that decides; None: rules alone do."""
    found: UUID | None = await tx.fetchval(SQL["active"], tenant, family)
    return found


async def request_check(tx: Tx, tenant: UUID, cause: str) -> int:
    """Have every version that decides or is watched held against what came true by now; the nightly step calls this.

    The ACTIVE one is calibrated anew by it, or rolled back when two windows running fail. `cause` names the occasion: the same
    again does nothing. Returns how many versions.
    """
    ids = [r["id"] for r in await tx.fetch(SQL["watched"], tenant)]
    await outbox.emit_many(tx, tenant, [EvaluationRequested(model_version_id=i, cause=cause) for i in ids])
    return len(ids)


async def request_evaluation(tx: Tx, tenant: UUID, model_id: UUID) -> str:
    """Have one version looked at now. Returns the cause. Raises: NotFound."""
    await get(tx, tenant, model_id)
    (asked,) = await entities.new_ids(tx, 1)
    cause = f"asked:{asked}"
    await outbox.emit(tx, tenant, EvaluationRequested(model_version_id=model_id, cause=cause))
    return cause


async def promote(tx: Tx, tenant: UUID, model_id: UUID, *, by: str, reason: str | None, force: bool) -> ModelRow:
    """SHADOW -> ACTIVE when its newest evaluation passed the gate, or by force; the old ACTIVE is archived with it.

    Raises: NotFound; Conflict (`gate_not_passed`, `reason_needed`, `model_archived`).
    """
    row = await _in_turn(tx, tenant, model_id)
    if row.stage == "ACTIVE":
        return row
    if force and not reason:
        raise Conflict("to go past the gate, give a reason: it will stand in the audit log", code="reason_needed")
    if not force:
        looks = await evaluations(tx, tenant, model_id, 1)
        if row.stage == "ARCHIVED" or not looks or looks[0].passed is not True:
            why = looks[0].reason if looks else "it was not evaluated yet"
            raise Conflict(
                f"it does not pass the gate ({why}); evaluate it again, or force it with a reason",
                code="gate_not_passed",
            )
    text = f"promoted by {by}{' past the gate' if force else ''}{': ' + reason if reason else ''}"
    await activate(tx, tenant, model_id, row.family, text)
    await audit(
        tx,
        tenant,
        by,
        "model.promoted",
        "model",
        str(model_id),
        {"version": row.version, "forced": force, "reason": reason},
    )
    return await get(tx, tenant, model_id)


async def activate(tx: Tx, tenant: UUID, model_id: UUID, family: str, reason: str) -> None:
    """Make a version the one that decides. The family's turn is held by the caller (`take_turn`)."""
    old = await active(tx, tenant, family)
    if old is not None and old != model_id:
        await tx.execute(SQL["move"], tenant, old, "ARCHIVED", "a later version was promoted")
    await tx.execute(SQL["move"], tenant, model_id, "ACTIVE", reason)


async def take_turn(tx: Tx, tenant: UUID, family: str = LEAD_FAMILY) -> None:
    """Until the transaction ends nobody else moves versions of the family."""
    await tx.execute(SQL["take_turns"], str(tenant), family)


async def archive(tx: Tx, tenant: UUID, model_id: UUID, *, by: str, reason: str | None) -> ModelRow:
    """Out of use. Where it was ACTIVE, rules alone decide until another is promoted. Raises: NotFound."""
    row = await _in_turn(tx, tenant, model_id)
    if row.stage != "ARCHIVED":
        await tx.execute(
            SQL["move"], tenant, model_id, "ARCHIVED", f"archived by {by}{': ' + reason if reason else ''}"
        )
        await audit(tx, tenant, by, "model.archived", "model", str(model_id), {"was": row.stage, "reason": reason})
    return await get(tx, tenant, model_id)


async def rollback(
    tx: Tx, tenant: UUID, *, by: str, reason: str, family: str = LEAD_FAMILY
) -> tuple[UUID, UUID | None]:
    """ACTIVE -> ARCHIVED, and whoever decided before decides again, if there was one. Returns (left, now deciding or None).

    Raises: Conflict (`nothing_active`).
    """
    await take_turn(tx, tenant, family)
    current = await active(tx, tenant, family)
    if current is None:
        raise Conflict("no version decides: there is nothing to roll back", code="nothing_active")
    before: UUID | None = await tx.fetchval(SQL["before"], tenant, family, current)
    await tx.execute(SQL["move"], tenant, current, "ARCHIVED", f"rolled back: {reason}")
    if before is not None:
        await tx.execute(SQL["move"], tenant, before, "ACTIVE", f"decides again: {reason}")
    now = str(before) if before else None
    await audit(tx, tenant, by, "model.rolled_back", "model", str(current), {"reason": reason, "now": now})
    return current, before


async def undo(tx: Tx, tenant: UUID, model_id: UUID, *, by: str, reason: str) -> ModelRow:
    """Roll back a version if it is the one that decides. Raises: NotFound; Conflict (`not_active`)."""
    row = await _in_turn(tx, tenant, model_id)
    if row.stage != "ACTIVE":
        raise Conflict(f"only the version that decides can be rolled back; this one is {row.stage}", code="not_active")
    await rollback(tx, tenant, by=by, reason=reason, family=row.family)
    return await get(tx, tenant, model_id)


async def split(tx: Tx, tenant: UUID, model_id: UUID, traffic: float, *, by: str) -> ModelRow:
    """Let a SHADOW version decide a share of the leads. Raises: NotFound; Conflict (`not_in_shadow`, `traffic_taken`)."""
    row = await _in_turn(tx, tenant, model_id)
    if row.stage != "SHADOW":
        raise Conflict(f"only a SHADOW version can be given a share; this one is {row.stage}", code="not_in_shadow")
    if await tx.fetchval(SQL["split"], tenant, model_id, traffic) is None:
        raise Conflict("with the other versions that is more than all leads: lower theirs first", code="traffic_taken")
    await audit(tx, tenant, by, "model.traffic", "model", str(model_id), {"was": row.traffic, "traffic": traffic})
    return await get(tx, tenant, model_id)


async def note(tx: Tx, tenant: UUID, model_id: UUID, look: Look) -> None:
    """Keep what an evaluation found, and why the version stands where it stands."""
    await tx.execute(
        SQL["note_evaluation"], tenant, model_id, look.cause, look.window_from, look.window_to, look.passed, look.decision,
        look.reason, dict(look.metrics),
    )  # fmt: skip
    if look.decision in ("stays", "kept"):
        await tx.execute(SQL["because"], tenant, model_id, look.reason)


async def recalibrate(tx: Tx, tenant: UUID, model_id: UUID, by: Mapping[str, float]) -> None:
    """Replace slope, offset and base rate."""
    await tx.execute(SQL["recalibrate"], tenant, model_id, dict(by))


async def _in_turn(tx: Tx, tenant: UUID, model_id: UUID) -> ModelRow:
    family = (await get(tx, tenant, model_id)).family
    await take_turn(tx, tenant, family)
    return await get(tx, tenant, model_id)


def _row(row: Any) -> ModelRow:
    return ModelRow.model_validate({**dict(row), "figures": row["figures"] or {}})
