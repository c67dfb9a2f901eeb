"""The far end of a call: what came of it is written down, whatever it takes, and read again in our words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel

from contracts.errors import HeadwaterError, Unavailable
from contracts.providers import OperationSpec, Reply
from contracts.texts import storable, storable_json
from db import ledger
from db.ledger import Stored
from db.transaction import CONNECTION_ERRORS, Tx
from worker.context import Context

Answer = TypeVar("Answer", bound=BaseModel)
Failure = Literal["released", "forfeited", "unknown"]
#: The longest pause between two tries to store an answer, in seconds.
MAX_PAUSE_S = 2.0


async def answered(
    ctx: Context, spec: OperationSpec, call_id: UUID, replies: Sequence[tuple[UUID, Reply[Any]]], *, took_s: float
) -> None:
    """Keep an answer that may have been paid for. While the database is away, wait for it, as long as the job may run."""
    answers = [_answer(spec, item_id, reply) for item_id, reply in replies]

    async def store(tx: Tx) -> None:
        if answers:
            await ledger.store(tx, ctx.tenant, call_id, answers, keep_raw_s=spec.keep_raw_s, latency_ms=took_s * 1000)
        else:
            await ledger.give_up(tx, ctx.tenant, call_id, "released", _sender(ctx), error="it never arrived")

    await _insist(ctx, spec.vendor, store)


async def failed(ctx: Context, call_id: UUID, end: Failure, error: Exception, *, units: float, took_s: float) -> None:
    """Write down that no answer came. A forfeited call counts as spent, in full, and somebody is told."""
    kind = error.code if isinstance(error, HeadwaterError) else type(error).__name__
    async with ctx.unfenced() as tx:
        ended = await ledger.give_up(
            tx,
            ctx.tenant,
            call_id,
            end,
            _sender(ctx),
            spent=units if end == "forfeited" else 0.0,
            error=storable(str(error) or kind),
            error_class=storable(kind, 100),
            latency_ms=took_s * 1000,
        )
        if ended and end == "forfeited":
            await ledger.tell_lost(tx, ctx.tenant, call_id, units=units, error=kind)


def stored_reply(stored: Stored, answer: type[Answer]) -> Reply[Answer]:
    """The reply as it was: what it cost then, and when it was said."""
    row = stored.row
    value = None if stored.response is None else answer.model_validate(stored.response)
    return Reply(
        outcome=row["outcome"],
        value=value,
        units=row["units_spent"],
        vendor_ref=row["vendor_ref"],
        note=row["note"],
        at=row["said_at"],
        raw=row["raw"],
        estimated=row["estimated"],
    )


def _answer(spec: OperationSpec, item_id: UUID, reply: Reply[Any]) -> ledger.Answer:
    said = storable_json(reply.model_dump(mode="json"))
    about = {name: said[name] for name in ("vendor_ref", "note", "estimated")} | {"said_at": said["at"]}
    keep_s = spec.keep_s if reply.outcome == "found" else spec.keep_miss_s
    return ledger.Answer(item_id, reply.outcome, said["value"], keep_s, reply.units, said["raw"], about)


def _sender(ctx: Context) -> ledger.Sender:
    return ctx.delivery.execution_id, ctx.delivery.token


async def _insist(ctx: Context, vendor: str, act: Callable[[Tx], Awaitable[None]]) -> None:
    pause = 0.1
    while True:
        try:
            async with ctx.unfenced() as tx:
                await act(tx)
            return
        except (Unavailable, *CONNECTION_ERRORS) as error:
            ctx.log.warning("answer_waits_for_the_database", vendor=vendor, error=str(error), retryInS=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, MAX_PAUSE_S)
