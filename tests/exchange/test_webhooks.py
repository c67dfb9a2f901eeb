"""Webhooks of tenants: told once they are handed off, signed, again under the same id, and no harm to others."""

from __future__ import annotations

import asyncio
import base64
import hmac
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from contracts.events import LeadDiscovered, Probed, RunFinished
from contracts.outbox import EventFilter
from contracts.replays import ReplayRequest
from contracts.settings import Settings
from contracts.webhook_endpoints import ChangeEndpoint, CreateEndpoint, secret_of, signing_secret
from db import inspection, outbox, replays, webhooks
from db.transaction import DbRole, Pool, transaction
from tests.api.server_fixture import settings_of_tests
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.exchange.receiver import Post, Receiver, receiving
from worker.dispatcher import Dispatcher
from worker.providers.tenant_webhook import Poster
from worker.sinks import WebhookSink

KEY = SecretStr("a master key of the tests, long enough for anybody")


@dataclass
class House:
    """Dispatcher and sink of this process; a tenant that wants to be told."""

    pool: Pool
    conn: Connection
    tenant: UUID
    settings: Settings
    sink: WebhookSink

    async def register(self, url: str, *, events: tuple[Any, ...] = ("LeadDiscovered",), **how: Any) -> UUID:
        body = CreateEndpoint(url=url, events=list(events), **how)
        async with transaction(self.pool, self.tenant) as tx:
            made, _ = await webhooks.create(tx, self.tenant, body, url, by="tests")
        return made.id

    async def tell(self, *facts: Any, tenant: UUID | None = None) -> None:
        """Commit facts and hand them off."""
        async with transaction(self.pool, tenant or self.tenant) as tx:
            await outbox.emit_many(tx, tenant or self.tenant, facts)
        await Dispatcher(self.pool, self.settings).turn()

    async def deliver(self) -> int:
        """Let everything due go out, and land."""
        sent = 0
        while n := await self.sink.turn():
            sent += n
            await asyncio.gather(*self.sink._flying)
        return sent

    async def later(self) -> None:
        """Whatever waits for its time is due now, breakers and backoff alike."""
        await self.conn.execute("UPDATE app.outbox_events SET available_at = app.now() WHERE sink = 'webhook'")
        await self.conn.execute("UPDATE app.webhook_endpoints SET open_until = app.now() WHERE open_until IS NOT NULL")

    async def states(self) -> list[tuple[str, int, str | None]]:
        rows = await self.conn.fetch(
            "SELECT status, attempts, error_class FROM app.outbox WHERE sink = 'webhook' ORDER BY id"
        )
        return [tuple(row.values()) for row in rows]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
async def house(pool: Pool, conn: Connection, tenant: UUID) -> AsyncIterator[House]:
    settings = settings_of_tests(webhook_signing_key=KEY, webhook_allow_loopback=True, webhook_timeout_s=2.0)
    poster = Poster(timeout_s=settings.webhook_timeout_s, loopback=True)
    yield House(pool, conn, tenant, settings, WebhookSink(pool, settings, poster))
    await poster.close()


def lead() -> LeadDiscovered:
    return LeadDiscovered(lead_id=uuid4())


def signed_by(post: Post, secret: SecretStr) -> bool:
    at = post.headers["X-Headwater-Timestamp"].encode()
    wanted = hmac.digest(secret.get_secret_value().encode(), at + b"." + post.body, "sha256").hex()
    return post.headers["X-Headwater-Signature"] == f"sha256={wanted}"


def standard_signed_by(post: Post, shown: SecretStr) -> bool:
    """As a library of Standard Webhooks does it: the id, the time and the body, under what the secret encodes."""
    key = base64.b64decode(shown.get_secret_value().removeprefix("whsec_"), validate=True)
    signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    version, _, given = post.headers["webhook-signature"].partition(",")
    assert abs(time.time() - int(post.headers["webhook-timestamp"])) < 300
    return version == "v1" and hmac.compare_digest(base64.b64decode(given), hmac.digest(key, signed, "sha256"))


async def test_a_fact_is_told_signed_to_those_who_want_it_and_to_nobody_else(house: House, receiver: Receiver) -> None:
    # R8 S2.04
    endpoint = await house.register(receiver.url)
    await house.register(receiver.url + "/runs", events=("RunFinished",))
    await house.register(receiver.url + "/off", enabled=False)
    stranger = await new_tenant(house.pool)
    fact = lead()
    await house.tell(fact, Probed(probe_id=uuid4()))
    await house.tell(lead(), tenant=stranger)
    assert await house.states() == [("pending", 0, None)]
    assert await house.deliver() == 1
    (post,) = receiver.posts
    told = post.told
    assert (post.path, told["type"], told["version"], told["tenant"]) == (
        "/hook",
        "LeadDiscovered",
        1,
        str(house.tenant),
    )
    assert told["data"] == {"leadId": str(fact.lead_id), "enrich": False}
    assert (told["id"], told["type"]) == (post.headers["X-Headwater-Event"], post.headers["X-Headwater-Type"])
    assert signed_by(post, secret_of(KEY, house.tenant, endpoint, 1))
    assert not signed_by(post, secret_of(KEY, house.tenant, endpoint, 2))
    assert told["id"] == post.headers["webhook-id"]
    assert standard_signed_by(post, signing_secret(KEY, house.tenant, endpoint, 1))
    assert not standard_signed_by(post, signing_secret(KEY, house.tenant, endpoint, 2))
    assert await house.states() == [("sent", 0, None)]
    assert await house.conn.fetchval("SELECT count(*) FROM app.vendor_calls") == 0


async def test_a_refusal_counts_until_it_is_a_dead_letter_that_can_be_replayed(
    house: House, receiver: Receiver
) -> None:
    # S2.04 R9
    await house.register(receiver.url)
    receiver.usual = 422
    await house.tell(lead())
    for _ in range(5):
        await house.deliver()
        await house.later()
    assert await house.states() == [("dead_letter", 5, "refused")]
    assert len(receiver.posts) == 5
    assert len(set(receiver.ids())) == 1
    async with transaction(house.pool, house.tenant) as tx:
        listed = await inspection.list_events(tx, [house.tenant], EventFilter(sink="webhook"))
        assert [(e.status.value, e.last_error) for e in listed.items] == [("dead_letter", "it answered 422")]
        assert (await inspection.list_events(tx, [house.tenant], EventFilter(sink="queue"))).items[0].sink == "queue"
    receiver.usual = 204
    async with transaction(house.pool, None, role=DbRole.SYSTEM) as tx:
        asked = ReplayRequest.model_validate({"filter": {"sink": "webhook"}})
        assert (await replays.replay_many(tx, [house.tenant], asked, "tests")).replayed == 1
    await house.deliver()
    assert len(set(receiver.ids())) == 1
    assert [state for state, *_ in await house.states()] == ["sent"]


async def test_an_outage_spends_no_attempt_and_leaves_the_endpoint_alone_for_a_while(
    house: House, receiver: Receiver
) -> None:
    endpoint = await house.register(receiver.url)
    other = await house.register(receiver.url + "/other")
    receiver.answers = [503]
    await house.tell(lead())
    await house.deliver()
    broken = await house.conn.fetch("SELECT id, failures, open_until FROM app.webhook_endpoints WHERE failures > 0")
    assert [row["failures"] for row in broken] == [1]
    assert broken[0]["id"] in (endpoint, other)
    assert sorted(await house.states()) == [("failed", 0, "outage"), ("sent", 0, None)]
    # While its breaker is open nothing goes there; the other one is told as before.
    posts = len(receiver.posts)
    await house.conn.execute(
        "UPDATE app.webhook_endpoints SET open_until = app.now() + interval '1 hour' WHERE failures > 0"
    )
    await house.tell(lead())
    await house.deliver()
    assert len(receiver.posts) == posts + 1
    await house.later()
    await house.deliver()
    assert {state for state, *_ in await house.states()} == {"sent"}
    assert await house.conn.fetchval("SELECT sum(failures) FROM app.webhook_endpoints") == 0
    assert len(set(receiver.ids())) == 4


async def test_nobody_there_and_no_answer_in_time_are_outages_and_three_days_are_enough(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    await house.register(url)
    await house.tell(lead())
    await house.deliver()
    assert await house.states() == [("failed", 0, "outage")]
    await house.conn.execute(
        "UPDATE app.outbox_events SET created_at = app.now() - interval '4 days' WHERE sink = 'webhook'"
    )
    await house.later()
    await house.deliver()
    assert [(state, why) for state, _, why in await house.states()] == [("dead_letter", "outage")]


async def test_gone_disables_an_endpoint_and_nothing_is_lost(house: House, receiver: Receiver) -> None:
    endpoint = await house.register(receiver.url)
    receiver.answers = [410]
    await house.tell(lead())
    await house.deliver()
    async with transaction(house.pool, house.tenant) as tx:
        shown = await webhooks.show(tx, house.tenant, endpoint)
    assert (shown.enabled, shown.disabled_reason) == (False, "it answered 410 Gone")
    await house.later()
    assert await house.deliver() == 0
    async with transaction(house.pool, house.tenant) as tx:
        await webhooks.change(tx, house.tenant, endpoint, ChangeEndpoint(enabled=True), None, by="tests")
    await house.deliver()
    assert [state for state, *_ in await house.states()] == ["sent"]
    # What waits for one that is removed is kept as a dead letter.
    receiver.answers = [500]
    await house.tell(lead())
    await house.deliver()
    async with transaction(house.pool, house.tenant) as tx:
        await webhooks.remove(tx, house.tenant, endpoint, by="tests")
    async with transaction(house.pool, None, role=DbRole.SYSTEM) as tx:
        assert await webhooks.bury_orphans(tx) == 1
    assert ("dead_letter", 1, "endpoint_removed") in await house.states()


@pytest.mark.parametrize(
    ("ordering", "order"),
    [("block", [0, 0, 1]), ("park", [0, 0, 1]), ("skip", [0, 1])],
)
async def test_in_order_an_endpoint_that_says_no_blocks_parks_or_skips(
    house: House, receiver: Receiver, ordering: str, order: list[int]
) -> None:
    await house.register(receiver.url, ordering=ordering)
    facts = [lead(), lead()]
    receiver.answers = [400]
    await house.tell(*facts)
    for _ in range(4):
        await house.deliver()
        await house.later()
    leads = [str(fact.lead_id) for fact in facts]
    assert [leads.index(post.told["data"]["leadId"]) for post in receiver.posts] == order
    dead = [state for state, *_ in await house.states() if state == "dead_letter"]
    assert len(dead) == (1 if ordering == "skip" else 0)


async def test_the_answer_to_a_lost_lease_changes_nothing_and_the_event_comes_again_under_its_id(
    house: House, receiver: Receiver
) -> None:
    # R8: at least once; two tokens
    await house.register(receiver.url)
    receiver.go_on.clear()
    receiver.came.clear()
    await house.tell(lead())
    await house.sink.turn()
    await asyncio.to_thread(receiver.came.wait, 10)
    await house.conn.execute(
        "UPDATE app.outbox_events SET lease_expires_at = app.now() - interval '1 s' WHERE state = 'processing'"
    )
    second = WebhookSink(house.pool, house.settings, house.sink.poster)
    assert await second.turn() == 1
    receiver.go_on.set()
    await asyncio.gather(*second._flying, *house.sink._flying)
    assert len(receiver.posts) == 2
    assert len(set(receiver.ids())) == 1
    assert len({post.headers["X-Headwater-Attempt"] for post in receiver.posts}) == 2
    assert await house.states() == [("sent", 0, "lease_expired")]


async def test_private_addresses_and_redirects_are_not_followed(house: House, receiver: Receiver) -> None:
    receiver.usual = 302
    await house.register(receiver.url)
    await house.register("https://localhost.localdomain/")
    await house.register("https://127.0.0.1.nip.io/")
    await house.register("http://example.com/")
    await house.tell(lead())
    await house.deliver()
    assert {post.path for post in receiver.posts} == {"/hook"}  # a redirect leads to another
    assert {state for state, *_ in await house.states()} == {"failed"}
    closed = Poster(timeout_s=1.0, loopback=False)
    from worker.providers.tenant_webhook import Forbidden

    with pytest.raises(Forbidden):
        await closed.post(receiver.url, b"", {})
    await closed.close()


@pytest.mark.parametrize(
    "inside", [["127.0.0.1"], ["10.1.2.3"], ["169.254.169.254"], ["::1"], ["93.184.216.34", "192.168.0.7"]]
)
async def test_a_public_name_that_leads_inside_is_not_gone_to(
    house: House, monkeypatch: pytest.MonkeyPatch, inside: list[str]
) -> None:
    # R8: DNS may say something else than the name promises, and after it was registered
    asked = socket.getaddrinfo

    def says(host: Any, *about: Any, **more: Any) -> Any:
        if host != "hooks.karoo.co.za":
            return asked(host, *about, **more)
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 0)) for a in inside]

    monkeypatch.setattr(socket, "getaddrinfo", says)
    await house.register("https://hooks.karoo.co.za/x")
    await house.tell(lead())
    assert await house.deliver() == 1
    assert [state for state, *_ in await house.states()] == ["failed"]
    said = await house.conn.fetchval("SELECT last_error FROM app.outbox WHERE sink = 'webhook'")
    assert "private network" in said


async def test_without_endpoints_a_handoff_writes_nothing_more(house: House) -> None:
    await house.tell(lead(), RunFinished(run_id=uuid4(), status="completed"))
    assert await house.states() == []
    assert await house.deliver() == 0
