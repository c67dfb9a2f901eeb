"""One purchase: some items of one operation, each of which is read from the ledger or bought once, in batches."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar, cast
from uuid import UUID

from pydantic import BaseModel

from contracts import budgets
from contracts.errors import BadAnswer, Hopeless, TryLater, VendorBusy, VendorDown
from contracts.providers import Operation, Reply, RequestKey
from db import ledger, spans
from db.ledger import Adrift, Busy, Forfeited, Item, Stored
from worker import settling
from worker.context import Context
from worker.providers import limits
from worker.providers.operation import HOUSE

Query = TypeVar("Query", bound=BaseModel)
Answer = TypeVar("Answer", bound=BaseModel)
#: After how many seconds a lost answer is asked for again where that costs nothing.
REPEAT_S = 2.0
#: `note` of an item that was paid for and whose answer was lost.
FORFEITED = "forfeited"


@dataclass(frozen=True, slots=True)
class Call(Generic[Query]):
    """A request that may leave: its rows are committed. Items and queries are in the order of the fingerprints.

    `again`: it was sent before, and may have been billed then.
    """

    id: UUID
    units: float
    prints: Sequence[bytes]
    item_ids: Sequence[UUID]
    queries: Sequence[Query]
    again: bool = False


class Purchase(Generic[Query, Answer]):
    """`make` once. `asked` says afterwards whether a request was made, `item_ids` which items of the ledger were read."""

    def __init__(self, ctx: Context, op: Operation[Query, Answer], *, paced: bool = True) -> None:
        self._ctx, self._op, self._paced = ctx, op, paced
        self._spec = limits.effective(op.spec, ctx.settings)
        self._credential: str = getattr(op, "credential", HOUSE)
        self.asked = False
        self.item_ids: set[UUID] = set()
        self._known: dict[bytes, Reply[Answer]] = {}
        self._wanted: dict[bytes, tuple[Item, Query]] = {}
        spec, d = self._spec, ctx.delivery
        self._buyer = ledger.Buyer(
            tenant=ctx.tenant,
            execution_id=d.execution_id,
            token=d.token,
            vendor=spec.vendor,
            operation=spec.item,
            billable=spec.billable,
            run_id=d.run_id,
            unit=spec.unit,
            credential=self._credential,
            account=getattr(op, "account", None),
            limits=budgets.that_apply(ctx.settings, spec.vendor, spec.unit),
        )

    async def make(self, queries: Sequence[Query]) -> list[Reply[Answer]]:
        """Replies in the order of `queries`. See `worker.ask.items` for what it raises."""
        prints = []
        for query in queries:
            # Members left at their default are left out, so that one added later does not change what is known already.
            request = query.model_dump(mode="json", exclude_defaults=True)
            item = Item(self._spec.vendor, self._spec.item, request)
            prints.append(item.fingerprint)
            self._wanted.setdefault(prints[-1], (item, query))
        await self._look()
        while missing := self._missing():
            batch = min(self._spec.batch, self._op.spec.batch)
            await self._buy(missing[:batch], last=len(missing) <= batch)
        return [self._known[each] for each in prints]

    def _missing(self) -> list[bytes]:
        return sorted(each for each in self._wanted if each not in self._known)

    # --- what stands already -------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Take what is stored; decide what becomes of calls whose sender is gone. Raises VendorBusy when another is asking."""
        while missing := self._missing():
            async with self._ctx.unfenced() as tx:
                found = await ledger.look_all(
                    tx, self._ctx.tenant, self._spec.vendor, self._spec.item, missing, self._spec.timeout_s
                )
                adrift = {s.call_id: s for s in found.values() if isinstance(s, Adrift)}
                for call in adrift.values():
                    if not self._lets_go_on(call):
                        await ledger.write_off(tx, self._ctx.tenant, call)
            if any(isinstance(s, Busy) for s in found.values()):
                raise _elsewhere()
            for each, standing in found.items():
                self._take(each, standing)
            for call in adrift.values():
                if self._lets_go_on(call):
                    await self._go_on(call)
            if not adrift:
                return

    def _take(self, each: bytes, standing: ledger.Standing) -> None:
        if isinstance(standing, Stored):
            self._known[each] = cast(Reply[Answer], settling.stored_reply(standing, self._spec.answer))
            self.item_ids.add(standing.item_id)
            self._ctx.patience.begun()
        elif isinstance(standing, Forfeited):
            self._known[each] = Reply(outcome="miss", note=FORFEITED, at=standing.at)
            self.item_ids.add(standing.item_id)

    def _lets_go_on(self, call: Adrift) -> bool:
        """May a lost answer be read again, or the request be sent again: under its key, or where asking twice costs nothing?"""
        spec, ours = self._spec, call.account == self._buyer.account
        return call.billable and (spec.recoverable or spec.resend or (spec.repeats_free and ours and call.same_day))

    async def _go_on(self, adrift: Adrift) -> None:
        async def adopt() -> Call[Query] | None:
            async with self._ctx.unfenced() as tx:
                rows = await ledger.adopt(tx, self._buyer, adrift)
            if rows is None:
                return None
            kind = type(next(iter(self._wanted.values()))[1])
            queries = [kind.model_validate(row["request"]) for row in rows]
            prints, ids = [bytes(row["fingerprint"]) for row in rows], [row["id"] for row in rows]
            return Call(adrift.call_id, adrift.units, prints, ids, queries, again=True)

        await self._in_turn(adopt, self._recover if self._spec.recoverable else self._send)

    # --- buying --------------------------------------------------------------------------------------------------------------

    async def _buy(self, prints: list[bytes], *, last: bool) -> None:
        async def reserve() -> Call[Query] | None:
            wanted = [self._wanted[each] for each in prints]
            units = sum(limits.worst_case(self._op, query, self._ctx.settings) for _, query in wanted)
            async with self._ctx.unfenced() as tx:
                held = await ledger.reserve(tx, self._buyer, [item for item, _ in wanted], units)
            if held is None:
                return None
            return Call(held.call_id, units, prints, held.item_ids, [query for _, query in wanted])

        try:
            await self._in_turn(reserve, self._send)
        except ledger.BudgetSpent as error:
            raise budgets.refusal(self._spec.vendor, self._spec.unit, error.members) from error
        except (VendorDown, BadAnswer, TimeoutError) as error:
            if (end := self._end(error)) != "forfeited":
                if end == "unknown" and self._spec.repeats_free:
                    words = f"{self._spec.vendor} gave no answer; asking again costs nothing"
                    raise VendorBusy(words, after_s=REPEAT_S, code="answer_lost") from error
                raise
            self._without(prints, error, last=last)

    def _without(self, prints: list[bytes], error: Exception, *, last: bool) -> None:
        """Some items are lost. Raises, unless the others can stand without them."""
        if len(self._wanted) > 1 and last:
            for each in prints:
                self._known[each] = Reply(outcome="miss", note=FORFEITED, at=datetime.now(UTC))
        elif len(self._wanted) == 1 and isinstance(error, TryLater):
            words = f"{self._spec.vendor}: {error.detail}; it may have been billed, so it is not sent again"
            raise Hopeless(words, code="forfeited") from error
        else:
            raise error

    async def _in_turn(
        self, begin: Callable[[], Awaitable[Call[Query] | None]], ask: Callable[[Call[Query]], Awaitable[None]]
    ) -> None:
        """Wait for a turn, then open the call and ask. The pace knows what our own books say from what the vendor said."""
        async with self._turn():
            call = await begin()
            if call is None:
                raise _elsewhere()
            self.asked = True
            self._ctx.patience.begun()
            await ask(call)

    def _turn(self) -> AbstractAsyncContextManager[None]:
        pacer = self._ctx.pacer if self._paced else None
        if pacer is None:
            return nullcontext()
        return pacer.turn(self._op.spec, self._credential, patience_s=self._ctx.patience.wait_s())

    async def _send(self, call: Call[Query]) -> None:
        began = time.monotonic()
        try:
            with self._span():
                replies = await self._op.ask(call.queries, key=self._key(call))
            if len(replies) != len(call.queries):
                raise BadAnswer(f"{self._spec.vendor} gave {len(replies)} answers to {len(call.queries)} questions")
        except Exception as error:
            end = self._end(error)
            if call.again and end == "released":
                end = "unknown"  # this request was surely not billed; the one before may have been
            await settling.failed(self._ctx, call.id, end, error, units=call.units, took_s=time.monotonic() - began)
            raise
        await self._store(call, replies, time.monotonic() - began)

    async def _recover(self, call: Call[Query]) -> None:
        began = time.monotonic()
        try:
            with self._span():
                replies = [await self._op.recover(query, key=self._key(call)) for query in call.queries]
        except Exception as error:
            await settling.failed(self._ctx, call.id, "unknown", error, units=0, took_s=time.monotonic() - began)
            raise
        await self._store(call, replies, time.monotonic() - began)

    def _key(self, call: Call[Query]) -> RequestKey:
        return RequestKey(str(call.id), self._ctx.attempt)

    def _span(self) -> spans.Span:
        return spans.tracer.call(self._spec.vendor, self._spec.operation)

    async def _store(self, call: Call[Query], replies: Sequence[Reply[Answer] | None], took_s: float) -> None:
        pairs = [(item_id, reply) for item_id, reply in zip(call.item_ids, replies, strict=True) if reply is not None]
        await settling.answered(self._ctx, self._spec, call.id, pairs, took_s=took_s)
        self.item_ids.update(item_id for item_id, _ in pairs)
        for each, reply in zip(call.prints, replies, strict=True):
            if reply is not None:
                self._known[each] = reply

    def _end(self, error: Exception) -> settling.Failure:
        """Release what was surely not billed; of a paid request that may have arrived, the answer is lost.

        What is pending is released too: asking again costs nothing. Unless it is asked for by reading it again.
        """
        if self._spec.recoverable and isinstance(error, VendorBusy) and error.code == "pending":
            return "unknown" if self._spec.billable else "released"
        lost = isinstance(error, BadAnswer | TimeoutError) or (isinstance(error, VendorDown) and error.sent)
        if not (lost and self._spec.billable):
            return "released"
        # What cannot be read would come again, and pass for another loss each time.
        free = self._spec.repeats_free and not isinstance(error, BadAnswer)
        return "unknown" if self._spec.recoverable or self._spec.resend or free else "forfeited"


def _elsewhere() -> VendorBusy:
    return VendorBusy("this is being asked for right now", after_s=0.5, code="asked_elsewhere")
