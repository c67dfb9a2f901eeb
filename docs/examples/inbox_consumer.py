"""A consumer of Headwater's stream whose effects happen once, however often a message arrives.

A message may come twice: when Headwater did not hear the stream's receipt and sent it again, or when this program ended between its
commit and its acknowledgement. The stream drops an id it has seen within its duplicate window; the inbox below drops it for ever.
What makes it hold: the inbox row and the effect are ONE transaction, and the acknowledgement comes after it.

Run it with NATS_URL and DATABASE_URL (a Postgres of your own): python inbox_consumer.py
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg
import nats
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NothingNew
from nats.js.client import JetStreamContext

STREAM, SUBJECTS, DURABLE = "HEADWATER", "headwater.*.LeadScored", "crm-mirror"
#: Rows of the inbox may be deleted when they are older than the longest outage that you would sit out: 90 days are cheap.
INBOX = "CREATE TABLE IF NOT EXISTS inbox (event_id uuid PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now())"
SEEN = "INSERT INTO inbox (event_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING event_id"
#: How long a message that we could not take waits, in seconds.
AGAIN_S = 5.0

Effect = Callable[[Any, dict[str, Any]], Awaitable[None]]


async def take(db: Any, event_id: UUID, told: dict[str, Any], effect: Effect) -> bool:
    """Do what a message asks for, unless it was done: the effect and the note of it commit together. False: it was done before."""
    async with db.transaction():
        if await db.fetchval(SEEN, event_id) is None:
            return False
        await effect(db, told)
    return True


async def handle(db: Any, message: Msg, effect: Effect) -> None:
    """Take a message and acknowledge it afterwards. One that fails comes again."""
    try:
        told = json.loads(message.data)
        await take(db, UUID((message.headers or {})["Nats-Msg-Id"]), told, effect)
    except Exception:
        await message.nak(delay=AGAIN_S)
        raise
    await message.ack()


async def consume(db: Any, jetstream: JetStreamContext, effect: Effect, *, until_empty: bool = False) -> None:
    """Take messages one after the other, for ever, or until none is left."""
    subscription = await jetstream.pull_subscribe(SUBJECTS, DURABLE, stream=STREAM)
    while True:
        try:
            messages = await subscription.fetch(50, timeout=1 if until_empty else 30)
        except NothingNew:
            if until_empty:
                return
            continue
        for message in messages:
            await handle(db, message, effect)


async def note_score(db: Any, told: dict[str, Any]) -> None:
    """The effect, as an example: anything that this database does in the same transaction."""
    data = told["data"]
    await db.execute("INSERT INTO scores_seen (lead_id, score) VALUES ($1, $2)", UUID(data["leadId"]), data["score"])


async def main() -> None:
    db = await asyncpg.connect(os.environ["DATABASE_URL"])
    await db.execute(INBOX)
    await db.execute("CREATE TABLE IF NOT EXISTS scores_seen (lead_id uuid NOT NULL, score double precision NOT NULL)")
    client = await nats.connect(os.environ["NATS_URL"])
    await consume(db, client.jetstream(), note_score)


if __name__ == "__main__":
    asyncio.run(main())
