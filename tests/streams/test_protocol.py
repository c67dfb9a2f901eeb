"""The JetStream sink at the level of the protocol: every way in which an answer comes, comes late, is lost or says no."""

from __future__ import annotations

import asyncio
import socket
from uuid import uuid4

import pytest
from pydantic import SecretStr

from contracts.events import Probed, RunFinished
from contracts.outbox import EventFilter
from contracts.replays import ReplayRequest
from db import inspection, replays, streams
from db.transaction import DbRole, transaction
from tests.db.conftest import new_tenant
from tests.streams.house import House, both, lead
from tests.streams.wire import Wire
from worker.providers.jetstream import Unreachable, open_connection


async def test_a_fact_goes_to_the_subject_of_its_tenant_under_its_id_and_nothing_else_goes(
    house: House, wire: Wire
) -> None:
    # R8 S2.04
    other, stranger = await new_tenant(house.pool), await new_tenant(house.pool)
    await house.subscribe()
    await house.subscribe("RunFinished", tenant=other)
    fact, run = lead(), RunFinished(run_id=uuid4(), status="completed")
    await house.tell(fact, run, Probed(probe_id=uuid4()))
    await house.tell(lead(), run, tenant=other)
    await house.tell(lead(), run, tenant=stranger)
    assert await house.states() == [("pending", 0, None)] * 2
    assert await house.send() == 2
    slugs = {
        house.tenant: house.slug,
        other: await house.conn.fetchval("SELECT slug FROM app.tenants WHERE id = $1", other),
    }
    assert {each.subject for each in wire.messages} == {
        f"headwater.{slugs[house.tenant]}.LeadDiscovered",
        f"headwater.{slugs[other]}.RunFinished",
    }
    told = next(each for each in wire.messages if each.subject.endswith("LeadDiscovered"))
    assert told.body["data"] == {"leadId": str(fact.lead_id), "enrich": False}
    assert (told.body["id"], told.body["type"], told.body["tenant"]) == (told.id, "LeadDiscovered", str(house.tenant))
    event_id = await house.conn.fetchval(
        "SELECT event_id FROM app.outbox_history WHERE sink = 'nats' AND tenant_id = $1", house.tenant
    )
    assert told.id == str(event_id)
    assert await house.states() == [("sent", 0, None)] * 2


async def test_without_a_subscription_a_handoff_writes_nothing_more(house: House) -> None:
    await house.tell(lead())
    assert await house.states() == []
    await house.subscribe()
    async with transaction(house.pool, house.tenant) as tx:
        assert await streams.unsubscribe(tx, house.tenant, by="tests")
        assert not await streams.unsubscribe(tx, house.tenant, by="tests")
    await house.tell(lead())
    assert await house.states() == []


async def test_what_was_told_before_it_was_switched_off_still_goes_out(house: House, wire: Wire) -> None:
    await house.subscribe()
    await house.tell(lead())
    async with transaction(house.pool, house.tenant) as tx:
        await streams.unsubscribe(tx, house.tenant, by="tests")
        (shown,) = (await streams.list_(tx, [house.tenant])).items
    assert (shown.enabled, shown.waiting) == (False, 1)
    await house.send()
    assert len(wire.messages) == 1


async def test_the_stream_is_made_once_and_outlives_its_duplicate_window(house: House, wire: Wire) -> None:
    twin = house.twin()
    await house.subscribe()
    await house.send()
    await twin.send()
    assert wire.api.count("CREATE") == 1
    assert wire.config is not None
    assert (wire.config["name"], wire.config["subjects"]) == ("HEADWATER", ["headwater.>"])
    assert wire.config["max_age"] > wire.config["duplicate_window"] == 120 * 10**9
    await twin.sink.close()


async def test_a_lost_answer_is_asked_for_again_under_the_same_id(house: House, wire: Wire) -> None:
    # R8: at least once; the stream drops what it has seen
    await house.subscribe()
    wire.fates = ["lose_answer"]
    await house.tell(lead())
    await house.send()
    assert (wire.published, wire.duplicates, len(wire.messages)) == (2, 1, 1)
    assert await house.states() == [("sent", 0, "outage")]


async def test_after_the_duplicate_window_it_stands_there_twice_under_one_id(house: House, wire: Wire) -> None:
    # what a consumer's inbox is for
    await house.subscribe()
    wire.fates = ["lose_answer"]
    await house.tell(lead())
    await house.sink.turn()
    wire.seen.clear()
    await house.send()
    assert len(wire.messages) == 2
    assert len(set(wire.ids())) == 1
    assert wire.messages[0].body == wire.messages[1].body


@pytest.mark.parametrize("fate", ["cut", "no_responders", "swallow"])
async def test_an_outage_in_the_middle_spends_no_attempt_and_loses_nothing(house: House, wire: Wire, fate: str) -> None:
    # R8 S2.04
    await house.subscribe()
    wire.usual = fate  # type: ignore[assignment]
    await house.tell(lead(), lead())
    assert await house.sink.turn() == 2
    assert await house.states() == [("failed", 0, "outage")] * 2
    wire.usual = "store"
    await house.send()
    assert await house.states() == [("sent", 0, "outage")] * 2
    assert len(set(wire.ids())) == 2


@pytest.mark.slow
async def test_nobody_there_opens_the_breaker_and_touches_no_event(house: House, wire: Wire) -> None:
    # S2.04: per-sink breaker
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"nats://127.0.0.1:{closed.getsockname()[1]}"
    away = house.twin(nats_url=SecretStr(url))
    await house.subscribe()
    await house.tell(lead())
    for _ in range(6):
        assert await away.sink.turn() == 0
    assert await house.breaker() == ("open", 5)
    assert await house.states() == [("pending", 0, None)]
    # While it is open nobody dials, not even one whose NATS is there.
    assert await house.send() == 0
    assert wire.connections == 0
    # The next try is long off at most a quarter of a minute, and one that works closes it.
    assert await house.conn.fetchval("SELECT opened_until - app.now() <= interval '15 s' FROM app.breakers")
    await house.later()
    assert await house.send() == 1
    assert await house.breaker() == ("closed", 0)


async def test_while_one_tries_after_an_outage_the_others_wait(house: House, wire: Wire) -> None:
    twin = house.twin()
    await house.subscribe()
    await house.tell(lead())
    await house.conn.execute(
        "INSERT INTO app.breakers (operation, credential, state, failures, opens, opened_until)"
        " VALUES ('nats.publish', 'HEADWATER', 'open', 5, 1, app.now())"
    )
    wire.held = asyncio.Event()
    tries = asyncio.create_task(house.sink.turn())
    await wire.met.wait()
    assert await twin.sink.turn() == 0
    wire.held.set()
    assert await tries == 1
    assert wire.connections == 1
    await twin.sink.close()


@pytest.mark.slow
async def test_a_half_open_server_costs_one_time_out(house: House, wire: Wire) -> None:
    wire.silent = True
    with pytest.raises(Unreachable, match="no answer within 1 s"):
        await open_connection(house.settings)
    await house.subscribe()
    await house.tell(lead())
    assert await house.sink.turn() == 0
    wire.silent = False
    assert await house.send() == 1


async def test_a_server_without_jetstream_is_an_outage_in_words(house: House, wire: Wire) -> None:
    wire.jetstream = False
    with pytest.raises(Unreachable, match="has no JetStream"):
        await open_connection(house.settings)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"code": 503, "err_code": 10077, "description": "maximum bytes exceeded"}, ("failed", 0, "outage")),
        ({"code": 503, "err_code": 10008, "description": "JetStream not available"}, ("failed", 0, "outage")),
        ({"code": 400, "err_code": 10060, "description": "expected stream does not match"}, ("failed", 0, "outage")),
        ({"code": 400, "err_code": 10054, "description": "message size exceeds maximum allowed"}, ("failed", 1, "refused")),
    ],
)  # fmt: skip
async def test_an_error_answer_counts_only_if_it_is_about_the_message(
    house: House, wire: Wire, said: dict[str, object], state: tuple[str, int, str]
) -> None:
    await house.subscribe()
    await house.tell(lead())
    wire.errors = [said]
    await house.sink.turn()
    assert await house.states() == [state]
    await house.later()
    await house.send()
    assert [each[0] for each in await house.states()] == ["sent"]


async def test_a_refusal_counts_until_it_is_a_dead_letter_that_can_be_replayed(house: House, wire: Wire) -> None:
    # S2.04 R9
    await house.subscribe()
    await house.tell(lead())
    wire.errors = [{"code": 400, "err_code": 10054, "description": "message size exceeds maximum allowed"}] * 5
    for _ in range(5):
        await house.send()
        await house.later()
    assert await house.states() == [("dead_letter", 5, "refused")]
    async with transaction(house.pool, house.tenant) as tx:
        (listed,) = (await inspection.list_events(tx, [house.tenant], EventFilter(sink="nats"))).items
    assert listed.last_error == "message size exceeds maximum allowed (400/10054)"
    async with transaction(house.pool, None, role=DbRole.SYSTEM) as tx:
        asked = ReplayRequest.model_validate({"filter": {"sink": "nats"}})
        assert (await replays.replay_many(tx, [house.tenant], asked, "tests")).replayed == 1
    await house.send()
    assert wire.ids() == [str(listed.event_id)]


async def test_one_too_long_for_the_server_is_refused_here_and_holds_up_nobody(house: House, wire: Wire) -> None:
    # The server would end the connection, and all that is under way with it.
    wire.max_payload = 1024 + 280
    await house.subscribe("LeadDiscovered", "RunFinished")
    await house.tell(lead())
    assert await house.conn.fetchval("SELECT count(*) FROM app.outbox_events WHERE sink = 'nats'") == 1
    await house.conn.execute(
        "UPDATE app.outbox_events SET payload = payload || jsonb_build_object('x', repeat('y', 300)) WHERE sink = 'nats'"
    )
    await house.tell(RunFinished(run_id=uuid4(), status="completed"))
    await house.sink.turn()
    assert await house.states() == [("failed", 1, "refused"), ("sent", 0, None)]
    assert wire.connections == 1


async def test_one_whose_answer_is_lost_among_others_rests_and_they_do_not(house: House, wire: Wire) -> None:
    await house.subscribe()
    await house.tell(lead(), lead(), lead())
    wire.fates = ["store", "swallow", "store"]
    assert await house.send() == 3
    assert sorted(await house.states()) == [("failed", 0, "outage"), ("sent", 0, None), ("sent", 0, None)]
    assert await house.breaker() is None
    await house.later()
    await house.send()
    assert len(set(wire.ids())) == 3


async def test_the_answer_to_a_lost_lease_changes_nothing_and_the_message_comes_again_under_its_id(
    house: House, wire: Wire
) -> None:
    # R8: two tokens
    twin = house.twin()
    await house.subscribe()
    await house.tell(lead())
    wire.fates = ["swallow"]
    slow = asyncio.create_task(house.sink.turn())
    await asyncio.wait_for(wire.came.wait(), 10)
    await house.conn.execute(
        "UPDATE app.outbox_events SET lease_expires_at = app.now() - interval '1 s' WHERE state = 'processing'"
    )
    assert await twin.send() == 1
    assert await slow == 1
    assert await house.states() == [("sent", 0, "lease_expired")]
    assert len(wire.messages) == 1
    await twin.sink.close()


async def test_a_stream_that_went_is_made_again(house: House, wire: Wire) -> None:
    await house.subscribe()
    await house.tell(lead())
    await house.send()
    wire.config = None
    await house.tell(lead())
    await house.send()
    assert wire.api.count("CREATE") == 2
    assert await house.states() == [("sent", 0, None), ("sent", 0, "outage")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"max_age": 60 * 10**9}, r"max_age \(60 s\) does not outlive duplicate_window \(120 s\)"),
        ({"subjects": ["other.>"]}, "it takes other.> and not headwater.>"),
        ({"no_ack": True}, "no_ack is set"),
        ({"retention": "workqueue"}, "its retention is workqueue"),
    ],
)
async def test_nothing_is_published_to_a_stream_that_is_unfit(
    house: House, wire: Wire, change: dict[str, object], said: str
) -> None:
    await (await open_connection(house.settings)).close()
    assert wire.config is not None
    wire.config |= change
    with pytest.raises(Unreachable, match=said):
        await open_connection(house.settings)
    await house.subscribe()
    await house.tell(lead())
    assert await house.sink.turn() == 0
    assert wire.published == 0
    assert await house.states() == [("pending", 0, None)]


async def test_a_flood_of_one_tenant_does_not_hold_up_another(house: House) -> None:
    other = await new_tenant(house.pool)
    await house.subscribe()
    await house.subscribe(tenant=other)
    await house.tell(*[lead() for _ in range(300)])
    await house.tell(lead(), tenant=other)
    async with transaction(house.pool, None, role=DbRole.SYSTEM) as tx:
        leased = await streams.lease(tx, batch=10, for_s=60)
    assert len(leased) == 10
    assert other in {each.event.tenant_id for each in leased}


async def test_two_sinks_share_what_is_due_and_publish_each_once(house: House, wire: Wire) -> None:
    twin = house.twin()
    await house.subscribe()
    await house.tell(*[lead() for _ in range(200)])
    while any(await both(house.sink, twin.sink)):
        pass
    assert (wire.published, len(wire.messages)) == (200, 200)
    assert await house.states() == [("sent", 0, None)] * 200
    await twin.sink.close()


async def test_the_loop_wakes_delivers_and_stops(house: House, wire: Wire) -> None:
    running = asyncio.create_task(house.sink.run())
    await house.subscribe()
    await house.tell(lead())
    house.sink.wake()
    await asyncio.wait_for(wire.came.wait(), 10)
    house.sink.stop()
    await asyncio.wait_for(running, 10)
    assert await house.states() == [("sent", 0, None)]


async def test_a_tenant_sees_only_its_own_subscription(house: House) -> None:
    other = await new_tenant(house.pool)
    await house.subscribe(tenant=other)
    async with transaction(house.pool, house.tenant) as tx:
        assert (await streams.list_(tx, [house.tenant, other])).items == []
