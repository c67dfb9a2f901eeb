"""Runs for all tenants: what is asked, what is kept, where the next one goes on, and who sees what."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from contracts.profiles import ChangeProfile
from contracts.runs import RunStatus
from contracts.tenants import SYSTEM_TENANT
from db import opportunities, profiles, runs, story, tenants
from db.transaction import DbRole, act_for_all, transaction
from tests.opportunities.house import House, posted
from worker.opportunities import plan
from worker.opportunities.plan import Place

YEAR = "2025-07-01"  # 364 days before the day of the tests
TODAY = "2026-06-30"


def ids(rows: Any) -> set[str]:
    return {row.notice_id for row in rows}


async def test_a_run_asks_once_for_each_code_of_all_tenants_and_evaluates_for_each(house: House) -> None:
    # S1.01 S1.03 S1.04 S2.08
    clean, other = await house.tenant("561720", "3152"), await house.tenant("315210")
    await house.profile(clean, "5617", name="second", target_countries=["US"])
    paused = await house.tenant("236220")
    async with transaction(house.pool, None, role=DbRole.SYSTEM) as tx:
        slug = next(t.slug for t in await tenants.list_(tx) if t.id == paused)
        await tenants.set_status(tx, slug, "paused", by="tests")
    run = await house.run()
    everything = {c: posted(c, YEAR, TODAY) for c in ("561720", "561730", "315210")}
    total = sum(len(n) for n in everything.values())
    assert (run.status, run.naics_codes, run.posted_from, run.posted_to) == (
        RunStatus.COMPLETED, ["3152", "315210", "5617", "561720"], date.fromisoformat(YEAR), date.fromisoformat(TODAY),
    )  # fmt: skip
    assert (run.opportunities_new, run.opportunities_updated, run.api_calls_made, house.calls) == (total, 0, 4, 4)
    assert (
        run.opportunities_found == total + run.opportunities_unchanged
    )  # 315210 and 561720 lie under shorter codes as well
    mine, theirs = await house.notices(clean), await house.notices(other)
    assert ids(mine) == {i for notices in everything.values() for i in notices}
    assert ids(theirs) == set(everything["315210"])
    assert run.evaluations_created == 2 * len(mine) + len(theirs)
    assert run.completed_at is not None
    async with transaction(house.pool, SYSTEM_TENANT) as tx:
        assert await runs.last_success(tx, SYSTEM_TENANT, "opportunities") == (run.id, run.completed_at)
        checked = await story.verify(tx, SYSTEM_TENANT, run.id)
    assert checked is not None
    assert checked.findings == []
    assert await house.notices(paused) == []


async def test_what_profiles_say_stands_beside_each_notice(house: House) -> None:
    # S1.04 S2.08
    tenant = await house.tenant("561720")
    away = await house.profile(tenant, "5617", name="second", target_countries=["DE"])
    await house.run()
    for row in await house.notices(tenant):
        said = {e.profile_name: e for e in row.evaluations}
        over, same = row.active is False, row.naics == ["561720"]
        assert (said["first"].matched, said["first"].fit) == (same and not over, 1.0 if same else 0.0)
        assert said["second"].matched is (not over and row.country in ("DE", None))
        assert said["second"].fit < 1.0
        assert f"naics {row.naics[0]} falls under 5617" in said["second"].reasons
    chosen = await house.notices(tenant, profile_id=away.id)
    assert {row.country for row in chosen} <= {"DE", None}
    assert 0 < len(chosen) < len(await house.notices(tenant))


async def test_the_same_day_costs_nothing_again_and_the_next_days_ask_for_what_is_new(house: House) -> None:
    # R6 S1.05 S1.09
    tenant = await house.tenant("561720")
    first = await house.run()
    again = await house.run()
    assert (again.status, again.api_calls_made, house.calls) == (RunStatus.COMPLETED, 0, 1)
    assert (again.opportunities_unchanged, again.opportunities_new, again.evaluations_created) == (
        first.opportunities_found, 0, 0,
    )  # fmt: skip
    newest = max(n["postedDate"] for n in posted("561720", YEAR, TODAY).values())
    assert await house.cursor("561720") == date.fromisoformat(newest)
    before = {row.notice_id: row for row in await house.notices(tenant)}
    await house.is_day("2026-07-20")
    later = await house.run()
    since = str(date.fromordinal(date.fromisoformat(newest).toordinal() - 1))
    seen = posted("561720", since, "2026-07-20")
    known = {i for i in seen if i in before}
    assert (str(later.posted_from), house.calls, later.opportunities_found) == (since, 2, len(seen))
    assert later.opportunities_new == len(set(seen) - known)
    amended = {i for i in known if "(amendment 1)" in seen[i]["title"]}
    assert amended
    assert later.opportunities_updated >= len(amended)
    now = {row.notice_id: row for row in await house.notices(tenant)}
    assert all("(amendment 1)" in now[i].title and "(amendment 1)" not in before[i].title for i in amended)
    assert later.evaluations_created == later.opportunities_new + later.opportunities_updated


async def test_an_amendment_under_another_id_is_shown_with_its_solicitation(house: House) -> None:
    tenant = await house.tenant("561720")
    await house.run()
    rows = await house.notices(tenant)
    numbers = [row.solicitation_number for row in rows]
    twice = next(row for row in rows if numbers.count(row.solicitation_number) == 2)
    async with transaction(house.pool, tenant) as tx:
        shown = await opportunities.show(tx, tenant, twice.id)
    assert shown is not None
    (other,) = shown.same_solicitation
    assert other.notice_id in ids(rows) - {twice.notice_id}


async def test_a_slice_that_failed_makes_the_run_partial_and_keeps_its_cursor(house: House) -> None:
    # R1 S1.02 S1.08 R6
    await house.tenant("561720", "561730")
    house.sandbox.fault("500", vendor="sam")
    run = await house.run()
    assert run.status is RunStatus.PARTIAL
    assert "1 of 2 slices failed" in (run.error_message or "")
    assert await house.cursor("561720") is None
    assert await house.cursor("561730") is not None
    async with transaction(house.pool, SYSTEM_TENANT) as tx:
        assert await runs.last_success(tx, SYSTEM_TENANT, "opportunities") is None  # completed only (S1.03)
    await house.is_day("2026-07-01")
    assert (await house.run()).status is RunStatus.COMPLETED
    async with transaction(house.pool, SYSTEM_TENANT) as tx:
        kept = await tx.fetchval("SELECT count(*) FROM app.opportunities WHERE '561720' = ANY(naics)")
    assert kept == len(posted("561720", "2025-07-02", "2026-07-01"))


async def test_a_spent_budget_ends_what_is_left_and_tomorrow_goes_on_there(house: House) -> None:
    # S1.09 R11
    await house.tenant("315210", "315990", "561720", "561730", "812332")
    house.settings = house.sandbox.settings(sam_daily_calls=3)
    run = await house.run()
    assert (run.status, house.calls, run.api_calls_made) == (RunStatus.PARTIAL, 3, 3)
    assert "2 of 5 slices failed" in (run.error_message or "")
    assert await house.conn.fetchval("SELECT count(*) FROM app.dead_letters") == 0
    codes = await house.conn.fetch("SELECT error_code, count(*) AS n FROM app.run_slices GROUP BY 1 ORDER BY 2")
    assert [tuple(r) for r in codes] == [("budget_spent", 2), (None, 3)]
    again = await house.run()
    assert (again.status, house.calls) == (RunStatus.PARTIAL, 3)
    await house.is_day("2026-07-01")
    await house.run()
    assert house.calls == 6
    assert await house.cursor("561730") is not None
    assert await house.cursor("812332") is not None


@pytest.mark.slow
async def test_a_code_that_wants_more_calls_than_a_day_has_goes_on_where_they_ended(house: House) -> None:
    # S1.09 R6: 541519 has more than a page on one day, found by a search of seven windows
    tenant = await house.tenant("541519")
    house.settings = house.sandbox.settings(sam_daily_calls=3)
    days = 0
    while (await house.run()).status is not RunStatus.COMPLETED:
        assert await house.cursor("541519") is None, "not before all of it was read"
        again = await house.run()
        assert (again.api_calls_made, "do not fit" in (again.error_message or "")) == (0, True)
        days += 1
        assert house.calls == 3 * days
        await house.is_day(f"2026-07-{days:02}")
        assert days < 10
    assert days == (house.calls - 1) // 3
    assert days >= 2
    assert ids(await house.notices(tenant)) == set(posted("541519", YEAR, TODAY))
    assert await house.conn.fetchval("SELECT count(DISTINCT request) FROM app.vendor_items") == house.calls
    assert await house.cursor("541519") is not None
    later = await house.run()
    assert (later.status, later.api_calls_made) == (RunStatus.COMPLETED, 1)  # what was posted on the days it took
    until = f"2026-07-{days:02}"
    assert ids(await house.notices(tenant)) == set(posted("541519", YEAR, until))
    assert (await house.run()).api_calls_made == 0


async def test_a_code_that_takes_days_keeps_no_other_waiting(house: House) -> None:
    # S1.09: 541519 wants more calls than there are
    await house.tenant("541519", "561720")
    house.settings = house.sandbox.settings(sam_daily_calls=1)
    await house.run()
    assert await house.cursor("561720") is None
    await house.is_day("2026-07-01")
    await house.run()
    assert await house.cursor("561720") is not None
    assert house.calls == 2


async def test_a_place_that_cannot_be_read_makes_its_code_begin_anew(house: House) -> None:
    # R6: another version may have written it
    await house.tenant("541519", "561720")
    await house.run()
    await house.conn.execute("UPDATE app.source_cursors SET place = 'of another version' WHERE slice = '561720'")
    await house.is_day("2026-07-20")
    assert (await house.run()).status is RunStatus.COMPLETED


async def test_a_slice_that_was_left_half_way_is_read_to_its_end(house: House) -> None:
    # R6: and no day twice
    tenant = await house.tenant("561720")
    first, until, since = (date.fromisoformat(day) for day in (YEAR, "2026-06-20", "2026-02-01"))
    left = Place(first, until, since, until)
    async with transaction(house.pool, SYSTEM_TENANT) as tx:
        await opportunities.keep_place(tx, SYSTEM_TENANT, "sam", "561720", left.encode(), run_id=SYSTEM_TENANT)
    run = await house.run()
    seen = posted("561720", "2026-02-01", "2026-06-20")
    assert (run.status, house.calls, ids(await house.notices(tenant))) == (RunStatus.COMPLETED, 1, set(seen))
    newest = max(notice["postedDate"] for notice in seen.values())
    assert await house.cursor("561720") == date.fromisoformat(newest)
    run = await house.run()
    again = str(date.fromisoformat(newest) - plan.LAG)
    assert (run.status, house.calls, str(run.posted_from)) == (RunStatus.COMPLETED, 2, again)
    assert ids(await house.notices(tenant)) == {*seen, *posted("561720", again, TODAY)}


@pytest.mark.slow
async def test_a_page_that_failed_is_not_where_the_next_run_goes_on(house: House) -> None:
    # R6: what was paid for and lost is never asked again in the same words
    await house.tenant("541519")
    house.settings = house.sandbox.settings(sam_daily_calls=2)
    await house.run()
    await house.is_day("2026-07-01")
    house.sandbox.fault("500", vendor="sam")
    assert (await house.run()).status is RunStatus.FAILED
    await house.is_day("2026-07-02")
    house.settings = house.sandbox.settings(sam_daily_calls=100)
    run = await house.run()
    assert (run.status, run.posted_from) == (RunStatus.COMPLETED, date(2025, 7, 3))
    assert await house.cursor("541519") is not None


@pytest.mark.slow
async def test_time_that_ran_out_does_not_lose_the_place(house: House) -> None:
    # R5 R6
    await house.tenant("541519")
    async with transaction(house.pool, SYSTEM_TENANT) as tx:
        run_id, _ = await opportunities.request_run(tx, triggered_by="tests")
    await house.work(most=3)  # its plan and two pages
    await house.conn.execute("UPDATE app.runs SET deadline_at = app.now() WHERE id = $1", run_id)
    await house.work()
    async with transaction(house.pool, SYSTEM_TENANT) as tx:
        stopped = await opportunities.run(tx, run_id)
    assert stopped is not None
    assert (stopped.status, house.calls) == (RunStatus.PARTIAL, 2)
    await house.is_day("2026-07-01")
    assert (await house.run()).status is RunStatus.COMPLETED
    assert await house.conn.fetchval("SELECT count(DISTINCT request) FROM app.vendor_items") == house.calls
    firsts = await house.conn.fetch("SELECT request ->> 'posted_from' AS first FROM app.vendor_items")
    assert min(row["first"] for row in firsts) == YEAR


async def test_the_vendors_own_quota_is_heard(house: House) -> None:
    # S1.09
    await house.tenant("561720", "561730")
    house.sandbox._call("/__control/quota", {"vendor": "sam", "credits": 1})
    run = await house.run()
    assert run.status is RunStatus.PARTIAL
    assert "Message throttled out" in (run.error_message or "")
    assert await house.conn.fetchval("SELECT count(*) FROM app.dead_letters") == 0


@pytest.mark.slow
async def test_more_than_a_page_is_read_in_windows_and_nothing_is_missed(house: House) -> None:
    # S1.09: 541512 has more than a page a year, 541519 more than a page on one day
    tenant = await house.tenant("541512", "541519")
    run = await house.run()
    assert run.status is RunStatus.COMPLETED
    wanted = {i for code in ("541512", "541519") for i in posted(code, YEAR, TODAY)}
    assert len(wanted) > 2500
    assert ids(await house.notices(tenant)) == wanted
    assert (run.opportunities_new, run.evaluations_created) == (len(wanted), len(wanted))
    assert house.calls < 30


async def test_without_a_key_the_run_says_which_setting_is_missing(house: House) -> None:
    await house.tenant("561720")
    house.settings = house.sandbox.settings(sam_api_key=None)
    run = await house.run()
    assert run.status is RunStatus.FAILED
    assert "SAM_API_KEY" in (run.error_message or "")


async def test_without_any_code_nothing_is_asked(house: House) -> None:
    run = await house.run()
    assert (run.status, run.naics_codes, house.calls) == (RunStatus.COMPLETED, [], 0)


async def test_a_second_request_joins_the_run_under_way(house: House) -> None:
    async def ask() -> tuple[UUID, bool]:
        async with transaction(house.pool, SYSTEM_TENANT) as tx:
            return await opportunities.request_run(tx, triggered_by="tests")

    first, new = await ask()
    assert (await ask(), new) == ((first, False), True)
    await house.work()
    assert (await ask())[1]


async def test_a_changed_profile_is_held_against_what_is_there(house: House) -> None:
    tenant = await house.tenant("561720")
    other = await house.tenant("561730")
    await house.run()
    async with transaction(house.pool, tenant) as tx:
        (profile,) = await profiles.list_(tx, tenant)
        await profiles.change(tx, tenant, profile.id, ChangeProfile(naics_codes=["561730"]), by="tests")
    run = await house.run()
    rows = await house.notices(tenant)
    assert run.api_calls_made == 0
    assert ids(await house.notices(other)) < ids(rows)  # what is no longer followed stays, unmatched
    matched = {row.notice_id for row in rows if row.evaluations[0].matched}
    assert matched == {row.notice_id for row in rows if row.naics == ["561730"] and row.active is not False}
    assert run.evaluations_created == len(rows)


async def test_only_the_reserved_tenant_may_look_over_the_walls(house: House) -> None:
    # R18
    one, two = await house.tenant("561720"), await house.tenant("561730")
    await house.run()
    async with transaction(house.pool, one) as tx:
        with pytest.raises(RuntimeError, match="reserved tenant"):
            await act_for_all(tx, one)
        assert await tx.fetchval("SELECT count(DISTINCT tenant_id) FROM app.opportunities") == 1
        assert await opportunities.list_(tx, two) == []
        assert await opportunities.unheld(tx, two, 10) == []
