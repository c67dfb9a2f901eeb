"""matching.scan: companies that nobody has compared yet are held against those most like them; rounds go on until none is left."""

from __future__ import annotations

from itertools import combinations
from uuid import UUID

import structlog

from contracts.duplicates import Scorer
from contracts.errors import Conflict
from contracts.jobs import Payload, ScanMatches
from db import matching, merges
from db.pair_models import shipped
from db.transaction import Tx
from worker.context import Context, Stopped
from worker.matching.compare import judge, sure, told
from worker.matching.learning import LEAST, NEW, adapted

log = structlog.get_logger("worker")

#: Companies that one job compares.
ROUND = 500
BY = "matching"


async def scan(ctx: Context, _args: ScanMatches) -> None:
    """Compare a round: likely pairs go to the review queue, sure ones are merged, and the next round is asked for."""
    async with ctx.read() as tx:
        ids = await matching.uncompared(tx, ctx.tenant, ROUND)
        pairs = await matching.candidates(tx, ctx.tenant, ids)
        known = await matching.suspects(tx, ctx.tenant, sorted({id_ for pair in pairs for id_ in pair}))
        apart = await matching.apart(tx, ctx.tenant, list(known))
        own = await matching.model(tx, ctx.tenant)
        rarity = await matching.rarity(tx, ctx.tenant)
        due = await matching.count_answers(tx, ctx.tenant) >= max(LEAST, own.answers + NEW)
        answers = await matching.answered(tx, ctx.tenant) if due else []
    learned = adapted(shipped(), answers)
    score = Scorer(learned[0] if learned else own.model, rarity)
    verdicts = judge(pairs, known, score)
    groups = sure(verdicts, known, score, apart)
    within = {pair for group in groups for pair in combinations(group, 2)}
    to_merge = [[told(group[0], other, known, score) for other in group[1:]] for group in groups]
    async with ctx.write() as tx:
        await merges.lock(tx, ctx.tenant, {id_ for group in groups for id_ in group})
        asked = [v for v in verdicts if (v.a_id, v.b_id) not in within] + [v for group in to_merge for v in group]
        if learned is not None:
            await matching.adopt(tx, ctx.tenant, *learned)
            own = await matching.model(tx, ctx.tenant)
        new = await matching.propose(tx, ctx.tenant, asked, own.id)
        merged = await _merge(
            tx, ctx.tenant, [new[v.a_id, v.b_id] for g in to_merge for v in g if (v.a_id, v.b_id) in new]
        )
        await matching.mark_compared(tx, ctx.tenant, ids)
        if await matching.uncompared(tx, ctx.tenant, 1):
            await matching.request_scan(tx, ctx.tenant)
    log.info("matching_scanned", companies=len(ids), pairs=len(pairs), proposed=len(new) - merged, merged=merged)


async def _merge(tx: Tx, tenant: UUID, match_ids: list[UUID]) -> int:
    """Merge without asking. What has changed since it was read, so that the two are two now, stays for a person."""
    merged = 0
    for match_id in match_ids:
        try:
            await merges.merge(tx, tenant, match_id, by=BY, how="auto")
            merged += 1
        except Conflict as error:  # refused before anything was written
            log.info("match_left_to_a_person", matchId=str(match_id), code=error.code)
    return merged


async def stopped(_tx: Tx, _tenant: UUID, _args: Payload, why: Stopped) -> None:
    """A round was given up: its companies wait for the next scan."""
    log.warning("matching_not_scanned", errorClass=why.error_class)
