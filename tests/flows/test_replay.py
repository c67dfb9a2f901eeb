"""Replays: what a run read is done again under today's rules. Nobody is asked, and nothing is written until it is applied."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.profiles import CreateProfile
from contracts.rule_sets import CreateRuleSet, MoveRuleSet
from contracts.run_replays import ReplayView
from contracts.runs import RunStatus, RunView
from contracts.settings import Settings
from db import profiles, rule_sets, run_replays, scores
from db.queue import Delivery
from db.transaction import transaction
from tests.flows.business import business
from tests.flows.installation import ROOT, Desk, Installation
from tests.providers.sandbox_fixture import RunningSandbox
from worker.context import Context
from worker.discovery.replay import rescored
from worker.providers.registry import Registry

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("house")]
VENDORS = ("tavily", "gleif", "apollo", "pdl", "hunter", "lusha", "zerobounce", "clearbit", "openai")
JOBURG = "workwear manufacturers Johannesburg"
SUPPLIERS = "corporate clothing suppliers South Africa"


async def replayed(desk: Desk, run: RunView, *, apply: bool = False) -> ReplayView:
    """Replay a run and wait for the end of that."""
    async with transaction(desk.pool, desk.tenant) as tx:
        replay = await run_replays.start(tx, desk.tenant, run.id, apply=apply, by="tests", triggered_by="tests")
    await desk.wake()
    await desk.ended(replay)
    async with transaction(desk.pool, desk.tenant) as tx:
        return await run_replays.show(tx, desk.tenant, run.id, replay, limit=200)


def every_request(sandbox: RunningSandbox) -> dict[str, float]:
    """How often the sandbox was asked, by vendor, searches and look-ups alike."""
    return {vendor: sandbox.totals(vendor)["requests"] for vendor in VENDORS}


def said(found: ReplayView) -> dict[str, int]:
    return {f"{c.kind} {c.change}": c.count for c in found.summary}


async def _rules_that_went_wrong(desk: Desk, run: UUID) -> tuple[UUID, UUID, UUID, UUID]:
    """As if older rules had done worse: a company without its city, one hit put into another company, one without a lead.

    Returns (poorer, wrong, right, without a lead).
    """
    ids = [
        r["company_id"]
        for r in await desk.rows(
            "SELECT r.company_id FROM app.source_records r JOIN app.companies c USING (tenant_id)"
            " WHERE r.tenant_id = {me} AND r.run_id = $1 AND c.id = r.company_id AND c.city IS NOT NULL"
            " GROUP BY 1 HAVING count(*) = 1 ORDER BY 1 LIMIT 4",
            run,
        )
    ]
    poorer, wrong, right, bare = ids
    await desk.one("UPDATE app.companies SET city = NULL WHERE tenant_id = {me} AND id = $1", poorer)
    await desk.one(
        "UPDATE app.source_records SET company_id = $2 WHERE tenant_id = {me} AND run_id = $3 AND company_id = $1",
        right,
        wrong,
        run,
    )
    await desk.one(
        "UPDATE app.source_records SET lead_id = NULL WHERE tenant_id = {me} AND lead_id ="
        " (SELECT id FROM app.leads WHERE tenant_id = {me} AND company_id = $1)",
        bare,
    )
    await desk.one("DELETE FROM app.leads WHERE tenant_id = {me} AND company_id = $1", bare)
    return poorer, wrong, right, bare


async def test_a_replay_shows_what_todays_rules_would_change_and_writes_nothing(
    desk: Desk, sandbox: RunningSandbox
) -> None:
    # B.03
    run = await desk.run(channels=["register", "google"], queries=[JOBURG, SUPPLIERS], max_companies=500)
    poorer, wrong, right, bare = await _rules_that_went_wrong(desk, run.id)
    paid, calls = every_request(sandbox), await desk.one("SELECT count(*) FROM app.vendor_calls")
    before = await business(desk)

    shown = await replayed(desk, run)
    assert await business(desk) == before
    assert every_request(sandbox) == paid
    assert await desk.one("SELECT count(*) FROM app.vendor_calls") == calls
    assert (shown.run.status, shown.run.dry_run, shown.run.kind) == (RunStatus.COMPLETED, True, "replay")
    assert shown.run.counts.discovered == run.counts.discovered
    assert said(shown) == {"company changed": 1, "lead created": 1, "record placed": 1}
    by_kind = {each.kind: each for each in shown.entities}
    city = await desk.one(
        "SELECT r.payload ->> 'city' FROM app.source_records r WHERE r.tenant_id = {me} AND r.company_id = $1", poorer
    )
    assert by_kind["company"].entity_id == poorer
    assert by_kind["company"].fields == {"city": {"from": None, "to": city}}
    assert by_kind["lead"].subject["company_id"] == str(bare)
    names = {r["id"]: r["name"] for r in await desk.rows("SELECT id, name FROM app.companies WHERE tenant_id = {me}")}
    assert by_kind["record"].fields["company"] == {"from": names[wrong], "to": names[right]}
    assert (shown.not_replayable, shown.scores) == ([], [])
    assert (await desk.check(shown.run.id)).ok


async def test_applying_writes_what_differs_and_applying_again_nothing(desk: Desk, sandbox: RunningSandbox) -> None:
    # B.03
    run = await desk.run(channels=["register"], queries=[JOBURG, SUPPLIERS], max_companies=500)
    poorer, _, _, bare = await _rules_that_went_wrong(desk, run.id)
    paid = every_request(sandbox)
    shown = await replayed(desk, run)
    applied = await replayed(desk, run, apply=True)
    assert said(applied) == said(shown) != {}
    assert (applied.run.status, applied.run.dry_run) == (RunStatus.COMPLETED, False)
    assert await desk.one("SELECT city FROM app.companies WHERE tenant_id = {me} AND id = $1", poorer) is not None
    lead = await desk.one("SELECT id FROM app.leads WHERE tenant_id = {me} AND company_id = $1", bare)
    assert lead == next(d.entity_id for d in applied.entities if d.kind == "lead")
    # The new lead goes its way like any other, and the record it came from is there.
    await desk.until(
        "SELECT count(*) = 1 FROM app.outbox WHERE tenant_id = {me} AND type = 'LeadDiscovered' AND aggregate_id = $1"
        " AND status = 'sent'",
        lead,
    )
    record = await desk.rows("SELECT run_id, company_id FROM app.source_records WHERE lead_id = $1", lead)
    assert record == [{"run_id": applied.run.id, "company_id": bare}]
    assert await desk.one("SELECT count(*) FROM app.audit_log WHERE tenant_id = {me} AND action = 'run.replay'") == 1

    before = await business(desk)
    again = await replayed(desk, run, apply=True)
    assert (again.summary, again.run.status) == ([], RunStatus.COMPLETED)
    assert (await replayed(desk, run)).summary == []
    assert await business(desk) == before
    assert every_request(sandbox) == paid
    assert (await desk.proof()).ok


async def test_a_slice_whose_answers_are_gone_is_named_and_not_asked_again(desk: Desk, sandbox: RunningSandbox) -> None:
    # B.03: expired answers are read all the same; lost ones are not bought once more.
    run = await desk.run(channels=["google", "keyword"], queries=[JOBURG], max_companies=500)
    await desk.one(
        "UPDATE app.vendor_items SET live = false, expires_at = app.now() - interval '1 day' WHERE tenant_id = {me}"
    )
    assert run.slices is not None
    lost = run.slices[0]
    await desk.one(
        "UPDATE app.vendor_items i SET state = 'forfeited', outcome = NULL, response = NULL FROM app.run_vendor_items l"
        " WHERE i.tenant_id = {me} AND l.tenant_id = i.tenant_id AND l.item_id = i.id AND l.slice_id = $1",
        lost.id,
    )
    paid = every_request(sandbox)
    found = await replayed(desk, run, apply=True)
    assert found.run.status is RunStatus.PARTIAL
    assert [(g.slice_id, g.pages) for g in found.not_replayable] == [(lost.id, [0])]
    assert found.pages == sum(s.page for s in run.slices) - lost.page
    assert every_request(sandbox) == paid


async def test_the_command_shows_and_applies(desk: Desk, idle: Installation) -> None:
    # B.03
    run = await desk.run(channels=["register"], queries=[JOBURG], max_companies=500)
    poorer, *_ = await _rules_that_went_wrong(desk, run.id)

    async def command(*words: str) -> dict[str, Any]:
        asked = ("runs", "replay", str(run.id), *words, "--json")
        done = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "headwater", *asked, env=idle.environment(), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await done.communicate()
        assert done.returncode == 0
        found: dict[str, Any] = json.loads(said)
        return found

    shown = await command()
    assert (shown["apply"], shown["replay_of"], len(shown["entities"])) == (False, str(run.id), 3)
    assert await desk.one("SELECT city FROM app.companies WHERE tenant_id = {me} AND id = $1", poorer) is None
    applied = await command("--apply")
    assert [e["kind"] for e in applied["entities"]] == [e["kind"] for e in shown["entities"]]
    assert await desk.one("SELECT city FROM app.companies WHERE tenant_id = {me} AND id = $1", poorer) is not None


async def test_a_replay_keeps_to_the_caps_of_its_run(desk: Desk) -> None:
    run = await desk.run(channels=["register"], queries=[JOBURG], max_companies=5)
    assert run.counts.companies_created == 5
    found = await replayed(desk, run)
    assert (found.summary, found.run.counts.companies_created) == ([], 0)


async def _scored(desk: Desk, leads: list[UUID]) -> None:
    """Have leads scored by the ordinary jobs."""
    async with transaction(desk.pool, desk.tenant) as tx:
        await scores.ask(tx, desk.tenant, leads, limit=len(leads), again=True)
    await desk.wake()
    await _quiet(desk)


async def _quiet(desk: Desk) -> None:
    """Wait until everything that was told has been done."""
    await desk.until(
        "SELECT NOT EXISTS (SELECT FROM app.outbox WHERE tenant_id = {me} AND status NOT IN ('sent', 'dead_letter')) AND"
        " NOT EXISTS (SELECT FROM app.job_executions WHERE tenant_id = {me} AND state IN ('queued', 'running'))"
    )


async def _deciding(desk: Desk) -> dict[UUID, dict[str, Any]]:
    rows = await desk.rows(
        "SELECT lead_id, rule_set_id, score, band, rejected FROM app.score_predictions WHERE tenant_id = {me} AND decides"
    )
    return {r.pop("lead_id"): r for r in rows}


async def _rules(desk: Desk, profile: UUID, *rules: dict[str, Any]) -> UUID:
    body = CreateRuleSet.model_validate({"rules": rules, "stage": "ACTIVE"})
    async with transaction(desk.pool, desk.tenant) as tx:
        made = await rule_sets.create(tx, desk.tenant, profile, body, by="tests")
    assert made.rule_set.id is not None
    return made.rule_set.id


async def test_scores_that_todays_rules_would_change_are_shown_then_made_by_the_ordinary_jobs(
    desk: Desk, sandbox: RunningSandbox
) -> None:
    # B.03
    async with transaction(desk.pool, desk.tenant) as tx:
        profile = (await profiles.create(tx, desk.tenant, CreateProfile(name="Near"), by="tests")).id
    near = {"field_key": "companyCountry", "operator": "EQ", "value": "ZA"}
    old = await _rules(desk, profile, near)
    run = await desk.run(channels=["register"], queries=[JOBURG], max_companies=5, icp_profile_id=profile)
    made = await desk.rows(
        "SELECT l.id, l.company_id FROM app.leads l JOIN app.companies c ON c.id = l.company_id"
        " WHERE l.tenant_id = {me} AND l.run_id = $1 ORDER BY c.city IS NOT NULL DESC",
        run.id,
    )
    unscored, *ours = made[:4]
    await _scored(desk, [lead["id"] for lead in ours])
    before = await _deciding(desk)
    whole = dict(before)
    assert {(s["rule_set_id"], s["band"], s["rejected"]) for s in before.values()} == {(old, "HIGH", False)}
    assert (await replayed(desk, run)).summary == []

    # Of three scored leads one is out under today's rules.
    out = ours[1]
    name = await desk.one("SELECT name FROM app.companies WHERE tenant_id = {me} AND id = $1", out["company_id"])
    not_them = {"type": "HARD_FILTER", "field_key": "companyName", "operator": "NEQ", "value": name}
    today = await _rules(desk, profile, near, not_them)
    paid, calls = every_request(sandbox), await desk.one("SELECT count(*) FROM app.vendor_calls")
    business_before = await business(desk)
    shown = await replayed(desk, run)
    assert await business(desk) == business_before
    assert (said(shown), shown.entities, shown.scores_left) == ({"score changed": 1}, [], 0)
    [difference] = shown.scores
    assert (difference.entity_id, difference.subject) == (out["id"], {"name": name})
    assert difference.fields == {"band": {"from": "HIGH", "to": "LOW"}, "rejected": {"from": False, "to": True}}
    assert (
        await desk.one(
            "SELECT count(*) FROM app.outbox WHERE tenant_id = {me} AND correlation_id = $1"
            " AND type = 'FeaturesRequested'",
            shown.run.id,
        )
        == 0
    )

    # Page by page it is the same; leads beyond the bound are counted.
    delivery = Delivery(1, 1, desk.tenant, uuid4(), "discovery", "replay.run", "replay.run", 1, 0, {}, None, None,
                        run.id, False, None)  # fmt: skip
    ctx = Context(desk.pool, Settings(), Registry({}, {}), delivery, lambda: None)
    assert await rescored(ctx, run.id, shown.run.id, page=1) == (shown.scores, 0)
    assert (await rescored(ctx, run.id, shown.run.id, most=2, page=1))[1] == 1

    applied = await replayed(desk, run, apply=True)
    assert (applied.scores, applied.run.status) == (shown.scores, RunStatus.COMPLETED)
    await _quiet(desk)
    after = await _deciding(desk)
    assert after.keys() == before.keys() == {lead["id"] for lead in ours}
    assert after.pop(out["id"]) == {**before.pop(out["id"]), "rule_set_id": today, "band": "LOW", "rejected": True}
    assert after == before
    assert unscored["id"] not in after
    assert (await replayed(desk, run, apply=True)).summary == []

    # The old rules come back, and an entity differs as well: both are shown in one order, and both are made.
    async with transaction(desk.pool, desk.tenant) as tx:
        await rule_sets.promote(tx, desk.tenant, profile, old, MoveRuleSet(rescore=False), by="tests")
    poorer = await desk.one(
        "UPDATE app.companies SET city = NULL WHERE tenant_id = {me} AND id = $1 RETURNING id", unscored["company_id"]
    )
    both = await replayed(desk, run, apply=True)
    assert said(both) == {"company changed": 1, "score changed": 1}
    assert ([d.entity_id for d in both.entities], [d.entity_id for d in both.scores]) == ([poorer], [out["id"]])
    await _quiet(desk)
    assert await _deciding(desk) == whole
    assert (await replayed(desk, run)).summary == []
    assert every_request(sandbox) == paid
    assert await desk.one("SELECT count(*) FROM app.vendor_calls") == calls
    assert (await desk.check(applied.run.id)).ok
    assert (await desk.proof()).ok
