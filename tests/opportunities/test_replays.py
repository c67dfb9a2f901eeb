"""A run of tenders done again: what stored pages come to today, shown first, then written; nobody is asked."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest

from contracts.errors import Conflict
from contracts.profiles import ChangeProfile
from contracts.run_replays import INSTEAD, ReplayView
from contracts.runs import RunStatus
from contracts.tenants import SYSTEM_TENANT
from db import ledger, profiles, run_replays
from db.transaction import DbRole, transaction
from tests.opportunities.house import House


async def replayed(house: House, run: UUID, *, apply: bool = False) -> ReplayView:
    async with transaction(house.pool, SYSTEM_TENANT) as tx:
        replay = await run_replays.start(tx, SYSTEM_TENANT, run, apply=apply, by="tests", triggered_by="tests")
    await house.work()
    async with transaction(house.pool, SYSTEM_TENANT) as tx:
        return await run_replays.show(tx, SYSTEM_TENANT, run, replay, limit=200)


def said(found: ReplayView) -> dict[str, int]:
    return {f"{c.kind} {c.change}": c.count for c in found.summary}


async def stands(house: House) -> list[dict[str, Any]]:
    """Notices and evaluations of everybody, but for when they were last looked at."""
    found = []
    for table in ("opportunities", "opportunity_evaluations"):
        rows = await house.conn.fetch(
            f"SELECT to_jsonb(t) - 'updated_at' - 'changed_at' - 'run_id' AS row FROM app.{table} t ORDER BY t.tenant_id, t.id"
        )
        found += [dict(r) for r in rows]
    return found


async def test_a_replay_shows_what_stored_pages_come_to_and_applying_writes_it(house: House) -> None:
    # B.03
    tenant = await house.tenant("561720")
    run = await house.run()
    whole, asked = await stands(house), house.calls
    assert (await replayed(house, run.id)).summary == []

    # As if older code had done worse: a notice lost, another misread, an evaluation made by other rules.
    mine = await house.notices(tenant)
    lost, misread, misjudged = mine[0].notice_id, mine[1].notice_id, mine[2]
    await house.conn.execute("DELETE FROM app.opportunities WHERE notice_id = $1", lost)
    await house.conn.execute(
        "UPDATE app.opportunities SET agency = 'Nobody', content_hash = sha256('x') WHERE notice_id = $1", misread
    )
    await house.conn.execute(
        "UPDATE app.opportunity_evaluations SET fit = 0, reasons = '{}' WHERE opportunity_id = $1", misjudged.id
    )
    poorer = await stands(house)
    shown = await replayed(house, run.id)
    assert await stands(house) == poorer, "showing writes nothing"
    assert (shown.run.status, shown.run.dry_run, shown.run.kind) == (RunStatus.COMPLETED, True, "replay")
    assert said(shown) == {
        "opportunity created": 1, "opportunity changed": 1, "evaluation created": 1, "evaluation changed": 1,
    }  # fmt: skip
    by_notice = {(d.kind, d.subject["notice_id"]): d for d in shown.entities}
    assert by_notice["opportunity", misread].fields["agency"]["from"] == "Nobody"
    judged = by_notice["evaluation", misjudged.notice_id]
    assert judged.subject["tenant_id"] == str(tenant)
    assert judged.fields["fit"] == {"from": 0.0, "to": misjudged.evaluations[0].fit}

    applied = await replayed(house, run.id, apply=True)
    assert said(applied) == said(shown)
    again = {n.notice_id: n.evaluations[0].fit for n in await house.notices(tenant)}
    assert again == {n.notice_id: n.evaluations[0].fit for n in mine}
    assert len(await stands(house)) == len(whole)
    assert (await replayed(house, run.id, apply=True)).summary == []
    assert house.calls == asked, "no vendor was asked"
    audited = await house.conn.fetchval("SELECT count(*) FROM app.audit_log WHERE action = 'run.replay'")
    assert audited == 2


async def test_what_a_later_run_has_seen_stands(house: House) -> None:
    # B.03 R6
    await house.tenant("561720")
    first = await house.run()
    await house.is_day("2026-07-10")
    second = await house.run()
    seen = [
        r["notice_id"]
        for r in await house.conn.fetch(
            "SELECT o.notice_id FROM app.opportunities o JOIN app.run_slices s ON s.id = o.seen_slice_id WHERE s.run_id = $1",
            second.id,
        )
    ]
    assert seen
    await house.conn.execute("UPDATE app.opportunities SET agency = 'Newer' WHERE notice_id = ANY($1)", seen)
    shown = await replayed(house, first.id, apply=True)
    assert "opportunity changed" not in said(shown)
    assert said(await replayed(house, second.id))["opportunity changed"] == len(seen)


async def test_a_profile_that_changed_since_is_held_against_the_stored_pages(house: House) -> None:
    # B.03 S2.08
    tenant = await house.tenant()
    profile = await house.profile(tenant, "561720", name="second")
    run = await house.run()
    asked = house.calls
    async with transaction(house.pool, tenant) as tx:
        change = ChangeProfile(target_countries=["DE"])
        await profiles.change(tx, tenant, profile.id, change, by="tests")
    shown = await replayed(house, run.id)
    assert set(said(shown)) == {"evaluation changed"}
    applied = await replayed(house, run.id, apply=True)
    assert said(applied) == said(shown)
    placed = [n for n in await house.notices(tenant) if n.country not in (None, "DE")]
    assert {e.matched for n in placed for e in n.evaluations} == {False}
    assert house.calls == asked


async def test_a_code_whose_stored_page_is_gone_is_named_and_not_asked_again(house: House) -> None:
    # B.03
    await house.tenant("561720", "315210")
    run = await house.run()
    asked = house.calls
    await house.conn.execute(
        "UPDATE app.vendor_items SET state = 'forfeited', outcome = NULL, response = NULL WHERE request ->> 'naics' = '315210'"
    )
    found = await replayed(house, run.id, apply=True)
    assert found.run.status is RunStatus.PARTIAL
    assert [(gone.query, gone.pages) for gone in found.not_replayable] == [("315210", [0])]
    assert found.pages == 1
    assert house.calls == asked


async def test_a_run_whose_records_are_forgotten_is_named_and_nothing_is_made_of_what_is_left(house: House) -> None:
    # B.03: without the source's own records nobody can tell what changed
    await house.tenant("561720")
    run = await house.run()
    await house.is_day("2026-08-30")
    async with transaction(house.pool, None, role=DbRole.SYSTEM) as tx:
        assert await ledger.drop_raw(tx) == 1
    kept = await house.conn.fetchval("SELECT response FROM app.vendor_items")
    assert '"raw"' not in kept
    assert "pointOfContact" not in kept
    found = await replayed(house, run.id, apply=True)
    assert [(gone.query, gone.pages) for gone in found.not_replayable] == [("561720", [0])]
    assert said(found) == {}


async def test_a_run_from_before_its_answers_were_linked_to_pages_is_known_by_its_codes(house: House) -> None:
    # B.03
    await house.tenant("561720", "315210")
    run = await house.run()
    await house.conn.execute("UPDATE app.run_vendor_items SET slice_id = NULL, page = 0")
    await house.conn.execute("DELETE FROM app.opportunities")
    found = await replayed(house, run.id)
    assert (found.run.status, found.pages, found.not_replayable) == (RunStatus.COMPLETED, 2, [])
    assert said(found)["opportunity created"] == run.opportunities_new


@pytest.mark.parametrize("kind", ["training", "rollup", "maintenance", "nightly", "job", "replay"])
async def test_what_has_no_stored_answers_is_refused_with_what_does_the_like(house: House, kind: str) -> None:
    # B.03
    made: UUID = await house.conn.fetchval(
        "INSERT INTO app.runs (deadline_at, tenant_id, kind, mode, triggered_by, status, finished_at, params)"
        " VALUES (app.now(), $1, $2, 'manual', 't', 'cancelled', app.now(), '{}') RETURNING id", SYSTEM_TENANT, kind,
    )  # fmt: skip
    async with transaction(house.pool, SYSTEM_TENANT) as tx:
        with pytest.raises(Conflict, match=re.escape(INSTEAD[kind])) as refused:
            await run_replays.start(tx, SYSTEM_TENANT, made, apply=False, by="tests", triggered_by="tests")
    assert refused.value.code == "nothing_to_replay"
