"""The sink and a consumer with an inbox against a real NATS server: killed, stopped, full of doubt, and still once."""

from __future__ import annotations

import asyncio
import json
import runpy
import signal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import nats
import pytest
from pydantic import SecretStr

from contracts.events import LeadScored
from db import streams
from db.transaction import DbRole, transaction
from tests.front.programs import run
from tests.streams.house import House, lead
from tests.streams.server import NatsServer, running_server
from worker.providers.jetstream import Unreachable, dial, open_connection

pytestmark = pytest.mark.slow

EXAMPLE = runpy.run_path(str(Path(__file__).parents[2] / "docs/examples/inbox_consumer.py"))


def scored() -> LeadScored:
    return LeadScored(lead_id=uuid4(), prediction_id=uuid4(), band="HIGH", score=0.9)


async def stored(server: NatsServer) -> list[tuple[str, str, dict[str, Any]]]:
    """(subject, id, body) of every message in the stream, in order."""
    client = await nats.connect(server.url)
    try:
        jetstream = client.jetstream()
        info = await jetstream.stream_info("HEADWATER")
        found = []
        for seq in range(info.state.first_seq, info.state.last_seq + 1):
            each = await jetstream.get_msg("HEADWATER", seq)
            found.append((each.subject or "", (each.headers or {})["Nats-Msg-Id"], json.loads(each.data or b"")))
        return found
    finally:
        await client.close()


async def published_but_never_settled(house: House) -> None:
    """What a process leaves that dies between the receipt and its settling: messages in the stream, a lease that runs out."""
    connection = await open_connection(house.settings)
    async with transaction(house.pool, None, role=DbRole.SYSTEM) as tx:
        leased = await streams.lease(tx, batch=10, for_s=60)
    answers = await connection.publish([house.sink._message(each) for each in leased])
    assert {each.verdict for each in answers} == {"delivered"}
    await connection.close()
    await house.conn.execute("UPDATE app.outbox_events SET state = 'failed', lease_token = NULL, lease_expires_at = NULL"
                             " WHERE state = 'processing'")  # fmt: skip


async def test_facts_stand_in_the_stream_once(real: House, nats_server: NatsServer) -> None:
    # R8 S2.04
    await real.subscribe("LeadDiscovered", "LeadScored")
    facts = [lead(), scored()]
    await real.tell(*facts)
    assert await real.send() == 2
    found = await stored(nats_server)
    assert [subject for subject, _, _ in found] == [f"headwater.{real.slug}.{fact.type}" for fact in facts]
    assert [body["id"] for _, _, body in found] == [id_ for _, id_, _ in found]
    connection = await dial(real.settings)
    report = await connection.ready(make=False)
    await connection.close()
    assert (report.unfit, report.messages, report.made) == ([], 2, False)
    assert report.max_age_s > report.duplicate_window_s == 120


async def test_sent_again_within_the_duplicate_window_it_stands_there_once(
    real: House, nats_server: NatsServer
) -> None:
    await real.subscribe("LeadScored")
    await real.tell(scored())
    await published_but_never_settled(real)
    assert await real.send() == 1
    assert len(await stored(nats_server)) == 1
    assert [state for state, *_ in await real.states()] == ["sent"]


async def test_a_consumer_with_an_inbox_does_it_once_although_it_comes_twice(
    nats_server: NatsServer, real: House, new_db_url: Any
) -> None:
    # R8: outside the duplicate window too, and when the consumer dies between its commit and its acknowledgement
    real = real.twin(nats_duplicate_window_s=1)
    await real.subscribe("LeadScored")
    fact = scored()
    await real.tell(fact)
    await published_but_never_settled(real)
    ((_, id_, _),) = await stored(nats_server)
    client = await nats.connect(nats_server.url)
    jetstream = client.jetstream()
    # The window is over when the stream takes the id again: with that this message stands there twice.
    headers = {"Nats-Msg-Id": id_}
    subject = f"headwater.{real.slug}.LeadScored"
    body = json.dumps({"data": {"leadId": str(fact.lead_id), "score": 0.9}}).encode()
    async with asyncio.timeout(20):
        while (await jetstream.publish(subject, body, headers=headers)).duplicate:
            pass
    assert [each for _, each, _ in await stored(nats_server)] == [id_, id_]

    db = real.conn
    await db.execute(EXAMPLE["INBOX"])
    await db.execute("CREATE TABLE scores_seen (lead_id uuid NOT NULL, score double precision NOT NULL)")
    subscription = await jetstream.pull_subscribe(EXAMPLE["SUBJECTS"], EXAMPLE["DURABLE"], stream="HEADWATER")
    (doomed,) = await subscription.fetch(1, timeout=5)
    assert await EXAMPLE["take"](db, UUID(id_), json.loads(doomed.data), EXAMPLE["note_score"])
    await doomed.nak()  # its acknowledgement is never sent: it comes again
    await EXAMPLE["consume"](db, jetstream, EXAMPLE["note_score"], until_empty=True)
    assert await db.fetchval("SELECT count(*) FROM scores_seen") == 1
    assert await db.fetchval("SELECT count(*) FROM inbox") == 1
    info = await jetstream.consumer_info("HEADWATER", EXAMPLE["DURABLE"])
    assert (info.num_pending, info.num_ack_pending) == (0, 0)
    await client.close()
    await real.sink.close()


async def test_an_effect_that_fails_leaves_no_note_and_comes_again(real: House) -> None:
    db = real.conn
    await db.execute(EXAMPLE["INBOX"])
    event_id = uuid4()

    async def fails(_db: Any, _told: dict[str, Any]) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await EXAMPLE["take"](db, event_id, {}, fails)
    assert await db.fetchval("SELECT count(*) FROM inbox") == 0


async def test_a_server_killed_in_the_middle_loses_nothing(real: House, nats_server: NatsServer) -> None:
    # R8
    await real.subscribe()
    await real.tell(*[lead() for _ in range(200)])
    assert await real.sink.turn() > 0
    waiting = await real.conn.fetchval("SELECT count(*) FROM app.outbox_events WHERE sink = 'nats'")
    await real.tell(*[lead() for _ in range(50)])
    sending = asyncio.create_task(real.sink.turn())
    await nats_server.kill()
    await sending
    assert await real.sink.turn() == 0  # nobody is there, and nothing is leased
    await nats_server.start()
    await real.later()
    await real.send()
    ids = await real.conn.fetch("SELECT event_id, attempts FROM app.outbox_history WHERE sink = 'nats'")
    assert len(ids) >= 200 - waiting
    assert {row["attempts"] for row in ids} == {0}
    assert {each for _, each, _ in await stored(nats_server)} == {str(row["event_id"]) for row in ids}
    assert {state for state, *_ in await real.states()} == {"sent"}


async def test_a_server_that_stands_still_is_an_outage_and_goes_on_where_it_was(
    real: House, nats_server: NatsServer
) -> None:
    # half-open: the connection is there, and nobody answers
    await real.subscribe()
    await real.tell(lead())
    await real.send()
    await real.tell(lead())
    assert nats_server.process is not None
    nats_server.process.send_signal(signal.SIGSTOP)
    assert await real.sink.turn() == 1
    assert [state for state, *_ in await real.states()] == ["sent", "failed"]
    nats_server.process.send_signal(signal.SIGCONT)
    await real.later()
    await real.send()
    assert await real.states() == [("sent", 0, None), ("sent", 0, "outage")]
    assert len({each for _, each, _ in await stored(nats_server)}) == 2


async def test_a_wrong_password_is_told_without_it(real: House) -> None:
    async with running_server("--user", "headwater", "--pass", "right-and-secret") as server:
        at = f"127.0.0.1:{server.port}"
        good = real.twin(nats_url=SecretStr(f"nats://headwater:right-and-secret@{at}"))
        await (await open_connection(good.settings)).close()
        bad = real.twin(nats_url=SecretStr(f"nats://headwater:wrong-and-secret@{at}"))
        with pytest.raises(Unreachable) as told:
            await open_connection(bad.settings)
        assert "secret" not in str(told.value)
        assert "uthorization" in str(told.value)


async def test_setup_makes_the_stream_says_what_is_unfit_and_mends_it(
    nats_server: NatsServer, db_url: str, real: House
) -> None:
    environment = {"NATS_URL": nats_server.url, "DATABASE_URL": db_url}
    done = run("streams", "setup", "--check", **environment)
    assert (done.returncode, "stream not found" in done.stderr) == (1, True), done.stderr
    done = run("streams", "setup", "--json", **environment)
    assert (done.returncode, json.loads(done.stdout)["made"]) == (0, True)
    client = await nats.connect(nats_server.url)
    jetstream = client.jetstream()
    await jetstream.delete_stream("HEADWATER")
    await jetstream.add_stream(name="HEADWATER", subjects=["mine.>"], max_age=50, duplicate_window=50)
    await client.close()
    done = run("streams", "setup", **environment)
    assert done.returncode == 1
    assert "headwater streams setup --mend" in done.stderr
    done = run("streams", "setup", "--mend", "--json", **environment)
    report = json.loads(done.stdout)
    assert (done.returncode, report["unfit"], report["subjects"]) == (0, [], ["mine.>", "headwater.>"])
    assert report["max_age_s"] > report["duplicate_window_s"]
    assert run("streams", "setup", DATABASE_URL=db_url).returncode == 2


async def test_who_sends_what_is_set_listed_and_switched_off(real: House, db_url: str) -> None:
    environment = {"DATABASE_URL": db_url}
    done = run("streams", "set", "--event", "LeadScored", "--tenant", real.slug, **environment)
    assert f"LeadScored go to headwater.{real.slug}.TYPE" in done.stdout
    listed = json.loads(run("streams", "list", "--json", **environment).stdout)["items"]
    assert [(each["tenant"], each["events"], each["enabled"]) for each in listed] == [(real.slug, ["LeadScored"], True)]
    assert run("streams", "set", "--event", "Probed", **environment).returncode == 2
    assert run("streams", "off", "--tenant", real.slug, **environment).returncode == 0
    assert run("streams", "off", "--tenant", real.slug, **environment).returncode == 1
    logged = await real.conn.fetch("SELECT action FROM app.audit_log ORDER BY id")
    assert [row["action"] for row in logged][-2:] == ["stream.subscribed", "stream.unsubscribed"]


async def test_the_doctor_says_whether_the_stream_is_fit(nats_server: NatsServer, db_url: str) -> None:
    # B.10
    def jetstream(**environment: str) -> dict[str, Any]:
        done = run("doctor", "--json", DATABASE_URL=db_url, JWT_SECRET="x" * 32, **environment)
        (found,) = [each for each in json.loads(done.stdout)["findings"] if each["check"] == "jetstream"]
        return dict(found)

    missing = jetstream(NATS_URL=nats_server.url)
    assert (missing["level"], "headwater streams setup" in missing["mend"]) == ("wrong", True)
    client = await nats.connect(nats_server.url)
    await client.jetstream().add_stream(name="HEADWATER", subjects=["headwater.>"], max_age=60, duplicate_window=60)
    await client.close()
    unfit = jetstream(NATS_URL=nats_server.url)
    assert "does not outlive" in unfit["found"]
    assert run(*unfit["mend"].split(",")[0].split()[1:], NATS_URL=nats_server.url, DATABASE_URL=db_url).returncode == 0
    assert jetstream(NATS_URL=nats_server.url)["level"] == "ok"
