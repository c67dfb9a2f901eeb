"""Snapshots of what is known, and the scores they got. One score a lead decides; the others were watched, or are older."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from contracts.events import FeaturesComputed, FeaturesRequested, LeadScored
from contracts.features import SNAPSHOT_VERSION, SOURCE_VERSION, fingerprint
from contracts.fields import Known
from contracts.models import Model
from contracts.nights import night_of
from contracts.rules import Judged
from contracts.scores import LatestScore, ScoreHistory
from contracts.scoring import FAMILY, Scored, Scorer, Version
from db import entities, outbox
from db.sql import load
from db.transaction import Tx

SQL = load("scores")
#: A percentile is a place among so many of the newest scores, and says nothing among fewer than LEAST.
RECENT = 500
LEAST = 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was known of a lead. `current`: it is still what is known; `merged_into`: the lead that stands for it since a merge."""

    id: UUID
    lead_id: UUID
    icp_profile_id: UUID | None
    source_version: str
    feature_vector_hash: bytes
    vector: dict[str, Any]
    current: bool | None
    merged_into: UUID | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A score to be kept: under which rules and model, and what is said about it."""

    scored: Scored
    rule_set_id: UUID | None
    model_version_id: UUID | None
    decides: bool
    rationale: str | None = None


async def lock_lead(tx: Tx, tenant: UUID, lead_id: UUID) -> UUID | None:
    """Keep a lead to oneself until the end of the transaction; of one that was merged into another, that other. Gives which.

    None: there is none.
    """
    at = lead_id
    while (row := await tx.fetchrow(SQL["lock_lead"], tenant, at)) is not None and row["merged_into"] is not None:
        at = row["merged_into"]
    return at if row is not None else None


async def keep_snapshot(
    tx: Tx,
    tenant: UUID,
    lead_id: UUID,
    profile_id: UUID | None,
    vector: Mapping[str, Known],
    judged: Judged,
    by: Scorer,
    cause: str,
) -> UUID:
    """Store what is known, or find it stored (S2.10); it is the lead's own from now on, and `FeaturesComputed` says so.

    Rules that a profile implies are part of where a snapshot comes from: a profile that changed gives another one. The lead must be
    locked.
    """
    source = SOURCE_VERSION if by.implied is None else f"{SOURCE_VERSION}/p{by.implied}"
    key = (lead_id, profile_id, SNAPSHOT_VERSION, source, fingerprint(vector))
    reasons = [r.model_dump(mode="json") for r in judged.reasons]
    snapshot_id: UUID | None = await tx.fetchval(
        SQL["add_snapshot"], tenant, *key, dict(vector), judged.verdict, reasons
    )
    if snapshot_id is None:
        snapshot_id = await tx.fetchval(SQL["same_snapshot"], tenant, *key)
        assert snapshot_id is not None
    await tx.execute(SQL["stand_on"], tenant, lead_id, snapshot_id)
    event = FeaturesComputed(lead_id=lead_id, snapshot_id=snapshot_id, cause=cause)
    await outbox.emit(tx, tenant, event, correlation_id=lead_id)
    return snapshot_id


async def snapshot(tx: Tx, tenant: UUID, snapshot_id: UUID) -> Snapshot | None:
    row = await tx.fetchrow(SQL["snapshot"], tenant, snapshot_id)
    return Snapshot(**dict(row)) if row else None


async def versions(tx: Tx, tenant: UUID) -> list[Version]:
    """The ACTIVE model, and the newest five in SHADOW. Empty: rules alone."""
    rows = await tx.fetch(SQL["versions"], tenant, FAMILY)
    return [Version(r["id"], Model.model_validate(r["model"]), r["active"], r["traffic"]) for r in rows]


async def rationale(tx: Tx, tenant: UUID, of: Snapshot, rule_set_id: UUID | None, model_id: UUID | None) -> str | None:
    """What was said of an equal vector under the same rules and model, if anything was."""
    said: str | None = await tx.fetchval(
        SQL["rationale"], tenant, of.feature_vector_hash, of.icp_profile_id, of.source_version, rule_set_id, model_id
    )
    return said


async def keep(
    tx: Tx, tenant: UUID, of: Snapshot, predictions: Sequence[Prediction], *, export: bool, cause: str | None = None
) -> tuple[UUID | None, bool]:
    """Store predictions of a lead's snapshot; the one that decides takes the place of what decided before.

    `LeadScored` goes out when another prediction decides than before. The lead must be locked. Returns (the deciding one's id, is
    it another one than before). `cause`: of the look, which the event passes on to a night.
    """
    before: UUID | None = await tx.fetchval(SQL["stand_down"], tenant, of.lead_id)
    deciding: UUID | None = None
    for each in predictions:
        scored = each.scored
        place = None
        if each.decides:
            place = await tx.fetchval(SQL["percentile"], tenant, scored.score, of.lead_id, RECENT, LEAST)
        kept = await tx.fetchval(
            SQL["keep"], tenant, of.lead_id, of.id, each.rule_set_id, each.model_version_id, each.decides, scored.probability,
            scored.score, place, scored.band, scored.fit, scored.coverage, scored.base_log_odds,
            [asdict(c) for c in scored.contributions], each.rationale, scored.rejected,
            [r.model_dump(mode="json") for r in scored.reasons],
        )  # fmt: skip
        if each.decides:
            deciding = kept
            if kept != before:
                event = LeadScored(
                    lead_id=of.lead_id, prediction_id=kept, band=scored.band, score=scored.score, export=export,
                    cause=cause if night_of(cause) is not None else None,
                )  # fmt: skip
                await outbox.emit(tx, tenant, event, correlation_id=of.lead_id)
    return deciding, deciding != before


async def latest(tx: Tx, tenant: UUID, lead_ids: Sequence[UUID], *, whole: bool = False) -> dict[UUID, LatestScore]:
    """The score that decides about each lead; contributions only if `whole`."""
    found: dict[UUID, LatestScore] = {}
    for row in await tx.fetch(SQL["latest"], tenant, list(lead_ids)):
        said = dict(row)
        if not whole:
            said["contributions"] = None
        found[said.pop("lead_id")] = LatestScore.model_validate(said)
    return found


async def history(tx: Tx, tenant: UUID, lead_id: UUID) -> ScoreHistory | None:
    """A lead's newest snapshots with every score of each; None for an unknown lead."""
    if not await tx.fetchval(SQL["there"], tenant, lead_id):
        return None
    by_snapshot: dict[UUID, list[dict[str, Any]]] = {}
    for row in await tx.fetch(SQL["scores"], tenant, lead_id):
        by_snapshot.setdefault(row["snapshot_id"], []).append(dict(row))
    rows = [
        {**dict(r), "scores": by_snapshot.get(r["id"], [])} for r in await tx.fetch(SQL["snapshots"], tenant, lead_id)
    ]
    return ScoreHistory.model_validate({"lead_id": lead_id, "items": rows})


async def ask(tx: Tx, tenant: UUID, lead_ids: Sequence[UUID], *, limit: int, again: bool) -> list[UUID]:
    """Have leads looked at and scored: the named ones, or the newest enriched ones without a score (`again`: with one, too)."""
    if lead_ids:
        rows = await tx.fetch(SQL["named"], tenant, list(lead_ids))
    else:
        rows = await tx.fetch(SQL["unscored"], tenant, limit, again)
    return await _ask(tx, tenant, [r["id"] for r in rows])


async def ask_profile(tx: Tx, tenant: UUID, profile_id: UUID, limit: int) -> tuple[int, int]:
    """Have a profile's leads scored again, newest first. Returns (asked for, left over)."""
    rows = await tx.fetch(SQL["of_profile"], tenant, profile_id, limit)
    asked = await _ask(tx, tenant, [r["id"] for r in rows])
    return len(asked), (rows[0]["n"] if rows else 0) - len(asked)


async def vectors(tx: Tx, tenant: UUID, profile_id: UUID, limit: int) -> list[dict[str, Any]]:
    """What is known of a profile's leads, newest first: id, company_name, vector."""
    return [dict(r) for r in await tx.fetch(SQL["vectors"], tenant, profile_id, limit)]


async def _ask(tx: Tx, tenant: UUID, ids: list[UUID]) -> list[UUID]:
    if ids:
        (cause,) = await entities.new_ids(tx, 1)
        await outbox.emit_many(tx, tenant, [FeaturesRequested(lead_id=i, cause=f"asked:{cause}") for i in ids])
    return ids
