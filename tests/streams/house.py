"""Dispatcher and stream sink of this process, a NATS to publish to, and a tenant that sends facts there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from contracts.events import LeadDiscovered
from contracts.settings import Settings
from db import outbox, streams
from db.transaction import Pool, transaction
from tests.api.server_fixture import settings_of_tests
from tests.conftest import Connection
from tests.streams.server import NatsServer, running_server
from tests.streams.wire import Wire, wired
from worker.dispatcher import Dispatcher
from worker.streams import StreamSink


def lead() -> LeadDiscovered:
    return LeadDiscovered(lead_id=uuid4())


@dataclass
class House:
    pool: Pool
    conn: Connection
    tenant: UUID
    slug: str
    settings: Settings
    sink: StreamSink

    async def subscribe(self, *events: str, tenant: UUID | None = None) -> None:
        async with transaction(self.pool, tenant or self.tenant) as tx:
            await streams.subscribe(tx, tenant or self.tenant, events or ("LeadDiscovered",), by="tests")

    async def tell(self, *facts: Any, tenant: UUID | None = None) -> None:
        """Commit facts and hand them off."""
        async with transaction(self.pool, tenant or self.tenant) as tx:
            await outbox.emit_many(tx, tenant or self.tenant, facts)
        await Dispatcher(self.pool, self.settings).turn()

    async def send(self) -> int:
        """Let everything due go out."""
        sent = 0
        while n := await self.sink.turn():
            sent += n
        return sent

    async def later(self) -> None:
        """Whatever waits for its time is due now, the breaker and what rests alike."""
        await self.conn.execute("UPDATE app.outbox_events SET available_at = app.now() WHERE sink = 'nats'")
        await self.conn.execute("UPDATE app.breakers SET opened_until = app.now() WHERE operation = 'nats.publish'")

    async def states(self) -> list[tuple[str, int, str | None]]:
        found = "SELECT status, attempts, error_class FROM app.outbox WHERE sink = 'nats' ORDER BY id"
        return [tuple(row.values()) for row in await self.conn.fetch(found)]

    async def breaker(self) -> tuple[str, int] | None:
        row = await self.conn.fetchrow("SELECT state, failures FROM app.breakers WHERE operation = 'nats.publish'")
        return tuple(row.values()) if row else None

    def twin(self, **changes: Any) -> House:
        """The same with a sink of another process."""
        settings = self.settings.model_copy(update=changes)
        return House(self.pool, self.conn, self.tenant, self.slug, settings, StreamSink(self.pool, settings))


async def house_at(url: str, pool: Pool, conn: Connection, tenant: UUID) -> AsyncIterator[House]:
    settings = settings_of_tests(nats_url=SecretStr(url), nats_timeout_s=1.0)
    slug = await conn.fetchval("SELECT slug FROM app.tenants WHERE id = $1", tenant)
    made = House(pool, conn, tenant, slug, settings, StreamSink(pool, settings))
    yield made
    await made.sink.close()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with wired() as made:
        yield made


@pytest.fixture
async def house(wire: Wire, pool: Pool, conn: Connection, tenant: UUID) -> AsyncIterator[House]:
    async for made in house_at(wire.url, pool, conn, tenant):
        yield made


@pytest.fixture
async def nats_server() -> AsyncIterator[NatsServer]:
    async with running_server() as made:
        yield made


@pytest.fixture
async def real(nats_server: NatsServer, pool: Pool, conn: Connection, tenant: UUID) -> AsyncIterator[House]:
    async for made in house_at(nats_server.url, pool, conn, tenant):
        yield made


async def both(*sinks: StreamSink) -> Sequence[int]:
    return await asyncio.gather(*[sink.turn() for sink in sinks])
