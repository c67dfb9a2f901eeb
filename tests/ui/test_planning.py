"""Schedules, nights and shortlists in the console: what their pages show and what their forms do."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from api.ui import months, words
from api.ui.schedule_forms import FIELDS
from contracts.errors import Invalid
from contracts.nights import STEPS
from contracts.schedules import PARAMS, ChangeSchedule
from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served
from tests.ui.planted import night, schedule
from tests.ui.visitors import Visitor


@pytest.fixture(scope="module")
def ops(shared_api: Served) -> Iterator[Visitor]:
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.OPS)
        yield visitor


def text(page: str) -> str:
    """What stands on it, on one line."""
    return " ".join(html.unescape(page).split())


def test_empty_pages_say_what_will_be_there_and_how(api: Served) -> None:
    # S2.17
    with Visitor.at(api) as visitor:
        visitor.log_in(Role.OPS)
        for path, said in [
            ("/ui/schedules", "No schedule yet"),
            ("/ui/nights", "Plan the first night"),
            ("/ui/nights?month=2026-01", "No night in this month"),
            ("/ui/shortlists", "No shortlist yet"),
        ]:
            assert said in visitor.get(path).text, path
        visitor.log_in(Role.VIEWER)
        page = visitor.get("/ui/nights").text
        assert "Somebody with the role ops can start one" in page
        assert "/ui/schedules" not in page, "not in a viewer's menu"


def test_the_list_of_schedules_says_when_and_what(ops: Visitor) -> None:
    # S1.07
    path = schedule(ops.api, catch_up="all")
    paused = schedule(ops.api, enabled=False)
    page = text(ops.get("/ui/schedules").text)
    row = page[page.index(path) :].partition("</tr>")[0]
    assert all(said in row for said in ("discovery", "0 18 * * *", "Africa/Johannesburg", "all start", "not yet"))
    assert row.count("16:00:00</time>") == 3
    assert "none while paused" in page[page.index(paused) :].partition("</tr>")[0]
    twin = ops.get("/ui/schedules", format="json").json()
    assert {f"/ui/schedules/{s['id']}" for s in twin["schedules"]} >= {path, paused}


def test_a_schedule_is_paused_resumed_and_given_another_clock(ops: Visitor) -> None:
    # S1.07 S3.20
    path = schedule(ops.api)
    page = text(ops.get(path).text)
    assert page.count("18:00 (+02:00)") == 5
    assert "It has not fallen due yet" in page
    assert "/ui/runs/new" in page, "the same by hand"
    assert ops.send(f"{path}/pause").headers["location"] == path
    page = text(ops.get(path).text)
    assert "None while it is paused" in page
    assert "Resume" in page
    ops.send(f"{path}/resume")
    clock = {"cron": "30 7 * * 1-5", "zone": "Asia/Singapore", "jitter_s": "600", "catch_up": "skip"}
    assert ops.send(f"{path}/change", clock).status_code == 303
    page = text(ops.get(path).text)
    assert "Changed: the times below are the new ones" in page
    assert page.count("07:30 (+08:00)") == 5
    now = ops.get(path, format="json").json()["schedule"]
    assert (now["cron"], now["jitter_s"], now["catch_up"], now["enabled"]) == ("30 7 * * 1-5", 600, "skip", True)
    assert now["params"] == {"max_companies": 25}, "what it starts stays"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("cron", "99 * * * *", "cron"),
        ("zone", "Mars/Olympus", "zone"),
        ("jitter_s", "-5", "jitter_s: give a whole number"),
        ("jitter_s", "999999", "jitter_s"),
        ("catch_up", "perhaps", "catch_up"),
    ],
)
def test_a_clock_that_cannot_be_is_refused_and_nothing_changes(ops: Visitor, field: str, value: str, said: str) -> None:
    # S2.17: errors say the field
    path = schedule(ops.api)
    before = ops.get(path, format="json").json()["schedule"]
    refused = ops.send(f"{path}/change", {field: value})
    assert (refused.status_code, said in refused.text, 'role="alert"' in refused.text) == (400, True, True)
    assert ops.get(path, format="json").json()["schedule"] == before


def test_a_change_is_shown_with_its_times_before_it_is_saved(ops: Visitor) -> None:
    # S1.07 S3.20: parameters, clock and pause in one form; every field that is not sent is taken away
    path = schedule(ops.api, params={"max_companies": 25, "queries": ["overalls"], "channels": ["register"]})
    before = ops.get(path, format="json").json()["schedule"]
    page = text(ops.get(path).text)
    assert all(
        said in page
        for said in ('value="25"', ">overalls</textarea>", 'value="register" checked', "Show the next times")
    )
    asked = {
        "whole": "true", "enabled": "true", "cron": "15 5 * * *", "zone": "Asia/Singapore", "jitter_s": "0", "catch_up": "once",
        "max_companies": "40", "queries": "overalls\r\n\r\nsafety boots", "dry_run": "true",
    }  # fmt: skip
    seen = ops.send(f"{path}/preview", asked)
    assert (seen.status_code, seen.text.count("05:15 (+08:00)")) == (200, 5)
    shown = text(seen.text)
    assert all(
        said in shown for said in ("was: 25", "was: register", "overalls, safety boots", "Save", "Leave it as it is")
    )
    assert ops.get(path, format="json").json()["schedule"] == before, "nothing is saved by looking"
    twin = ops.send(f"{path}/preview?format=json", asked).json()["preview"]
    params = {"max_companies": 40, "queries": ["overalls", "safety boots"], "dry_run": True}
    assert (twin["changed"], twin["params"]) == (["cron", "zone", "params"], params)
    [form] = re.findall(r'<form method="post" action="[^"]*/change">.*?</form>', seen.text, re.DOTALL)
    kept = {name: html.unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form)}
    assert ops.send(f"{path}/change", kept).status_code == 303
    now = ops.get(path, format="json").json()
    assert (now["schedule"]["params"], now["schedule"]["cron"]) == (params, "15 5 * * *")
    assert now["next"]["utc"] == twin["utc"], "what was shown is what came"
    assert "Nothing differs" in ops.send(f"{path}/preview", asked).text
    del asked["enabled"]
    assert "fall due no more" in ops.send(f"{path}/preview", asked).text
    ops.send(f"{path}/change", asked)
    assert ops.get(path, format="json").json()["schedule"]["enabled"] is False
    [changes] = ops.api.rows(
        "SELECT array_agg(detail ORDER BY id) AS all FROM audit_log WHERE action = 'schedule.changed' AND subject_id = $1",
        path.rpartition("/")[2],
    )
    assert [set(json.loads(change)) for change in changes["all"]] == [{"cron", "zone", "params"}, {"enabled"}]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("max_companies", "0", "params.max_companies"),
        ("max_companies", "many", "max_companies: give a whole number"),
        ("provider", "nobody", "unknown provider"),
        ("icp_profile_id", "mine", "params.icp_profile_id"),
        ("icp_profile_id", "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01", "profile"),
        ("cron", "99 * * * *", "cron"),
    ],
)
def test_parameters_that_cannot_be_are_refused_before_and_at_saving(
    ops: Visitor, field: str, value: str, said: str
) -> None:
    # S2.17
    path = schedule(ops.api)
    before = ops.get(path, format="json").json()["schedule"]
    for door in ("preview", "change"):
        refused = ops.send(f"{path}/{door}", {"whole": "true", "enabled": "true", field: value})
        assert refused.status_code in (400, 404)
        assert said in refused.text, refused.text
    assert ops.get(path, format="json").json()["schedule"] == before


def test_the_form_of_each_kind_has_every_parameter_of_it() -> None:
    # S3.20: what the form does not show, saving it would take away
    for kind, model in PARAMS.items():
        assert {field.name for field in FIELDS[kind]} == set(model.model_fields) - {"mode"}, kind
        for field in FIELDS[kind]:
            assert field.name not in ChangeSchedule.model_fields, "a field of the clock"


@pytest.mark.parametrize(
    ("kind", "params", "fields"),
    [
        (
            "nightly",
            {"limit": 5, "skip": ["crm_push"], "dry_run": True},
            {"limit": "5", "skip": "crm_push", "dry_run": "true"},
        ),
        ("job", {"job": "accounts.triggers"}, {"job": "accounts.triggers"}),
        ("rollup", {"days": 7}, {"days": "7"}),
        ("models", {}, {}),
    ],
)
def test_the_form_of_each_kind_gives_back_what_it_shows(
    ops: Visitor, kind: str, params: dict[str, Any], fields: dict[str, str]
) -> None:
    path = schedule(ops.api, kind=kind, params=params)
    clock = {"whole": "true", "enabled": "true", "cron": "0 18 * * *", "zone": "Africa/Johannesburg", "jitter_s": "0"}
    assert "Nothing differs" in ops.send(f"{path}/preview", {**clock, **fields}).text


def test_what_became_of_a_schedules_times_leads_to_what_they_started(ops: Visitor) -> None:
    # S1.07
    path, run = schedule(ops.api, kind="nightly", params={}), night(ops.api, "2026-02-20")
    ops.api.rows(
        "INSERT INTO schedule_fires (tenant_id, schedule_id, due_at, outcome, reason, run_id, fired_at)"
        " SELECT $1, $2, app.now() - n * interval '1 day', CASE WHEN n = 1 THEN 'started' ELSE 'skipped' END,"
        "        CASE WHEN n > 1 THEN 'missed: nobody was there' END, CASE WHEN n = 1 THEN $3::uuid END, app.now()"
        "   FROM generate_series(1, 17) n RETURNING 1",
        ops.api.tenants[HOME].id, UUID(path.rpartition("/")[2]), UUID(run),
    )  # fmt: skip
    page = ops.get(path).text
    assert f"/ui/nights/{run}" in page
    assert page.count("missed: nobody was there") == 14
    assert "Older" in page
    more = ops.get(path, cursor=ops.get(path, format="json").json()["next_cursor"]).text
    assert more.count("missed: nobody was there") == 2


def test_a_month_of_nights_shows_each_days_state_and_counts(ops: Visitor) -> None:
    # S1.07
    run = night(ops.api, "2026-03-05")
    night(ops.api, "2026-03-06", status="failed")
    newest = night(ops.api, "2026-03-06", status="partial")
    page = text(ops.get("/ui/nights", month="2026-03").text)
    assert "March 2026" in page
    assert "5 March: completed, 2 chosen, 1 scored, 0 pushed" in page
    assert "6 March: partial, 2 chosen, 2 scored" in page, "a day's runs are one, under the newest one's state"
    assert f"/ui/nights/{run}" in page
    assert "month=2026-02" in page
    assert "month=2026-04" in page
    twin = ops.get("/ui/nights", month="2026-03", format="json").json()
    assert [(d["night"], d["run_id"], d["runs"]) for d in twin["days"]] == [
        ("2026-03-05", run, 1),
        ("2026-03-06", newest, 2),
    ]
    assert ops.get("/ui/nights", month="2026-13").status_code == 400
    assert "No night in this month" in ops.get("/ui/nights", month="2019-01").text


def test_a_month_has_all_its_days_and_neighbours() -> None:
    shown = months.named("2028-02")
    found = [day for week in months.weeks(shown, {date(2028, 2, 29): "leap"}) for day in week]
    assert sum(day is not None for day, _ in found) == 29
    assert (date(2028, 2, 29), "leap") in found
    assert (shown.before, shown.after) == ("2028-01", "2028-03")
    for wrong in ("2026-1", "2026-00", "1999-12", "3000-01", "soon", "²⁰26-01"):
        with pytest.raises(Invalid, match="YYYY-MM"):
            months.named(wrong)
    assert words.wall("2026-01-05T06:00:00+02:00") == "Mon 5 Jan 06:00 (+02:00)"


def test_a_night_shows_its_manifest_its_nine_steps_and_its_companies(ops: Visitor) -> None:
    # S3.15 S1.07
    run = night(ops.api, "2026-04-01", status="partial")
    page = text(ops.get(f"/ui/nights/{run}").text)
    steps = [
        "Refresh companies", "Refresh candidates", "Select targets", "Crawl", "Search", "Contacts", "Verification", "Scoring",
        "CRM push",
    ]  # fmt: skip
    rows = page[page.index("The nine steps") :].partition("</table>")[0]
    assert [rows.index(f">{step} <") for step in steps] == sorted(rows.index(f">{step} <") for step in steps)
    assert len(STEPS) == rows.count("<tr>") - 1
    assert "2 over cap, 1 rejected" in re.sub(r"<[^>]*>", "", rows)
    assert "?stage=passed_over&reason=over_cap#companies" in rows
    assert "said by the limit" in page
    assert "tavily" in page
    assert ">640<" in page
    assert "Company concurrency" in page
    companies = page[page.index('id="companies"') :]
    assert "karoo <b> of 2026-04-01" in companies
    assert "late1" not in companies
    assert "Verification <small>no vendor</small>" in companies
    passed = text(ops.get(f"/ui/nights/{run}", stage="passed_over").text)
    assert passed.index("late1 of") < passed.index("late2 of") < passed.index("far of")
    assert "the country is not wanted" in passed
    only = text(ops.get(f"/ui/nights/{run}", stage="passed_over", reason="rejected").text)
    assert "far of" in only
    assert "late1 of" not in only
    assert "Finish what is left" in page
    assert f"/ui/nights/{run}" in ops.get(f"/ui/runs/{run}").text


def test_names_of_a_nights_companies_are_text(ops: Visitor) -> None:
    run = night(ops.api, "2026-04-02")
    for path in (f"/ui/nights/{run}", "/ui/shortlists/2026-04-02"):
        page = ops.get(path).text
        assert "karoo &lt;b&gt;" in page, path
        assert "karoo <b>" not in page, path


def test_those_passed_over_are_paged_by_keys_and_each_is_shown_once(ops: Visitor) -> None:
    # B.05
    run = night(ops.api, "2026-04-03", over_cap=120)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ops.get(f"/ui/nights/{run}", stage="passed_over", cursor=cursor, format="json").json()
        seen += [c["name"] for c in page["companies"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 121
    assert seen[-1] == "far of 2026-04-03"
    assert ops.get(f"/ui/nights/{run}", cursor="mine").status_code == 400


def test_a_night_is_forecast_then_started_once_and_cancelled(ops: Visitor) -> None:
    # S3.11 B.06 S3.20
    api = ops.api
    page = ops.get("/ui/nights/new").text
    assert "Show what it would do and cost" in page
    assert "Start this night" not in page
    asked = {"dry_run": "true", "limit": "3", "skip": ["crm_push", "crawl"]}
    dry = ops.send("/ui/nights", asked).headers["location"]
    page = text(ops.get(dry).text)
    assert "The forecast is asked for" in page
    assert "Start this night" not in page, "not before the forecast is there"
    forecast = (
        '{"forecast": {"companies": 3, "to_enrich": 2, "cost_usd": 0.1, "at_most_usd": 0.6, "seconds": 90,'
        ' "finishes_at": "2026-01-05T02:00:00Z", "basis": "assumed"}, "passedOver": {"over_cap": 7}}'
    )
    api.rows(
        "UPDATE runs SET status = 'completed', started_at = app.now(), finished_at = app.now(), stats = $2::text::jsonb"
        " WHERE id = $1 RETURNING 1",
        UUID(dry.rpartition("/")[2]),
        forecast,
    )
    page = text(ops.get(dry).text)
    assert all(said in page for said in ("$0.10", "never more than $0.60", "1 min 30 s", "7 over cap"))
    form = page[page.index('action="/ui/nights"') :].partition("</form>")[0]
    assert all(said in form for said in ('name="limit" value="3"', 'value="crm_push"', 'value="crawl"'))
    real = {"limit": "3", "skip": ["crm_push", "crawl"]}
    first = ops.send("/ui/nights", real).headers["location"]
    assert "The night is asked for" in ops.get(first).text
    again = ops.send("/ui/nights", real).headers["location"]
    assert again == first
    assert "There is one a day" in ops.get(first).text
    [row] = api.rows("SELECT params FROM runs WHERE id = $1", UUID(first.rpartition("/")[2]))
    assert '"crawl"' in row["params"]
    live = ops.client.get(f"{first}/live", headers={"HX-Request": "true"})
    assert 'hx-trigger="every 3s"' in live.text
    assert ops.send(f"{first}/cancel").headers["location"] == first
    page = ops.get(first).text
    assert "cancelled" in page
    assert "Cancel night" not in page
    ended = ops.client.get(f"{first}/live", headers={"HX-Request": "true"})
    assert ended.headers["hx-refresh"] == "true"
    refused = ops.send("/ui/nights", {"limit": "many"})
    assert (refused.status_code, "limit" in refused.text) == (400, True)
    assert ops.send("/ui/nights", {"skip": "sleep"}).status_code == 400


def test_what_a_night_left_undone_is_finished_after_a_forecast(ops: Visitor) -> None:
    # S3.11
    run = night(ops.api, "2026-05-01", status="failed")
    assert "the night of 2026-05-01" in ops.get("/ui/nights/new", from_manifest=run).text
    dry = ops.send("/ui/nights", {"dry_run": "true", "from_manifest": run}).headers["location"]
    assert f"/ui/nights/{run}" in ops.get(dry).text
    real = ops.send("/ui/nights", {"from_manifest": run}).headers["location"]
    assert "Finishes" in ops.get(real).text
    assert ops.send("/ui/nights", {"from_manifest": run}).headers["location"] == real
    going = night(ops.api, "2026-05-02", status="running")
    refused = ops.send("/ui/nights", {"from_manifest": going})
    assert (refused.status_code, "wait for its end" in refused.text) == (409, True)


def test_a_shortlist_shows_who_is_on_it_and_why_the_others_are_not(ops: Visitor) -> None:
    # S3.15
    run = night(ops.api, "2026-06-01")
    listed = text(ops.get("/ui/shortlists").text)
    assert "/ui/shortlists/2026-06-01" in listed
    page = text(ops.get("/ui/shortlists/2026-06-01").text)
    listing, _, others = page.partition("Not on the shortlist")
    assert "veld of 2026-06-01" in listing
    assert "Thandi, Buyer" in listing
    assert "late1 of" not in listing
    assert f"/ui/nights/{run}" in listing
    assert all(said in others for said in ("2 over cap", "1 rejected", "late1 of", "the country is not wanted"))
    only = text(ops.get("/ui/shortlists/2026-06-01", reason="over_cap").text)
    assert "late1 of" in only
    assert "the country is not wanted" not in only
    file = ops.get("/ui/shortlists/2026-06-01/csv")
    assert file.headers["content-type"].startswith("text/csv")
    assert "veld of 2026-06-01" in file.text
    assert ops.get("/ui/shortlists/2026-06-02").status_code == 404
    assert ops.get("/ui/shortlists/yesterday").status_code == 404


def test_viewers_look_and_operators_act(shared_api: Served) -> None:
    # S3.20 S2.16: the journeys over schedules, nights and shortlists as each role
    path, run = schedule(shared_api), night(shared_api, "2026-07-01", status="partial")
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.VIEWER)
        page = visitor.get(f"/ui/nights/{run}").text
        assert "Finish what is left" not in page
        shortlist = visitor.get("/ui/shortlists/2026-07-01").text
        assert "veld of 2026-07-01" in shortlist
        assert "As CSV" not in shortlist
        assert visitor.get("/ui/shortlists/2026-07-01/csv").status_code == 403
        for method, address in [
            ("GET", path),
            ("POST", f"{path}/pause"),
            ("POST", "/ui/nights"),
            ("GET", "/ui/nights/new"),
        ]:
            answer = visitor.get(address) if method == "GET" else visitor.send(address)
            assert answer.status_code == 403, address
        visitor.log_in(Role.ANALYST)
        assert "As CSV" in visitor.get("/ui/shortlists/2026-07-01").text
        assert visitor.send("/ui/nights", {"dry_run": "true"}).status_code == 403
        assert visitor.send(f"{path}/change", {"cron": "* * * * *"}).status_code == 403


def test_nothing_of_another_tenant_is_shown(ops: Visitor) -> None:
    # R18
    theirs = night(ops.api, "2026-08-01", tenant=ABROAD)
    assert ops.get(f"/ui/nights/{theirs}").status_code == 404
    assert ops.get(f"/ui/nights/{theirs}/live").status_code == 404
    assert ops.send(f"/ui/nights/{theirs}/cancel").status_code == 404
    assert ops.send("/ui/nights", {"from_manifest": theirs}).status_code == 404
    assert ops.get("/ui/shortlists/2026-08-01").status_code == 404
    for path in ("/ui/nights?month=2026-08", "/ui/shortlists"):
        assert theirs not in ops.get(path).text, path
    assert "2026-08-01" not in ops.get("/ui/shortlists").text
