"""Companies held against profiles (R19): refreshed by upsert and tombstone, with a reason for each that is out (B.05)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic_core import to_json

from contracts.features import extract
from contracts.rule_sets import CandidateRow, CandidateVerdict, Refreshed
from contracts.rules import Judged
from contracts.scoring import Scorer
from db import features, profiles, rule_sets
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Pool, Tx, transaction

SQL = load("candidates")
#: Companies of one transaction.
PAGE = 500
VERDICTS: dict[str, CandidateVerdict] = {"PASSED": "CANDIDATE", "REJECTED": "REJECTED", "DEFERRED": "DEFERRED"}


async def refresh(pool: Pool, tenant: UUID, profile_id: UUID) -> Refreshed:
    """Hold every company of a tenant against a profile's rules, a page a transaction; those that are gone get a tombstone.

    May be stopped and started again at any time. Raises: NotFound (`icp_not_found`).
    """
    async with transaction(pool, tenant) as tx:
        await profiles.require_open(tx, tenant, profile_id)
        began: datetime = await tx.fetchval(SQL["now"])
        scorer = (await rule_sets.scorers(tx, tenant, profile_id)).active
    after: UUID | None = features.NO_ID
    changed = 0
    while after is not None:
        async with transaction(pool, tenant) as tx:
            after, more = await _page(tx, tenant, profile_id, scorer, after)
        changed += more
    async with transaction(pool, tenant) as tx:
        return await _refreshed(tx, tenant, profile_id, began, changed)


async def rehearse(tx: Tx, tenant: UUID, profile_id: UUID) -> Refreshed:
    """The same in the caller's transaction, which means to roll it back."""
    began: datetime = await tx.fetchval(SQL["now"])
    scorer = (await rule_sets.scorers(tx, tenant, profile_id)).active
    after: UUID | None = features.NO_ID
    changed = 0
    while after is not None:
        after, more = await _page(tx, tenant, profile_id, scorer, after)
        changed += more
    return await _refreshed(tx, tenant, profile_id, began, changed)


async def _refreshed(tx: Tx, tenant: UUID, profile_id: UUID, began: datetime, changed: int) -> Refreshed:
    gone = len(await tx.fetch(SQL["bury"], tenant, profile_id, began))
    n = {r["verdict"]: r["n"] for r in await tx.fetch(SQL["counts"], tenant, profile_id)}
    of = (n.get("CANDIDATE", 0), n.get("REJECTED", 0), n.get("DEFERRED", 0))
    return Refreshed(
        companies=sum(of), candidates=of[0], rejected=of[1], deferred=of[2], gone=gone, changed=changed + gone
    )


async def _page(tx: Tx, tenant: UUID, profile_id: UUID, scorer: Scorer, after: UUID) -> tuple[UUID | None, int]:
    """Returns (where the next page starts, of how many companies something else is said than before)."""
    ids = await features.companies_after(tx, tenant, after, PAGE)
    if not ids:
        return None, 0
    before = {
        r["company_id"]: (r["verdict"], r["fit"], r["coverage"], r["reasons"])
        for r in await tx.fetch(SQL["before"], tenant, profile_id, ids)
    }
    judged: list[tuple[UUID, Judged]] = []
    for company in await features.of_companies(tx, tenant, ids):
        judged.append((company.company_id, scorer.ruler.judge(extract(company.stored))))
    await tx.execute(
        SQL["put"], tenant, profile_id, scorer.rule_set_id, [c for c, _ in judged], [VERDICTS[j.verdict] for _, j in judged],
        [j.fit for _, j in judged], [j.coverage for _, j in judged],
        [to_json([r.model_dump(mode="json") for r in j.reasons]).decode() for _, j in judged],
    )  # fmt: skip
    now = {
        company: (VERDICTS[j.verdict], j.fit, j.coverage, [r.model_dump(mode="json") for r in j.reasons])
        for company, j in judged
    }
    changed = sum(before.get(company) != said for company, said in now.items())
    return (ids[-1] if len(ids) == PAGE else None), changed


async def list_(
    tx: Tx,
    tenant: UUID,
    profile_id: UUID,
    *,
    before: UUID | None = None,
    verdict: CandidateVerdict | None = None,
    gone: bool = False,
    limit: int = 50,
) -> list[CandidateRow]:
    """What the last refresh said of each company (B.05); `gone`: also of those that are no more.

    Raises: NotFound (`icp_not_found`).
    """
    await profiles.get(tx, tenant, profile_id)
    rows = await tx.fetch(SQL["list"], tenant, profile_id, before or LAST_UUID, verdict, gone, limit)
    return [CandidateRow.model_validate(dict(r)) for r in rows]
