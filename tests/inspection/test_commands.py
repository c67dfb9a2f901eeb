"""`headwater outbox` and `headwater jobs` as somebody in a shell has them: real processes, JSON, exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest

from contracts.events import Probed
from contracts.outbox import EventStatus
from db.transaction import DbRole
from tests.inspection.scene import Scene


def headwater(scene: Scene, *arguments: object, expect: int = 0) -> str:
    """Run a command; gives what it printed, or its complaint when it fails."""
    environment = {**os.environ, "DATABASE_URL": scene.url, "COLUMNS": "200"}
    command = [sys.executable, "-m", "headwater", *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert ran.returncode == expect, ran.stderr + ran.stdout
    return ran.stdout if ran.stdout else ran.stderr


def answer(scene: Scene, *arguments: object, expect: int = 0) -> Any:
    return json.loads(headwater(scene, *arguments, "--json", expect=expect))


@pytest.mark.slow
async def test_the_outbox_from_a_shell(scene: Scene) -> None:
    # C.06, B.01, B.02
    (event_id,) = await scene.emit()
    await scene.emit(tenant=scene.other)
    await scene.dispatch()
    dead = await scene.bury()
    assert len(answer(scene, "outbox", "list")["items"]) == 3
    mine = answer(scene, "outbox", "list", "--tenant", "mine", "--status", "sent", "--newer-than", "1h")
    assert [item["event_id"] for item in mine["items"]] == [str(event_id)]
    assert str(dead) in headwater(scene, "outbox", "list", "--status", "dead_letter")
    assert "no event fits" in headwater(scene, "outbox", "list", "--until", mine["items"][0]["created_at"][:19])
    assert len(answer(scene, "outbox", "list", "--since", mine["items"][0]["created_at"][:10])["items"]) == 3
    assert answer(scene, "outbox", "show", event_id)["executions"][0]["state"] == "queued"
    assert f"next: mend the cause, then: headwater outbox replay {dead}" in headwater(scene, "outbox", "explain", dead)
    assert answer(scene, "outbox", "stats")["queue"] == {"queued": 2, "running": 0}
    assert answer(scene, "outbox", "replay", "--dry-run")["matched"] == 1
    assert "goes out again as" in headwater(scene, "outbox", "replay", dead)
    assert "is pending and goes out by itself" in headwater(scene, "outbox", "replay", dead, expect=1)
    assert "there is no tenant 'nobody'" in headwater(scene, "outbox", "list", "--tenant", "nobody", expect=1)
    async with scene.app() as tx:
        assert str(await tx.fetchval("SELECT actor FROM app.audit_log WHERE action = 'outbox.replay'")).startswith(
            "cli"
        )


@pytest.mark.slow
async def test_a_tenant_is_paused_and_resumed_from_a_shell(scene: Scene) -> None:
    # S2.17 B.02: the twin of /v1/outbox/pause, with its reason and its audit rows
    await scene.emit()
    paused = answer(scene, "outbox", "pause", "--tenant", "mine", "--reason", "the CRM is moved")
    assert (paused["paused"], paused["reason"], paused["suspended"]) == (True, "the CRM is moved", False)
    assert paused["by"].startswith("cli")
    assert await scene.dispatch() == 0
    assert "the CRM is moved" in headwater(scene, "outbox", "paused", "--tenant", "mine")
    assert answer(scene, "outbox", "paused", "--tenant", "other")["paused"] is False
    assert answer(scene, "outbox", "resume", "--tenant", "mine")["paused"] is False
    assert await scene.dispatch() == 1
    assert "reason" in headwater(scene, "outbox", "pause", "--tenant", "mine", "--reason", "no", expect=2)
    assert "there is no tenant 'nobody'" in headwater(scene, "outbox", "resume", "--tenant", "nobody", expect=1)
    async with scene.app() as tx:
        rows = await tx.fetch("SELECT action FROM app.audit_log WHERE action LIKE 'outbox%' ORDER BY id")
    assert [row["action"] for row in rows] == ["outbox.pause", "outbox.resume"]


@pytest.mark.slow
async def test_a_replay_of_many_is_undone_from_a_shell(scene: Scene) -> None:
    # B.02: what still waits, of every tenant that it concerns; nothing twice
    mine, theirs = await scene.bury(), await scene.bury(scene.other)
    done = answer(scene, "outbox", "replay", "--rate", "0.001")
    assert done["replayed"] == 2
    (batch,) = answer(scene, "outbox", "replays", "--tenant", "mine")["items"]
    assert (batch["id"], batch["events"], batch["waiting"]) == (done["replay_id"], 1, 1)
    back = answer(scene, "outbox", "undo", done["replay_id"], "--tenant", "other")
    assert (back["taken_back"], back["gone"]) == (1, 0)
    back = answer(scene, "outbox", "undo", done["replay_id"])
    assert (back["taken_back"], back["gone"]) == (1, 0)
    assert [row.event_id for row in await scene.list_(EventStatus.DEAD_LETTER)] == [mine]
    assert [row.event_id for row in await scene.list_(EventStatus.DEAD_LETTER, tenant=scene.other)] == [theirs]
    assert "replay_not_found" in headwater(scene, "outbox", "undo", done["replay_id"], expect=1)
    async with scene.app() as tx:
        rows = await tx.fetch("SELECT actor FROM app.audit_log WHERE action = 'outbox.replay_undone'")
    assert [row["actor"].startswith("cli") for row in rows] == [True]


@pytest.mark.slow
async def test_verify_ends_with_0_only_when_all_is_well(scene: Scene) -> None:
    # B.01
    await scene.emit(*(Probed(probe_id=uuid4()) for _ in range(3)))
    await scene.dispatch()
    proof = answer(scene, "outbox", "verify")
    assert {k: proof[k] for k in ("ok", "events", "jobs", "lost", "doubled")} == {
        "ok": True, "events": 3, "jobs": 3, "lost": 0, "doubled": 0,
    }  # fmt: skip
    async with scene.system(DbRole.OWNER) as tx:
        await tx.execute("DELETE FROM app.job_executions WHERE id = (SELECT id FROM app.job_executions LIMIT 1)")
    broken = answer(scene, "outbox", "verify", expect=1)
    assert (broken["ok"], broken["lost"]) == (False, 1)
    assert answer(scene, "outbox", "verify", "--tenant", "other")["ok"]


@pytest.mark.slow
async def test_jobs_from_a_shell(scene: Scene) -> None:
    await scene.emit(Probed(probe_id=uuid4()), Probed(probe_id=uuid4()))
    await scene.dispatch()
    (delivery,) = await scene.take()
    await scene.give_up(delivery)
    job = delivery.execution_id
    assert [item["id"] for item in answer(scene, "jobs", "list", "--state", "dead")["items"]] == [str(job)]
    assert [item["execution_id"] for item in answer(scene, "jobs", "list", "--dead-letters")["items"]] == [str(job)]
    assert "no job fits" in headwater(scene, "jobs", "list", "--until", "2026-01-31")
    assert len(answer(scene, "jobs", "list", "--since", "2026-01-31T06:00:00")["items"]) == 2
    assert "bad_answer" in headwater(scene, "jobs", "show", job)
    assert answer(scene, "jobs", "retry", job)["state"] == "waiting"
    assert "is waiting: its next attempt is due by itself" in headwater(scene, "jobs", "retry", job, expect=1)
    assert answer(scene, "jobs", "cancel", job)["cancel_requested_at"]
    assert "there is no job" in headwater(scene, "jobs", "show", uuid4(), expect=1)


async def test_a_database_that_is_not_migrated_is_said_in_a_line(scene: Scene, empty_db_url: str) -> None:
    scene.url = empty_db_url
    assert "headwater db migrate" in headwater(scene, "outbox", "stats", expect=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("outbox", "list", "--aggregate-type", ""), "aggregate_type"),
        (("outbox", "list", "--error-class", "a" * 101), "error_class"),
        (("outbox", "verify", "--newer-than", "99999999d"), "a hundred years"),
        (("tenants", "create", "long", "--name", "a" * 201), "name: "),
    ],
)
def test_words_that_make_no_sense_are_named(scene: Scene, words: tuple[str, ...], said: str) -> None:
    # S2.14
    assert said in headwater(scene, *words, expect=2)
