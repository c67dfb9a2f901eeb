"""One tenant's ledger under askers that die, answer late, answer twice and come back, against a model of every item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contracts.events import Probed
from db import jobs, ledger
from db.ledger import Busy, Forfeited, Item, Reserved, Stored
from db.queue import Delivery
from db.transaction import transaction
from tests.machines.ground import Ground, same
from tests.machines.pages import taken
from tests.worker.dispatching import emit

KEEP_S = 100.0
UNITS = 2.0
#: The first two are billable, the last costs nothing.
ITEMS = [Item("shelf", "search", {"query": query}) for query in "abc"]
which = st.integers(0, 1000)


@dataclass(eq=False)
class Asker:
    """An attempt of a job. `at_work`: it still owns its execution."""

    delivery: Delivery
    at_work: bool = True


@dataclass(eq=False)
class Call:
    """One request that left."""

    id: UUID
    item: int
    asker: Asker
    state: str = "sent"
    spent: float = 0.0
    expires_s: float = 0.0
    live: bool = True

    @property
    def billable(self) -> bool:
        return self.item < 2


class LedgerMachine(RuleBasedStateMachine):
    """`calls` is what must stand in the ledger."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        ground.clear()
        self.tenant = ground.tenant()
        self.askers: list[Asker] = []
        self.calls: list[Call] = []

    @rule()
    def begin(self) -> None:
        """Another attempt of another job."""
        self.ground.run(emit(self.ground.pool, self.tenant, Probed(probe_id=uuid4())))
        self.askers += [Asker(d) for d in self.ground.run(taken(self.ground.pool))]

    @precondition(lambda self: any(a.at_work for a in self.askers))
    @rule(nth=which)
    def die(self, nth: int) -> None:
        """Its execution is another attempt's now; its answer may still come."""
        asker = _pick([a for a in self.askers if a.at_work], nth)
        d, asker.at_work = asker.delivery, False
        given: dict[str, Any] = {
            "outcome": "crashed",
            "counts": False,
            "delay_s": 1e6,
            "error_class": "x",
            "error": "x",
        }
        assert self._do(
            lambda tx: jobs.put_off(
                tx, self.tenant, d.execution_id, d.token, **given, traceback=None, correlation_id=None
            )
        )

    @precondition(lambda self: any(a.at_work for a in self.askers))
    @rule(nth=which, item=st.integers(0, len(ITEMS) - 1))
    def ask(self, nth: int, item: int) -> None:
        asker = _pick([a for a in self.askers if a.at_work], nth)
        expected = self._expected(item)
        found = self._do(
            lambda tx: ledger.reserve(
                tx, self.tenant, ITEMS[item], billable=item < 2, units=UNITS, run_id=None,
                execution_id=asker.delivery.execution_id, token=asker.delivery.token,
            )
        )  # fmt: skip
        assert type(found) is expected
        if isinstance(found, Reserved):
            before = [c for c in self.calls if c.item == item]
            assert all(not c.live for c in before), "an item is bought while another request for it counts"
            assert item == 2 or all(c.state in ("released", "answered") for c in before), "paid for twice"
            self.calls.append(Call(found.call_id, item, asker))

    def _expected(self, item: int) -> type:
        """What the ledger must say, after it has written off what nobody will answer for."""
        live = next((c for c in self.calls if c.item == item and c.live), None)
        if live is not None and live.state == "answered" and live.expires_s <= self.ground.clock_s:
            live.live = False
        if live is None or not live.live:
            return Reserved
        if live.state in ("answered", "forfeited"):
            return Stored if live.state == "answered" else Forfeited
        if live.asker.at_work:
            return Busy
        live.state, live.spent = ("forfeited", UNITS) if live.billable else ("released", 0.0)
        live.live = live.billable
        return Forfeited if live.billable else Reserved

    @precondition(lambda self: self.calls)
    @rule(
        nth=which,
        end=st.sampled_from(["answered", "answered", "released", "forfeited"]),
        units=st.sampled_from([0.0, 2.0, 5.0]),
    )
    def settle(self, nth: int, end: Any, units: float) -> None:
        """An answer, on time, late, or once more; or the news that there will be none."""
        call = _pick(self.calls, nth)
        spent = 0.0 if end == "released" else units
        body = {"units": units} if end == "answered" else None
        self._do(lambda tx: ledger.settle(tx, self.tenant, call.id, end, spent=spent, response=body, keep_s=KEEP_S))
        if call.state == "sent" or (call.state == "forfeited" and end == "answered"):
            call.state, call.spent, call.live = end, spent, end != "released"
            call.expires_s = self.ground.clock_s + KEEP_S

    @rule(seconds=st.sampled_from([10.0, KEEP_S]))
    def time_passes(self, seconds: float) -> None:
        self.ground.set_clock(self.ground.clock_s + seconds)

    @invariant()
    def the_books_balance(self) -> None:
        found = self.ground.rows(
            "SELECT c.id, c.state, c.units_spent, i.live, i.state AS item FROM app.vendor_calls c"
            " JOIN app.vendor_items i ON i.call_id = c.id"
        )
        same(found, ((c.id, c.state, c.spent, c.live, c.state) for c in self.calls))
        twice = (
            "SELECT count(*) FROM (SELECT FROM app.vendor_items WHERE live GROUP BY fingerprint HAVING count(*) > 1) t"
        )
        assert self.ground.value(twice) == 0

    def teardown(self) -> None:
        """Whoever was silent is dead; asked again, every item has an answer or a reason, and nothing hangs in `sent`."""
        while any(a.at_work for a in self.askers):
            self.die(0)
        self.begin()
        for item in range(len(ITEMS)):
            self.ask(0, item)
        self.the_books_balance()
        outstanding = [c for c in self.calls if c.state == "sent"]
        assert all(c.asker.at_work for c in outstanding)

    def _do(self, act: Any) -> Any:
        async def acting() -> Any:
            async with transaction(self.ground.pool, self.tenant) as tx:
                return await act(tx)

        return self.ground.run(acting())


def _pick(among: list[Any], n: int) -> Any:
    return among[n % len(among)]
