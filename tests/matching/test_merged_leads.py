"""A lead that a merge pointed to another: what is said of it is said of that other, and nothing of its own goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from contracts.jobs import EnrichLead
from contracts.learning import GiveFeedback
from db import enrichments, exports, feedback, labels, leads, merges
from db.transaction import transaction
from tests.matching.ground import Ground
from tests.matching.merging import merge_leads
from tests.worker.asking import attempt
from worker.enrichment import jobs
from worker.providers.registry import Registry


async def merged(ground: Ground) -> tuple[UUID, UUID, UUID]:
    _, one = await ground.lead("Karoo", country="ZA", domain="karoo.example")
    _, other = await ground.lead("Karoo Workwear", country="ZA", domain="karoo-workwear.example")
    return await merge_leads(ground.pool, ground.tenant, one, other)


async def labelled(ground: Ground) -> dict[UUID, list[float]]:
    """The outcome labels of each lead, after those of all feedback were written."""
    async with transaction(ground.pool, ground.tenant) as tx:
        for row in await tx.fetch("SELECT id FROM app.lead_feedback ORDER BY id"):
            said = await feedback.show(tx, ground.tenant, row["id"])
            assert said is not None
            await labels.from_feedback(tx, ground.tenant, said)
        rows = await tx.fetch("SELECT lead_id, value FROM app.labels WHERE kind <> 'icp' ORDER BY id")
    found: dict[UUID, list[float]] = {}
    for row in rows:
        found.setdefault(row["lead_id"], []).append(row["value"])
    return found


async def test_feedback_about_it_is_the_other_ones_and_its_labels_too(ground: Ground) -> None:
    # S2.12 R13
    _, one = await ground.lead("Karoo", country="ZA", domain="karoo.example")
    _, other = await ground.lead("Karoo Workwear", country="ZA", domain="karoo-workwear.example")
    said = GiveFeedback(verdict="won", source="crm", source_event="odoo:7")
    async with transaction(ground.pool, ground.tenant) as tx:
        for lead in (one, other):
            await feedback.give(tx, ground.tenant, lead, said.model_copy(update={"source_event": str(lead)}), by="ada")
    stands, gone, _ = await merge_leads(ground.pool, ground.tenant, one, other)
    assert set(await labelled(ground)) == {stands}
    async with transaction(ground.pool, ground.tenant) as tx:
        first, new = await feedback.give(tx, ground.tenant, gone, said, by="ada")
        assert (first.lead_id, new) == (stands, True)
        before = said.model_copy(update={"source_event": str(gone)})
        again, new = await feedback.give(tx, ground.tenant, gone, before, by="ada")
        assert (again.lead_id, new) == (gone, False), "said before the merge, and not said twice"
        listed = await feedback.list_(tx, ground.tenant, gone)
        assert listed == await feedback.list_(tx, ground.tenant, stands)
        assert len(listed) == 3
    assert set(await labelled(ground)) == {stands}


async def test_it_is_in_no_export_and_its_page_is_the_other_ones(ground: Ground) -> None:
    # R13
    stands, gone, match = await merged(ground)

    async def exported() -> str:
        return "".join([text async for text in exports.lines(ground.pool, ground.tenant, "leads", exports.Filters())])

    text = await exported()
    assert (str(stands) in text, str(gone) in text) == (True, False)
    async with transaction(ground.pool, ground.tenant) as tx:
        shown: Any = await leads.show(tx, ground.tenant, gone)
        assert shown["id"] == stands
        await merges.undo(tx, ground.tenant, match, by="ada")
    assert str(gone) in await exported()


async def test_through_several_merges_it_is_the_last_one(ground: Ground) -> None:
    # R13
    _, last = await ground.lead("First of all", country="ZA", domain="first.example")
    stands, gone, _ = await merged(ground)
    final, between, _ = await merge_leads(ground.pool, ground.tenant, last, stands)
    assert (final, between) == (last, stands)
    async with transaction(ground.pool, ground.tenant) as tx:
        assert await merges.lead_root(tx, ground.tenant, gone) == last
        assert await merges.lead_family(tx, ground.tenant, last) == sorted([last, stands, gone])


async def test_its_enrichment_stops_and_says_why(ground: Ground) -> None:
    # R13 S2.05
    stands, gone, _ = await merged(ground)
    ctx = replace(await attempt(ground.pool, ground.tenant), ports=Registry({}, {}))
    await jobs.run(ctx, EnrichLead(lead_id=gone, cause="late"))
    async with transaction(ground.pool, ground.tenant) as tx:
        [made] = await enrichments.list_(tx, ground.tenant, gone)
        assert await enrichments.list_(tx, ground.tenant, stands) == []
    assert (made.status, made.error_code, made.cost_usd) == ("FAILED", "lead_merged", 0)
    assert made.error is not None
    assert str(stands) in made.error
