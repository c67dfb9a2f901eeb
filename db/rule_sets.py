"""Rule sets of ICP profiles: immutable versions that move SHADOW -> ACTIVE -> ARCHIVED, one transaction each (S2.09, B.08)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from contracts.errors import Conflict, NotFound
from contracts.profiles import Profile
from contracts.rule_sets import CreateRuleSet, MoveRuleSet, RuleRow, RuleSet, RuleSetMoved
from contracts.rules import Rule, Ruler
from contracts.scoring import HIGH_FROM, MEDIUM_FROM, Scorer, implied_rules
from db import entities, profiles, scores
from db.access import audit
from db.sql import load
from db.transaction import Tx

SQL = load("rule_sets")


@dataclass(frozen=True, slots=True)
class Scorers:
    """Whose rules decide about a profile's leads, and whose are watched."""

    active: Scorer
    shadow: Scorer | None = None


async def create(tx: Tx, tenant: UUID, profile_id: UUID, body: CreateRuleSet, *, by: str) -> RuleSetMoved:
    """Add a version and put it on its stage; whoever stood there is archived.

    Raises: NotFound (`icp_not_found`); Conflict (`profile_closed`).
    """
    await _lock(tx, tenant, profile_id)
    (set_id,) = await entities.new_ids(tx, 1)
    left = await tx.fetchval(SQL["leave"], tenant, profile_id, body.stage, set_id)
    await tx.execute(
        SQL["add"], tenant, set_id, profile_id, body.stage, body.medium_from, body.high_from, by, body.reason
    )
    rules = body.rules
    await tx.execute(
        SQL["add_rules"], tenant, set_id, [r.type for r in rules], [r.field_key for r in rules], [r.operator for r in rules],
        [None if r.value is None else to_json(r.value).decode() for r in rules], [r.weight for r in rules],
        [r.on_missing for r in rules],
    )  # fmt: skip
    detail = {"profile": str(profile_id), "stage": body.stage, "archived": left and str(left)}
    await audit(tx, tenant, by, "rule_set.created", "rule_set", str(set_id), detail)
    return RuleSetMoved(rule_set=await get(tx, tenant, profile_id, set_id), archived=left)


async def list_(tx: Tx, tenant: UUID, profile_id: UUID) -> list[RuleSet]:
    """Every version, newest first, and the profile's own filters while none is ACTIVE. Raises: NotFound (`icp_not_found`)."""
    profile = await profiles.get(tx, tenant, profile_id)
    made = await _with_rules(tx, tenant, await tx.fetch(SQL["sets"], tenant, profile_id))
    return made if any(s.stage == "ACTIVE" for s in made) else [*made, implied(profile)]


async def get(tx: Tx, tenant: UUID, profile_id: UUID, set_id: UUID) -> RuleSet:
    """One version. Raises: NotFound (`icp_not_found`, `rule_set_not_found`)."""
    found = await _with_rules(tx, tenant, await tx.fetch(SQL["set"], tenant, profile_id, set_id))
    if not found:
        await profiles.get(tx, tenant, profile_id)
        raise NotFound(f"the profile has no rule set {set_id}", code="rule_set_not_found")
    return found[0]


async def promote(tx: Tx, tenant: UUID, profile_id: UUID, set_id: UUID, body: MoveRuleSet, *, by: str) -> RuleSetMoved:
    """Make a version ACTIVE, also one that was archived; the one that was is archived. Again changes nothing.

    Raises: NotFound; Conflict (`profile_closed`).
    """
    await _lock(tx, tenant, profile_id)
    before = await get(tx, tenant, profile_id, set_id)
    left = None
    if before.stage != "ACTIVE":
        left = await tx.fetchval(SQL["leave"], tenant, profile_id, "ACTIVE", set_id)
        await tx.execute(SQL["move"], tenant, profile_id, set_id, "ACTIVE")
        detail = {"profile": str(profile_id), "archived": left and str(left)}
        await audit(tx, tenant, by, "rule_set.promoted", "rule_set", str(set_id), detail)
    asked, more = await scores.ask_profile(tx, tenant, profile_id, body.limit) if body.rescore else (0, 0)
    shown = await get(tx, tenant, profile_id, set_id)
    return RuleSetMoved(rule_set=shown, archived=left, rescoring=asked, left=more)


async def archive(tx: Tx, tenant: UUID, profile_id: UUID, set_id: UUID, *, by: str) -> RuleSet:
    """Take a version out of use; without an ACTIVE one the profile's own filters decide. Again is no error.

    Raises: NotFound; Conflict (`profile_closed`).
    """
    await _lock(tx, tenant, profile_id)
    before = await get(tx, tenant, profile_id, set_id)
    if before.stage != "ARCHIVED":
        await tx.execute(SQL["move"], tenant, profile_id, set_id, "ARCHIVED")
        detail = {"profile": str(profile_id), "was": before.stage}
        await audit(tx, tenant, by, "rule_set.archived", "rule_set", str(set_id), detail)
    return await get(tx, tenant, profile_id, set_id)


async def scorers(tx: Tx, tenant: UUID, profile_id: UUID | None) -> Scorers:
    """Whose rules score the leads of a profile: its ACTIVE set, else its own filters; without a profile whether anybody answers."""
    profile = await profiles.show(tx, tenant, profile_id) if profile_id is not None else None
    rows = await tx.fetch(SQL["standing"], tenant, profile_id) if profile_id is not None else ()
    by_stage = {s.stage: s for s in await _with_rules(tx, tenant, rows)}
    active, shadow = by_stage.get("ACTIVE"), by_stage.get("SHADOW")
    return Scorers(scorer_of(active) if active else implied_scorer(profile), scorer_of(shadow) if shadow else None)


def scorer_of(made: RuleSet) -> Scorer:
    """A stored set made ready to score."""
    given = [Rule.model_validate(r.model_dump(exclude={"id", "position"})) for r in made.rules]
    ids = [r.id for r in made.rules if r.id is not None]
    return Scorer(Ruler(given, ids), made.medium_from, made.high_from, rule_set_id=made.id)


def implied_scorer(profile: Profile | None) -> Scorer:
    return Scorer(Ruler(implied_rules(profile)), implied=profile.version if profile else 0)


def implied(profile: Profile) -> RuleSet:
    """A profile's own filters, shown as the set they stand in for."""
    rules = [RuleRow(id=None, position=n, **rule.model_dump()) for n, rule in enumerate(implied_rules(profile))]
    return RuleSet(
        id=None, icp_profile_id=profile.id, version=0, stage="ACTIVE", medium_from=MEDIUM_FROM, high_from=HIGH_FROM,
        made_by=profile.created_by or "the profile", reason="the profile's own filters: no rule set is ACTIVE",
        created_at=profile.created_at, stage_at=profile.updated_at, rules=rules,
    )  # fmt: skip


async def _with_rules(tx: Tx, tenant: UUID, rows: Sequence[Any]) -> list[RuleSet]:
    found: dict[UUID, list[dict[str, Any]]] = {r["id"]: [] for r in rows}
    for rule in await _rules(tx, tenant, found) if found else ():
        found[rule.pop("rule_set_id")].append(rule)
    return [RuleSet.model_validate({**dict(r), "rules": found[r["id"]]}) for r in rows]


async def _rules(tx: Tx, tenant: UUID, ids: Iterable[UUID]) -> list[dict[str, Any]]:
    return [dict(r) for r in await tx.fetch(SQL["rules"], tenant, list(ids))]


async def _lock(tx: Tx, tenant: UUID, profile_id: UUID) -> None:
    row = await tx.fetchrow(SQL["lock_profile"], tenant, profile_id)
    if row is None:
        raise NotFound(f"no ICP profile {profile_id}", code="icp_not_found")
    if row["closed_at"] is not None:
        raise Conflict("the profile is closed: make a new one", code="profile_closed")
