"""What pages show and what their forms do, over the same rows as the API."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.matching import Verdict
from contracts.overview import ServiceLevels
from contracts.tenants import Role
from db import matching
from db.pool import open_pool
from db.transaction import transaction
from tests.api.server_fixture import ABROAD, HOME, Served, in_a_thread
from tests.ui.visitors import Visitor

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def ops(shared_api: Served) -> Iterator[Visitor]:
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.OPS)
        yield visitor


def run(api: Served, **body: Any) -> str:
    asked = {"channels": ["register"], "queries": ["workwear"], **body}
    made = api.client.post("/v1/discovery/runs", json=asked, headers=api.as_(Role.OPS))
    assert made.status_code == 202, made.text
    return str(made.json()["id"])


def lead(api: Served, name: str, tenant: str = HOME) -> dict[str, Any]:
    body = {"company_name": name, "country": "ZA", "domain": f"d{uuid4().hex[:10]}.example"}
    made = api.client.post("/v1/leads", json=body, headers=api.as_(Role.ANALYST, tenant))
    assert made.status_code == 201, made.text
    shown: dict[str, Any] = api.client.get(
        f"/v1/leads/{made.json()['id']}", headers=api.as_(Role.VIEWER, tenant)
    ).json()
    return shown


def text(page: str) -> str:
    """What stands on it, on one line."""
    return " ".join(html.unescape(page).split())


def test_empty_pages_say_what_will_be_there_and_how(api: Served) -> None:
    # S2.17
    with Visitor.at(api) as visitor:
        visitor.log_in(Role.OPS)
        for path, words in [
            ("/ui", "Nothing runs at the moment"),
            ("/ui/runs", "No run yet"),
            ("/ui/leads", "No lead yet"),
            ("/ui/messages", "No message yet"),
            ("/ui/matches", "Nothing to review"),
            ("/ui/outbox", "No event yet"),
            ("/ui/jobs", "No job yet"),
            ("/ui/dead-letters", "No dead letter"),
            ("/ui/vendors", "No worker has said yet whom it can ask"),
            ("/ui/models", "No model version"),
        ]:
            assert words in visitor.get(path).text, path


def test_the_list_of_runs_has_the_documents_columns(api: Served) -> None:
    # S0.16: last 20 runs; status, started, duration, created companies, contacts, leads, first 100 characters of the error
    made = [run(api) for _ in range(23)]
    wrong = "x" * 99 + "YZ"
    api.rows(
        "UPDATE runs SET status = 'failed', started_at = created_at, finished_at = created_at + interval '65 seconds', error = $2,"
        " created_companies_count = 11, created_contacts_count = 12, created_leads_count = 1300 WHERE id = $1 RETURNING 1",
        UUID(made[-1]),
        wrong,
    )
    with Visitor.at(api) as visitor:
        visitor.log_in(Role.VIEWER)
        page = visitor.get("/ui/runs").text
        heads = ["Status", "Started", "Duration", "Created companies", "Created contacts", "Created leads", "Error"]
        assert [h for h in heads if f">{h}</th>" in page] == heads
        assert page.count('class="row"') == 20
        row = text(page[page.index(f"/ui/runs/{made[-1]}") :].partition("</tr>")[0])
        assert all(words in row for words in ("failed", "1 min 05 s", ">11<", ">12<", ">1,300<"))
        assert "x" * 99 + "Y…" in row
        assert "YZ" not in row
        assert f"/ui/leads?run_id={made[-1]}" in row  # numbers lead to their rows
        older = visitor.get("/ui/runs", cursor=made[3]).text
        assert older.count('class="row"') == 3
        assert "Newest" in older
        assert visitor.get("/ui/runs", status="failed", kind="").text.count('class="row"') == 1
        twin = visitor.get("/ui/runs", format="json").json()
        assert [r["id"] for r in twin["runs"]] == made[:2:-1]
        assert twin["next_cursor"] == made[3]


def test_a_run_is_forecast_started_once_followed_and_cancelled(ops: Visitor) -> None:
    # B.06 S2.17
    api = ops.api
    page = ops.get("/ui/runs/new", channels="register", queries="workwear\nuniforms", max_companies="40").text
    assert "Start the run" not in page
    page = ops.get(
        "/ui/runs/new", channels="register", queries="workwear\nuniforms", max_companies="40", forecast="true"
    ).text
    assert "Start the run" in page
    assert "2 slices" in page
    assert "no worker has said that it serves it" in page
    form = {"channels": "register", "queries": "workwear\r\nuniforms", "max_companies": "40", "once": str(uuid4())}
    first, again = ops.send("/ui/runs", form), ops.send("/ui/runs", form)
    assert first.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    path = first.headers["location"]
    shown = api.client.get(f"/v1/discovery/runs/{path.rpartition('/')[2]}", headers=api.as_(Role.VIEWER)).json()
    assert (shown["params"]["queries"], shown["params"]["max_companies"]) == (["workwear", "uniforms"], 40)
    page = ops.get(path).text
    assert "The run is asked for" in page
    assert "The run is asked for" not in ops.get(path).text
    live = ops.client.get(f"{path}/live", headers={"HX-Request": "true"})
    assert 'hx-trigger="every 2s"' in live.text
    assert "<html" not in live.text
    assert ops.send(f"{path}/cancel").status_code == 303
    page = ops.get(path).text
    assert "cancelled" in page
    assert "Cancel run" not in page
    ended = ops.client.get(f"{path}/live", headers={"HX-Request": "true"})
    assert ended.headers["hx-refresh"] == "true"
    refused = ops.send("/ui/runs", {"max_companies": "many"})
    assert (refused.status_code, "give a whole number" in refused.text) == (400, True)


def test_names_from_outside_are_text_and_nothing_else(ops: Visitor) -> None:
    # a lead named <script> stays a name on every page that shows it
    made = lead(ops.api, EVIL)
    for path in (
        f"/ui/leads/{made['id']}",
        f"/ui/companies/{made['company_id']}",
        "/ui/leads",
        f"/ui/leads?name={EVIL}",
    ):
        page = ops.get(path)
        assert page.status_code == 200, page.text
        assert EVIL not in page.text, path
        assert html.escape(EVIL) in page.text, path
    odd = ops.get("/ui/outbox", type='"><script>x</script>').text
    assert "<script>x" not in odd


def test_a_lead_shows_its_story_and_takes_feedback(ops: Visitor) -> None:
    # S2.17 B.04
    made = lead(ops.api, "Karoo Workwear")
    path = f"/ui/leads/{made['id']}"
    page = ops.get(path).text
    assert "No score yet" in page
    assert "Nobody has said yet" in page
    told = ops.send(f"{path}/feedback", {"verdict": "meeting", "note": "demo booked"})
    assert told.status_code == 303
    page = ops.get(path).text
    assert "Noted: meeting" in page
    assert "demo booked" in page
    assert ops.send(f"{path}/feedback", {"verdict": "maybe"}).status_code == 400
    twin = ops.get(path, format="json").json()
    assert twin["lead"]["id"] == made["id"]
    assert [f["verdict"] for f in twin["feedback"]] == ["meeting"]
    found = ops.get("/ui/leads", name="karoo work wear").text
    assert f"/ui/companies/{made['company_id']}" in found


def test_the_score_is_drawn_with_what_adds_up_to_it(ops: Visitor) -> None:
    # B.04
    from api.ui.charts import bars
    from contracts.models import sigmoid
    from contracts.scores import ContributionRow

    rows = [
        ContributionRow(kind="rule", field="a", log_odds=0.5, words="a"),
        ContributionRow(kind="missing", field="b", log_odds=-2.0, words="b"),
    ]
    drawn = bars(0.25, rows)
    assert [(b.row.field, b.x, b.width) for b in drawn.bars] == [("b", 0.0, 200.0), ("a", 200.0, 50.0)]
    assert drawn.score == drawn.bars[-1].score == pytest.approx(sigmoid(0.25 + 0.5 - 2.0))


def propose(api: Served) -> str:
    ids = sorted(UUID(lead(api, name)["company_id"]) for name in ("Veld Uniforms", "Veld Uniform"))
    made: list[Any] = []

    async def work() -> None:
        pool = await open_pool(api.database_url, name="tests", size=1)
        try:
            async with transaction(pool, api.tenants[HOME].id) as tx:
                said = Verdict(a_id=ids[0], b_id=ids[1], probability=0.8, features={"name_rare": 0.9})
                made.extend((await matching.propose(tx, api.tenants[HOME].id, [said])).values())
        finally:
            await pool.close()

    in_a_thread(work)
    return str(made[0])


def test_a_merge_is_reviewed_and_undone(ops: Visitor) -> None:
    # B.04
    path = f"/ui/matches/{propose(ops.api)}"
    assert path in ops.get("/ui/matches", state="pending").text
    assert ops.send(f"{path}/merge", {"reason": "same office"}).headers["location"] == path
    page = ops.get(path).text
    assert "same office" in page
    assert "Undo the merge" in page
    assert ops.send(f"{path}/undo").status_code == 303
    assert "undone" in ops.get(path).text
    again = ops.send(f"{path}/undo")
    assert again.status_code == 409
    assert 'role="alert"' in again.text


def test_a_draft_waits_for_a_word_and_a_refusal_says_what_is_missing(ops: Visitor) -> None:
    # S2.17
    api, made = ops.api, lead(ops.api, "Drafted Clothing")
    [row] = api.rows(
        "INSERT INTO messages (tenant_id, lead_id, channel, template, parameters, body, written_by)"
        " VALUES ($1, $2, 'whatsapp', 'whatsapp/1/en', '[]', 'Hello <b>Thandi</b>', 'template') RETURNING id",
        api.tenants[HOME].id,
        UUID(made["id"]),
    )
    path = f"/ui/messages/{row['id']}"
    assert "Hello &lt;b&gt;Thandi" in ops.get("/ui/messages", state="draft").text
    refused = ops.send(f"{path}/approve")
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text
    back = f"/ui/leads/{made['id']}"
    gone = ops.send(f"{path}/reject", {"reason": "we know them", "back": back})
    assert (gone.status_code, gone.headers["location"]) == (303, back)
    page = ops.get(path).text
    assert "we know them" in page
    assert "Approve and send" not in page


def test_an_event_tells_why_it_is_not_there_yet(ops: Visitor) -> None:
    # B.02
    made = run(ops.api)
    listed = ops.get("/ui/outbox", correlation_id=made, format="json").json()
    path = f"/ui/outbox/{listed['events'][0]['event_id']}"
    assert path in ops.get("/ui/outbox", correlation_id=made, type="RunRequested").text
    page = text(ops.get(path).text)
    assert "Why not yet?" in page
    assert "no worker process is alive" in page
    assert "Next:" in page
    assert f"/ui/runs/{made}" in page


def test_dead_letters_are_previewed_and_replayed(ops: Visitor) -> None:
    # B.02 S2.17
    made = run(ops.api)
    ops.api.rows(
        "WITH gone AS (DELETE FROM outbox_events WHERE correlation_id = $1 RETURNING *)"
        " INSERT INTO dead_letters (tenant_id, kind, event_id, name, event, attempts, error_class, error, correlation_id,"
        " created_at) SELECT tenant_id, 'event', event_id, type, to_jsonb(gone), 5, 'bad_payload', 'does not fit', correlation_id,"
        " app.now()"
        " FROM gone RETURNING id",
        UUID(made),
    )
    assert "does not fit" in ops.get("/ui/dead-letters").text
    preview = ops.get("/ui/dead-letters/replay", error_class="bad_payload").text
    assert "1 events would be sent again" in preview
    assert ops.api.rows("SELECT FROM dead_letters WHERE resolved_at IS NULL")
    wrong = ops.send("/ui/dead-letters/replay", {"error_class": "bad_payload", "rate": "fast"})
    assert (wrong.status_code, "as a number" in wrong.text) == (400, True)
    assert ops.send("/ui/dead-letters/replay", {"error_class": "bad_payload"}).status_code == 303
    page = ops.get("/ui/dead-letters").text
    assert "1 events are on their way again" in page
    assert "No dead letter" in page


def test_the_overview_counts_and_leads_to_the_rows(ops: Visitor) -> None:
    # S1.07 S4.06
    api = ops.api
    made = run(api)
    api.rows(
        "UPDATE runs SET status = 'failed', started_at = app.now() - interval '40 seconds', finished_at = app.now(),"
        " error = 'gave up'"
        " WHERE id = $1 RETURNING 1",
        UUID(made),
    )
    api.rows(
        "INSERT INTO vendor_calls (tenant_id, vendor, operation, billable, state, units_reserved, sent_at, settled_at)"
        " SELECT $1, 'tavily', 'search', true, 'answered', 1, app.now() - n * interval '1 hour', app.now()"
        " FROM generate_series(0, 2) n RETURNING 1",
        api.tenants[HOME].id,
    )
    page = text(ops.get("/ui").text)
    assert "gave up" in page
    assert f"/ui/runs/{made}" in page
    assert "Service levels" in page
    twin = ops.get("/ui", format="json").json()
    [vendor] = twin["calls"]["vendors"]
    assert (vendor["vendor"], vendor["calls"][-3:], sum(vendor["calls"])) == ("tavily", [1, 1, 1], 3)
    assert len(twin["calls"]["times"]) == 24
    assert len(ops.get("/ui", calls="day", format="json").json()["calls"]["times"]) == 30
    assert twin["levels"]["failed"] >= 1
    assert twin["levels"]["p95_s"] >= 39
    assert "as a table" in page.lower()


def test_odd_numbers_of_records_are_named() -> None:
    # S4.06: zero, or excessive
    seen = {
        "runs": 3,
        "completed": 3,
        "partial": 0,
        "failed": 0,
        "median_s": 1,
        "p95_s": 1,
        "success_rate": 1,
        "error_rate": 0,
    }
    found = [ServiceLevels(**seen, records=n, usual=10.0).records_odd for n in (0, 10, 31)]
    assert found == ["zero", None, "excessive"]


def test_nothing_of_another_tenant_is_shown(ops: Visitor) -> None:
    # R18
    theirs = lead(ops.api, "Abroad Clothing", ABROAD)
    for path in (f"/ui/leads/{theirs['id']}", f"/ui/companies/{theirs['company_id']}"):
        assert ops.get(path).status_code == 404
    for path in ("/ui/leads", "/ui/leads?name=Abroad Clothing", "/ui/outbox", "/ui"):
        assert "Abroad Clothing</a>" not in ops.get(path).text
        assert theirs["id"] not in ops.get(path).text
    assert ops.send(f"/ui/leads/{theirs['id']}/feedback", {"verdict": "won"}).status_code == 404


def test_every_list_has_its_twin(ops: Visitor) -> None:
    # S2.17
    for path in (
        "",
        "/runs",
        "/runs/new",
        "/leads",
        "/messages",
        "/matches",
        "/outbox",
        "/jobs",
        "/dead-letters",
        "/vendors",
        "/models",
        "/alerts",
        "/accounts",
        "/accounts/samples",
        "/stock",
        "/tenants",
        "/retention",
    ):
        twin = ops.get(f"/ui{path}", format="json")
        assert twin.headers["content-type"] == "application/json", path
        assert twin.json()
        assert "format=json" in ops.get(f"/ui{path}").text
