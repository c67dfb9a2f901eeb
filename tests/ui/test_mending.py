"""What operators do to the machine from its pages: pause and resume, take back, look closer, do again."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served
from tests.ui.test_pages import run, text
from tests.ui.visitors import Visitor


@pytest.fixture(scope="module")
def ops(shared_api: Served) -> Iterator[Visitor]:
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.OPS)
        yield visitor


def bury(api: Served) -> UUID:
    """A run whose event could not be delivered."""
    made = UUID(run(api))
    api.rows(
        "WITH gone AS (DELETE FROM outbox_events WHERE correlation_id = $1 RETURNING *)"
        " INSERT INTO dead_letters (tenant_id, kind, event_id, name, event, attempts, error_class, error, correlation_id,"
        " created_at) SELECT tenant_id, 'event', event_id, type, to_jsonb(gone), 5, 'bad_payload', 'does not fit',"
        " correlation_id, app.now() FROM gone RETURNING id",
        made,
    )
    return made


def end(api: Served, run_id: str | UUID) -> None:
    api.rows(
        "UPDATE runs SET status = 'completed', started_at = created_at, finished_at = created_at + interval '10 seconds',"
        " open_slices = 0 WHERE id = $1 RETURNING 1",
        UUID(str(run_id)),
    )


def test_the_queue_is_paused_with_a_reason_and_resumed(ops: Visitor) -> None:
    # S2.17
    assert "Pause the queue" in ops.get("/ui/outbox").text
    refused = ops.send("/ui/outbox/pause", {"reason": ""})
    assert refused.status_code == 400
    assert ops.send("/ui/outbox/pause", {"reason": "the CRM is being moved"}).status_code == 303
    for path in ("/ui", "/ui/outbox", "/ui/jobs"):
        page = text(ops.get(path).text)
        assert "The queue is paused" in page, path
        assert "the CRM is being moved" in page, path
        assert "Resume the queue" in page, path
    assert ops.get("/ui/outbox", format="json").json()["pause"]["by"] == "ops@example.com"
    made = run(ops.api)
    [event] = ops.get("/ui/outbox", correlation_id=made, format="json").json()["events"]
    assert "paused this tenant" in text(ops.get(f"/ui/outbox/{event['event_id']}").text)
    with Visitor.at(ops.api) as viewer:
        viewer.log_in(Role.VIEWER)
        page = viewer.get("/ui/outbox").text
        assert "The queue is paused" in page
        assert "Resume the queue" not in page
    assert ops.send("/ui/outbox/resume").status_code == 303
    assert "Pause the queue" in ops.get("/ui/outbox").text


def test_a_replay_of_many_is_taken_back_while_it_waits(ops: Visitor) -> None:
    # B.02
    bury(ops.api)
    assert ops.send("/ui/dead-letters/replay", {"error_class": "bad_payload"}).status_code == 303
    page = ops.get("/ui/dead-letters").text
    assert "can be taken back, below" in page
    assert "No dead letter" in page
    [path] = re.findall(r'action="(/ui/dead-letters/replays/[^"]+/undo)"', page)
    assert ops.send(path).status_code == 303
    page = text(ops.get("/ui/dead-letters").text)
    assert "1 letters are open again" in page
    assert "does not fit" in page
    again = ops.send(path)
    assert again.status_code == 404
    assert ops.send("/ui/dead-letters/replay", {"error_class": "bad_payload"}).status_code == 303
    with Visitor.at(ops.api) as abroad:
        abroad.log_in(Role.OPS, ABROAD)
        [theirs] = re.findall(r'action="(/ui/dead-letters/replays/[^"]+/undo)"', ops.get("/ui/dead-letters").text)
        assert abroad.send(theirs).status_code == 404  # R18
        assert "Replays of many" not in abroad.get("/ui/dead-letters").text


def test_a_timeline_is_looked_at_more_closely(ops: Visitor) -> None:
    # B.02
    made = run(ops.api)
    end(ops.api, made)
    ops.api.rows(
        "INSERT INTO vendor_calls (tenant_id, run_id, vendor, operation, billable, state, units_reserved, sent_at, settled_at)"
        " SELECT $1, r.id, 'gleif', 'search', false, 'answered', 0, r.created_at + n * interval '1 second',"
        " r.created_at + n * interval '1.2 seconds' FROM runs r, generate_series(1, 8) n WHERE r.id = $2 RETURNING 1",
        ops.api.tenants[HOME].id,
        UUID(made),
    )
    page = ops.get(f"/ui/runs/{made}").text
    assert page.count('class="mark vendor_call') == 8
    links = re.findall(r'href="(/ui/runs/[^"]*\?[^"]*from=[^"]*)#timeline"', page)
    assert len(links) == 6
    closer = ops.get(links[1].replace("&amp;", "&")).text
    assert 0 < closer.count('class="mark vendor_call') < 8
    assert "Whole run" in closer
    twin = ops.get(f"{links[1].replace('&amp;', '&')}&format=json").json()
    asked = dict(p.split("=") for p in links[1].replace("&amp;", "&").partition("?")[2].split("&"))
    window = {name: value.replace("%3A", ":") for name, value in asked.items()}
    api = ops.api.client.get(
        f"/v1/discovery/runs/{made}/timeline", params=window, headers=ops.api.as_(Role.VIEWER)
    ).json()
    assert api["moments"] == twin["moments"]
    wrong = ops.get(f"/ui/runs/{made}", **{"from": window["to"], "to": window["from"]})
    assert (wrong.status_code, "give the earlier time first" in wrong.text) == (400, True)
    empty = ops.get(f"/ui/runs/{made}", **{"from": "2020-01-01T00:00:00Z", "to": "2020-01-01T00:00:01Z"})
    assert "Nothing happened in this part" in empty.text


def test_a_run_is_done_again_and_what_differs_is_shown_then_applied(ops: Visitor) -> None:
    # B.03
    made = run(ops.api)
    assert "Once it has ended, it can be done again" in ops.get(f"/ui/runs/{made}").text
    end(ops.api, made)
    page = ops.get(f"/ui/runs/{made}").text
    [once] = re.findall(r'replays">.*?name="once" value="([^"]+)"', page, re.S)
    first, again = (ops.send(f"/ui/runs/{made}/replays", {"once": once}) for _ in range(2))
    path = first.headers["location"]
    assert path == again.headers["location"]
    assert path.startswith(f"/ui/runs/{made}/replays/")
    page = ops.get(path).text
    assert "Nothing is written" in page
    assert 'hx-trigger="every 2s"' in page
    replay_id = path.rpartition("/")[2]
    end(ops.api, replay_id)
    ops.api.rows(
        "INSERT INTO replay_differences (tenant_id, run_id, position, kind, change, subject, fields)"
        """ VALUES ($1, $2, 0, 'company', 'created', '{"name": "Veld Uniforms"}', '{}'),"""
        """ ($1, $2, 1, 'lead', 'changed', '{"source": "register"}', '{"status": {"from": "NEW", "to": "<b>OPEN</b>"}}')"""
        " RETURNING 1",
        ops.api.tenants[HOME].id,
        UUID(replay_id),
    )
    page = ops.get(path).text
    assert "every 2s" not in page
    assert "Veld Uniforms" in page
    assert "NEW → &lt;b&gt;OPEN" in page
    assert "Apply the difference" in page
    kept = ops.send(f"/ui/runs/{made}/replays", {"apply": "true", "once": f"apply-{replay_id}"})
    assert ops.get(kept.headers["location"], format="json").json()["replay"]["apply"] is True
    assert path in ops.get(f"/ui/runs/{made}").text
    assert path in ops.get(f"/ui/runs/{replay_id}").text
    with Visitor.at(ops.api) as abroad:
        abroad.log_in(Role.OPS, ABROAD)
        assert abroad.get(path).status_code == 404  # R18


def test_there_is_nothing_to_resume_where_no_job_gave_up(ops: Visitor) -> None:
    made = run(ops.api)
    refused = ops.send(f"/ui/runs/{made}/resume")
    assert (refused.status_code, "no job of this run gave up" in refused.text) == (409, True)
    assert "Resume:" not in ops.get(f"/ui/runs/{made}").text


def test_throughput_is_plotted_with_its_figures_as_a_table(ops: Visitor) -> None:
    # S2.17 S4.06
    run(ops.api)
    for path in ("/ui", "/ui/outbox", "/ui/jobs"):
        assert 'hx-get="/ui/outbox/pace"' in ops.get(path).text, path
    page = ops.get("/ui/outbox/pace").text
    assert "As a table" in page
    assert page.count('class="chart"') == 2
    twin: dict[str, Any] = ops.get("/ui/outbox/pace", minutes="180", format="json").json()["series"]
    assert len(twin["times"]) == 180
    assert sum(twin["written"]) >= 1
    written = re.findall(r'<a href="(/ui/outbox\?since=[^"]*)">(\d+)</a>', page)
    assert written
    for link, count in written:
        listed = ops.get(f"{html.unescape(link)}&limit=200&format=json").json()["events"]
        assert len(listed) == int(count), link
    assert "Written from" in ops.get(html.unescape(written[0][0])).text
    ended = re.findall(r'<a href="(/ui/jobs\?[^"]*since=[^"]*)">', page)
    assert all("First queued from" in ops.get(html.unescape(link)).text for link in ended)


def test_a_model_shows_its_drift_and_stands_beside_the_active_one(ops: Visitor) -> None:
    # B.08
    api, home = ops.api, ops.api.tenants[HOME].id
    empty = '{"terms": []}'
    made = api.rows(
        "INSERT INTO model_versions (tenant_id, family, version, stage, model, active_at)"
        " VALUES ($1, 'lead', 1, 'ACTIVE', $2::jsonb, app.now()), ($1, 'lead', 2, 'SHADOW', $2::jsonb, NULL) RETURNING id, stage",
        home,
        empty,
    )
    shadow = next(row["id"] for row in made if row["stage"] == "SHADOW")
    page = ops.get(f"/ui/models/{shadow}").text
    assert "No drift is known yet" in page
    api.rows(
        "INSERT INTO model_evaluations (tenant_id, model_version_id, cause, decision, reason, metrics)"
        " VALUES ($1, $2, 'tests', 'stays', 'too few', $3::jsonb) RETURNING 1",
        home,
        shadow,
        '{"drift": {"country": 0.05, "employees": 0.31}, "figures": {"auc": 0.7123, "log_loss": 0.61, "psi": 0.2}}',
    )
    page = text(ops.get(f"/ui/models/{shadow}").text)
    assert page.index("employees") < page.index("country")
    assert "0.310" in page
    assert "0.712" in page
    assert "this, v2" in page
    assert ">v1</a>" in page
