"""Two leads whose companies turn out to be one."""

from __future__ import annotations

from uuid import UUID

from contracts.matching import Verdict
from db import matching, merges
from db.transaction import Pool, transaction


async def merge_leads(pool: Pool, tenant: UUID, one: UUID, other: UUID) -> tuple[UUID, UUID, UUID]:
    """Have a person merge the companies of two leads of one profile: (who stands, who points to it, the match)."""
    async with transaction(pool, tenant) as tx:
        rows = await tx.fetch("SELECT id, company_id FROM app.leads WHERE id = ANY($1::uuid[])", [one, other])
        companies = sorted(r["company_id"] for r in rows)
        said = Verdict(a_id=companies[0], b_id=companies[1], probability=0.8, features={"name_rare": 0.8})
        [match] = (await matching.propose(tx, tenant, [said])).values()
        await merges.merge(tx, tenant, match, by="ada")
        loser = await tx.fetchrow(
            "SELECT id, merged_into FROM app.leads WHERE merged_into IS NOT NULL AND id = ANY($1::uuid[])", [one, other]
        )
    assert loser is not None
    return loser["merged_into"], loser["id"], match
