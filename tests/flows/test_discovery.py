"""A discovery run from its row to leads, with two real workers and vendors over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.providers import Channel
from contracts.run_records import RecordFilter
from contracts.runs import RunStatus
from db import run_records
from db.transaction import transaction
from tests.flows.installation import Desk, Installation, desk_at
from tests.providers.sandbox_fixture import RunningSandbox

pytestmark = pytest.mark.usefixtures("house")
JOBURG = "workwear manufacturers Johannesburg"
SUPPLIERS = "corporate clothing suppliers South Africa"
ALL = ["register", "google", "keyword"]
#: Every channel that knows this market.
HERE = [channel.value for channel in Channel if channel is not Channel.COMPANIES_HOUSE]
STATS = {
    "channelResults", "totalDiscovered", "totalAfterDedupe", "companiesCreated", "companiesSkipped", "contactsCreated",
    "contactsSkipped", "leadsCreated", "leadsSkipped", "errors", "durationMs", "config",
}  # fmt: skip


async def test_a_run_becomes_leads_on_real_companies(desk: Desk) -> None:
    # C.03 C.04 C.05 C.06 S0.08 S0.12 S2.01 S2.05 S2.07 B.01
    run = await desk.run(channels=ALL, queries=[JOBURG, SUPPLIERS], max_companies=500)

    assert (run.status, run.error, run.counts.errors) == (RunStatus.COMPLETED, None, 0)
    c = run.counts
    stored = await desk.rows(
        "SELECT (SELECT count(*) FROM app.companies WHERE tenant_id = {me}) AS companies,"
        " (SELECT count(*) FROM app.contacts WHERE tenant_id = {me}) AS contacts,"
        " (SELECT count(*) FROM app.leads WHERE tenant_id = {me} AND status = 'new') AS leads,"
        " (SELECT count(*) FROM app.source_records WHERE tenant_id = {me}) AS records,"
        " (SELECT count(*) FROM app.source_records WHERE tenant_id = {me} AND status = 'DISCOVERED') AS firsts,"
        " (SELECT count(*) FROM app.outbox WHERE tenant_id = {me} AND type = 'LeadDiscovered') AS announced"
    )
    assert stored[0] == {
        "companies": c.companies_created, "contacts": c.contacts_created, "leads": c.leads_created,
        "records": c.discovered, "firsts": c.companies_created, "announced": c.leads_created,
    }  # fmt: skip
    assert c.companies_created >= 20
    assert c.companies_created + c.companies_skipped == c.discovered
    assert c.after_dedupe == c.companies_created
    # Every hit says whose page it came from, and a firm that several channels know is one firm.
    assert await desk.one(
        "SELECT bool_and(r.run_id = $1 AND r.company_id IS NOT NULL) FROM app.source_records r WHERE tenant_id = {me}",
        run.id,
    )
    # ... and what may be done with it: the register gives its data away, pages of the web were only read.
    terms = await desk.rows(
        "SELECT DISTINCT source, payload ->> 'terms' AS terms FROM app.source_records WHERE tenant_id = {me} ORDER BY source"
    )
    assert terms == [
        {"source": "google", "terms": "crawled"},
        {"source": "keyword", "terms": "crawled"},
        {"source": "register", "terms": "public"},
    ]
    merged = await desk.one("SELECT count(*) FROM app.companies WHERE tenant_id = {me} AND cardinality(sources) > 1")
    assert merged >= 5
    assert (await desk.check(run.id)).ok
    assert (await desk.proof()).ok


async def test_statistics_have_the_documented_keys_and_add_up(desk: Desk) -> None:
    # S0.02 S0.18
    run = await desk.run(channels=ALL, queries=[JOBURG], max_companies=500, mode="daily")

    stats = run.stats or {}
    assert set(stats) == STATS | {"wouldCost", "stopReason"}
    assert sum(stats["channelResults"].values()) == stats["totalDiscovered"] == run.counts.discovered
    assert set(stats["channelResults"]) == set(ALL)
    assert stats["totalAfterDedupe"] <= stats["totalDiscovered"]
    assert stats["errors"] == []
    assert stats["durationMs"] > 0
    assert stats["config"] == {"maxCompanies": 500, "maxQueries": 10, "maxRuntimeSeconds": 300, "channels": ALL}


async def test_the_log_tells_a_run_from_its_start_to_its_end(desk: Desk, house: Installation) -> None:
    # S0.15 S2.17
    run = await desk.run(channels=["google"], queries=[JOBURG], mode="manual")

    started, finished = (
        [line for line in house.log(event) if line.get("runId") == str(run.id)]
        for event in ("discovery_run_started", "discovery_run_finished")
    )
    assert [(s["mode"], s["dryRun"]) for s in started] == [("manual", False)]
    assert [f["status"] for f in finished] == ["completed"]
    for line in (*started, *finished):
        assert {"timestamp", "level", "service", "env", "correlationId"} <= set(line)
        assert line["correlationId"] == str(run.id)


async def test_a_second_run_finds_what_is_there_and_pays_for_nothing(desk: Desk, sandbox: RunningSandbox) -> None:
    # S0.12 S0.18 R13
    first = await desk.run(channels=ALL, queries=[JOBURG])
    asked = sandbox.totals("tavily")["requests"]
    second = await desk.run(channels=ALL, queries=[JOBURG, JOBURG])

    assert (second.counts.companies_created, second.counts.leads_created, second.counts.contacts_created) == (0, 0, 0)
    assert second.counts.discovered == first.counts.discovered
    assert second.counts.companies_skipped == second.counts.discovered
    assert second.counts.leads_skipped > 0
    assert sandbox.totals("tavily")["requests"] == asked == 2  # one page in each of two channels, once
    assert second.counts.api_calls == 0
    assert (await desk.check(second.id)).ok
    statuses = await desk.rows("SELECT DISTINCT status FROM app.source_records WHERE run_id = $1", second.id)
    assert statuses == [{"status": "DUPLICATE"}]
    async with transaction(desk.pool, desk.tenant, read_only=True) as tx:
        # What the console's counts of a run lead to is as much as they say.
        for asked_for, count in ((False, second.counts.discovered), (True, second.counts.after_dedupe)):
            which = RecordFilter(first_only=asked_for)
            page = await run_records.list_(tx, desk.tenant, second.id, which, limit=1000)
            assert page is not None
            assert len(page.items) == count > 0
        for part in second.slices or ():
            page = await run_records.list_(tx, desk.tenant, second.id, RecordFilter(slice_id=part.id), limit=1000)
            assert page is not None
            assert len(page.items) == part.found


async def test_runs_of_two_tenants_share_nothing(desk: Desk, house: Installation, sandbox: RunningSandbox) -> None:
    # R16
    async with desk_at(house.url) as other:
        asked: dict[str, Any] = {"channels": ["google"], "queries": [JOBURG]}
        ours, theirs = await desk.start(**asked), await other.start(**asked)
        mine, its = await desk.ended(ours), await other.ended(theirs)
        assert mine.counts.model_dump() == its.counts.model_dump()
        assert await desk.found(ours) == await other.found(theirs)
    assert sandbox.totals("tavily")["requests"] == 2  # a stored answer is nobody else's


@pytest.mark.parametrize(
    ("fault", "code"),
    [("401", "vendor_auth"), ("garbage", "bad_answer"), ("500", "forfeited"), ("truncate", "bad_answer")],
)
async def test_one_channel_that_fails_is_named_and_the_others_go_on(
    desk: Desk, sandbox: RunningSandbox, fault: str, code: str
) -> None:
    # S0.09 S0.14 S1.02 R1
    sandbox.fault(fault, vendor="tavily", channel="google", times=None)
    run = await desk.run(channels=ALL, queries=[JOBURG])

    assert run.status is RunStatus.PARTIAL
    assert run.error_code == "slices_failed"
    assert run.error is not None
    assert "google" in run.error
    assert run.stats is not None
    assert [(e["type"], e["channel"]) for e in run.stats["errors"]] == [(code, "google")]
    assert run.stats["errors"][0]["message"]
    assert run.stats["channelResults"]["google"] == 0
    assert run.stats["channelResults"]["register"] > 0
    assert run.stats["channelResults"]["keyword"] > 0
    # S2.14: what was given up stands in the dead letters with its attempts.
    dead = await desk.rows(
        "SELECT name, error_class, traceback IS NOT NULL AS traced FROM app.dead_letters WHERE tenant_id = {me}"
    )
    assert dead == [{"name": "discovery.fetch", "error_class": code, "traced": True}]
    # Law 5: at most one paid request, whatever became of it.
    google = [r for r in sandbox.requests() if r["vendor"] == "tavily" and r["channel"] == "google"]
    assert [r["count"] for r in google] == [1]
    assert (await desk.check(run.id)).ok


async def test_when_every_channel_fails_the_run_fails(desk: Desk, sandbox: RunningSandbox) -> None:
    # S0.14 R1
    sandbox.fault("401", vendor="tavily", times=None)
    run = await desk.run(channels=["google", "keyword"], queries=[JOBURG])

    assert (run.status, run.error_code) == (RunStatus.FAILED, "vendor_auth")
    assert run.stats is not None
    assert len(run.stats["errors"]) == 2
    assert await desk.one("SELECT count(*) FROM app.leads WHERE tenant_id = {me}") == 0


async def test_rows_the_database_refuses_end_one_slice_and_no_other(desk: Desk) -> None:
    # S0.14: an error while persisting is logged, stands in the statistics, and the run ends.
    await desk.one(
        f"ALTER TABLE app.companies ADD CONSTRAINT refused CHECK (tenant_id <> '{desk.tenant}' OR country <> 'BW') NOT VALID"
    )
    try:
        run = await desk.run(channels=["register"], queries=[JOBURG, "uniform suppliers Botswana"])
    finally:
        await desk.one("ALTER TABLE app.companies DROP CONSTRAINT refused")

    assert run.status is RunStatus.PARTIAL
    assert run.stats is not None
    assert [e["type"] for e in run.stats["errors"]] == ["CheckViolationError"]
    assert run.counts.companies_created > 0
    assert await desk.one("SELECT count(*) FROM app.companies WHERE tenant_id = {me} AND country = 'BW'") == 0
    assert (await desk.check(run.id)).ok


async def test_a_bug_while_planning_fails_the_run_and_is_logged_in_full(desk: Desk, house: Installation) -> None:
    # S0.08 S0.14 S0.15: an unknown error
    await desk.one(f"ALTER TABLE app.run_slices ADD CONSTRAINT refused CHECK (tenant_id <> '{desk.tenant}') NOT VALID")
    try:
        run = await desk.run(channels=["register"], queries=[JOBURG], mode="daily")
    finally:
        await desk.one("ALTER TABLE app.run_slices DROP CONSTRAINT refused")

    assert (run.status, run.error_code) == (RunStatus.FAILED, "CheckViolationError")
    assert run.stats is not None
    assert [e["type"] for e in run.stats["errors"]] == ["CheckViolationError"]
    (gave_up,) = [line for line in house.log("job_gave_up") if line.get("runId") == str(run.id)]
    assert "CheckViolationError" in str(gave_up["exception"])
    failed = [line for line in house.log("discovery_run_failed") if line.get("runId") == str(run.id)]
    assert [f["status"] for f in failed] == ["failed"]
    assert (await desk.check(run.id)).ok


async def test_two_workers_share_a_run_and_do_nothing_twice(desk: Desk, sandbox: RunningSandbox) -> None:
    # C.06 S2.15 B.01
    sandbox.latency(150)
    run = await desk.run(channels=["register", "google", "keyword"], max_companies=2000)

    fetched = "FROM app.job_executions WHERE run_id = $1 AND job = 'discovery.fetch'"
    assert await desk.one(f"SELECT count(DISTINCT worker_id) {fetched}", run.id) == 2
    assert await desk.one(f"SELECT count(*) = count(DISTINCT key) AND bool_and(state = 'done') {fetched}", run.id)
    assert all(r["count"] == 1 for r in sandbox.requests())
    assert run.status is RunStatus.COMPLETED
    assert (await desk.check(run.id)).ok
    assert (await desk.proof()).ok


async def test_a_wake_up_nobody_heard_is_made_good_by_the_poll(desk: Desk) -> None:
    # S2.04 R8
    run = await desk.ended(
        await desk.start(channels=["register"], queries=["uniform suppliers Botswana"], wake=False), 10
    )
    assert run.status is RunStatus.COMPLETED


async def test_a_run_asks_every_channel_and_a_second_one_pays_for_nothing(desk: Desk, sandbox: RunningSandbox) -> None:
    # S2.02 S0.09 S0.19 R23
    asked = {"channels": HERE, "queries": [SUPPLIERS], "page_size": 100, "limit": 600, "max_companies": 500}
    run = await desk.run(**asked)
    assert run.status is RunStatus.COMPLETED
    found = await desk.rows("SELECT DISTINCT source FROM app.source_records WHERE run_id = $1", run.id)
    assert {row["source"] for row in found} == set(HERE)
    assert {s.channel for s in run.slices or ()} == set(HERE)
    assert {s.state for s in run.slices or ()} == {"done"}
    # The same firm is known to several: it is one company.
    assert run.counts.companies_created < run.counts.discovered
    with_profile = (
        "SELECT count(*) FROM app.contacts WHERE tenant_id = {me} AND linkedin_url LIKE 'https://linkedin.com/in/%'"
    )
    assert await desk.one(with_profile) > 0
    assert (await desk.check(run.id)).ok

    paid = {vendor: sandbox.totals(vendor)["credits"] for vendor in ("tavily", "apollo", "pdl")}
    assert all(paid.values())
    await desk.run(**asked)
    assert paid == {vendor: sandbox.totals(vendor)["credits"] for vendor in paid}


async def test_one_vendor_that_fails_leaves_the_others_alone(desk: Desk, sandbox: RunningSandbox) -> None:
    # S0.09 S2.14
    sandbox.fault("402", vendor="pdl", times=None)
    run = await desk.run(channels=["apollo", "pdl", "register"], queries=[SUPPLIERS], limit=60)
    assert run.status is RunStatus.PARTIAL
    assert {s.channel: s.state for s in run.slices or ()} == {"apollo": "done", "pdl": "error", "register": "done"}


async def test_a_documents_name_for_a_provider_reaches_its_channel(desk: Desk) -> None:
    # R23
    run = await desk.run(provider="companieshouse", queries=["clothing suppliers Leeds"], limit=5)
    assert [s.channel for s in run.slices or ()] == ["companies_house"]
    assert run.counts.companies_created > 0
    ids = await desk.rows(
        "SELECT registry_id FROM app.companies WHERE tenant_id = {me}".replace("{me}", "$1"), desk.tenant
    )
    assert all(row["registry_id"].startswith("gb-coh:") for row in ids)
