"""Enrichments done again: what vendors and sites said then, by today's rules. Nobody is asked, nothing is written until applied."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from contracts.errors import Conflict, NotFound
from contracts.run_replays import ReplayLeads, ReplayView
from contracts.runs import RunStatus
from contracts.survivorship import SetSurvivorship
from db import enrichment_replays, survivorship
from db.transaction import transaction
from tests.enrichment.house import House, Site
from tests.matching.merging import merge_leads


def said(found: ReplayView) -> dict[str, int]:
    return {f"{c.kind} {c.change}": c.count for c in found.summary}


async def forget(house: House, lead: UUID) -> None:
    """As if older code had read less: columns that were not filled, a fact that was not seen."""
    about = "WHERE id = (SELECT {} FROM app.leads WHERE id = $1)"
    await house.conn.execute(
        f"UPDATE app.companies SET industry = NULL, employees = NULL {about.format('company_id')}", lead
    )
    await house.conn.execute(f"UPDATE app.contacts SET title = NULL {about.format('contact_id')}", lead)
    await house.conn.execute(
        "DELETE FROM app.field_values WHERE field = 'title' AND entity_id = (SELECT contact_id FROM app.leads WHERE id = $1)",
        lead,
    )


async def columns(house: House, lead: UUID) -> dict[str, Any]:
    row = await house.conn.fetchrow(
        "SELECT c.industry, c.employees, c.phone, p.title FROM app.leads l JOIN app.companies c ON c.id = l.company_id"
        " LEFT JOIN app.contacts p ON p.id = l.contact_id WHERE l.id = $1",
        lead,
    )
    return dict(row or {})


async def test_what_differs_is_shown_then_written_and_nobody_is_asked(house: House) -> None:
    # B.03
    chosen = await house.enriched(4)
    rows = {each: await columns(house, each) for each in chosen}
    lead, whole = next((each, row) for each, row in rows.items() if row["title"] and row["industry"])
    known, asked = await house.known(lead), house.requests()
    calls = await house.conn.fetchval("SELECT count(*) FROM app.vendor_calls")
    same = await house.replayed(*chosen)
    assert (same.run.status, same.summary, same.leads_not_replayable) == (RunStatus.COMPLETED, [], [])
    assert (same.pages > 0, same.replay_of, same.run.kind) == (True, None, "replay")

    await forget(house, lead)
    before = await house.stands()
    shown = await house.replayed(*chosen)
    assert await house.stands() == before
    assert said(shown) == {"company changed": 1, "contact changed": 1}
    by_kind = {d.kind: d for d in shown.entities}
    assert by_kind["company"].fields["industry"] == {"from": None, "to": whole["industry"]}
    facts = [name for name in by_kind["contact"].fields if name.startswith("fact ")]
    assert [by_kind["contact"].fields[name] for name in facts] == [{}] * len(facts) != [], (
        "no value of a person is kept"
    )

    applied = await house.replayed(*chosen, apply=True)
    assert said(applied) == said(shown)
    assert await columns(house, lead) == whole
    assert await house.known(lead) == known
    looked = await house.conn.fetch(
        "SELECT aggregate_id FROM app.outbox WHERE type = 'FeaturesRequested' AND payload ->> 'cause' = $1",
        f"replay:{applied.run.id}",
    )
    assert [r["aggregate_id"] for r in looked] == [lead], "the ordinary jobs look at it anew"
    before = await house.stands()
    assert (await house.replayed(*chosen, apply=True)).summary == []
    assert await house.stands() == before
    assert house.requests() == asked
    assert await house.conn.fetchval("SELECT count(*) FROM app.vendor_calls") == calls
    audited = await house.conn.fetchval("SELECT count(*) FROM app.audit_log WHERE action = 'leads.replay'")
    assert audited == 2


async def test_todays_survivorship_is_held_against_what_was_said(house: House) -> None:
    # B.03 B.08
    [lead] = await house.enriched(1)
    company = await house.conn.fetchval("SELECT company_id FROM app.leads WHERE id = $1", lead)
    phone = "UPDATE app.companies SET phone = '+27 31 000 0000' WHERE id = $1"
    await house.conn.execute(phone, company)
    async with transaction(house.pool, house.tenant) as tx:
        wanted = SetSurvivorship(fields={"phone": "source_order"}, source_order=("site",))
        await survivorship.put(tx, house.tenant, wanted, by="tests")
    [difference] = (await house.replayed(lead)).entities
    assert difference.fields == {"phone": {"from": "+27 31 000 0000", "to": Site.phone}}


async def test_what_it_makes_of_the_score_is_shown(house: House) -> None:
    # B.03
    [lead] = await house.enriched(1)
    await forget(house, lead)
    before = await house.conn.fetchval("SELECT count(*) FROM app.score_predictions")
    shown = await house.replayed(lead)
    assert {d.kind for d in shown.scores} <= {"score"}
    assert await house.conn.fetchval("SELECT count(*) FROM app.score_predictions") == before


async def test_leads_that_cannot_be_done_again_are_named_and_nobody_is_asked(house: House) -> None:
    # B.03
    lost, unwalked, one, other = await house.enriched(4)
    stands, gone, _ = await merge_leads(house.pool, house.tenant, one, other)
    await house.work()
    operation = await house.conn.fetchval(
        "SELECT s.operation FROM app.waterfall_steps s JOIN app.enrichments e ON e.id = s.enrichment_id"
        " WHERE e.lead_id = $1 AND s.item_id IS NOT NULL ORDER BY s.field = 'company' DESC, s.place LIMIT 1", lost,
    )  # fmt: skip
    await house.conn.execute(
        "UPDATE app.vendor_items SET state = 'forfeited', outcome = NULL, response = NULL WHERE id IN (SELECT s.item_id"
        " FROM app.waterfall_steps s JOIN app.enrichments e ON e.id = s.enrichment_id WHERE e.lead_id = $1 AND s.operation = $2)",
        lost,
        operation,
    )
    await house.conn.execute(
        "DELETE FROM app.crawl_sites WHERE domain = (SELECT c.domain FROM app.leads l JOIN app.companies c ON c.id = l.company_id"
        " WHERE l.id = $1)", unwalked,
    )  # fmt: skip
    unasked: UUID = await house.conn.fetchval(
        "INSERT INTO app.leads (tenant_id, company_id, icp_profile_id, source) SELECT tenant_id, company_id,"
        " gen_random_uuid(), 'x' FROM app.leads WHERE id = $1 RETURNING id", lost,
    )  # fmt: skip
    asked = house.requests()
    found = await house.replayed(lost, unwalked, gone, unasked, stands, apply=True)
    assert (found.run.status, found.run.error_code) == (RunStatus.PARTIAL, "not_replayable")
    assert {g.lead_id: (g.reason, g.operations) for g in found.leads_not_replayable} == {
        lost: ("answer_gone", [operation]),
        unwalked: ("answer_gone", ["site"]),
        gone: ("lead_merged", []),
        unasked: ("not_enriched", []),
    }
    assert house.requests() == asked


async def test_what_is_asked_for_must_make_sense(house: House) -> None:
    # B.03
    for body in ({}, {"lead_ids": [str(uuid4())], "run_id": str(uuid4())}):
        with pytest.raises(ValidationError):
            ReplayLeads.model_validate(body)

    async def refused(**body: Any) -> str:
        async with transaction(house.pool, house.tenant) as tx:
            asked = ReplayLeads.model_validate(body)
            with pytest.raises((NotFound, Conflict)) as error:
                await enrichment_replays.start(tx, house.tenant, asked, by="tests", triggered_by="tests")
        return error.value.code

    assert await refused(lead_ids=[uuid4()]) == "lead_not_found"
    assert await refused(run_id=uuid4()) == "run_not_found"
