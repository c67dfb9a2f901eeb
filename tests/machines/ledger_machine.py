"""One tenant's ledger under askers that die, answer late, answer twice and come back, against a model of every call and item.

The model knows what may be bought, what is held back in the budget, who may still speak for a call, and what each costs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contracts.budgets import BudgetRule
from contracts.events import Probed
from db import jobs, ledger
from db.ledger import Adrift, Answer, BudgetSpent, Busy, Buyer, Forfeited, Item, Reserved, Stored
from db.queue import Delivery
from db.transaction import transaction
from tests.machines.ground import Ground, same
from tests.machines.pages import taken
from tests.worker.dispatching import emit

KEEP_S = 100.0
UNITS = 2.0
#: The first three are billable, the last costs nothing. In the order of their fingerprints, within each kind.
FREE = Item("shelf", "search", {"query": "free"})
ITEMS = [*sorted((Item("shelf", "search", {"query": q}) for q in "abc"), key=lambda i: i.fingerprint), FREE]
which = st.integers(0, 1000)


@dataclass(eq=False)
class Asker:
    """An attempt of a job. `at_work`: it still owns its execution."""

    delivery: Delivery
    at_work: bool = True

    @property
    def sender(self) -> tuple[UUID, int]:
        return self.delivery.execution_id, self.delivery.token


@dataclass
class Row:
    """What became of one item in one call."""

    id: UUID
    state: str = "sent"
    live: bool = True
    expires_s: float = 0.0


@dataclass(eq=False)
class Call:
    """One request that left. `former` sent it before somebody went on with it."""

    id: UUID
    rows: dict[int, Row]
    asker: Asker
    billable: bool
    state: str = "sent"
    spent: float = 0.0
    former: list[Asker] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.state in ("sent", "unknown")

    @property
    def reserved(self) -> float:
        return UNITS * len(self.rows)

    def write_off(self, end: str, spent: float) -> None:
        self.state, self.spent = end, spent
        for row in self.rows.values():
            if row.live and row.state == "sent":
                row.state, row.live = end, end != "released"


class LedgerMachine(RuleBasedStateMachine):
    """`calls` is what must stand in the ledger."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        ground.clear()
        self.tenant = ground.tenant()
        self.askers: list[Asker] = []
        self.calls: list[Call] = []
        self.limit = 12.0

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

    @rule(more=st.sampled_from([2.0, 6.0]))
    def grant(self, more: float) -> None:
        """The budget grows."""
        self.limit += more

    @precondition(lambda self: any(a.at_work for a in self.askers))
    @rule(nth=which, wanted=st.sets(st.integers(0, 2), min_size=1) | st.just({3}))
    def ask(self, nth: int, wanted: set[int]) -> None:
        """Take what is there, write off what nobody answers for, buy the rest in one call."""
        asker = _pick([a for a in self.askers if a.at_work], nth)
        missing = []
        for item in sorted(wanted):
            standing = self._look(item)
            if isinstance(standing, Adrift):
                self._write_off(standing)
                standing = self._look(item)
            if standing is None:
                missing.append(item)
        if missing:
            self._buy(asker, missing)

    def _buy(self, asker: Asker, wanted: list[int]) -> None:
        billable, units = wanted != [3], UNITS * len(wanted)
        fits = not billable or self.reserved + self.spent + units <= self.limit
        for call in self.calls:
            for item, row in call.rows.items():
                if item in wanted and row.live:
                    assert row.state == "answered", "an item is bought while another request for it counts"
                    row.live = not fits
        rules = [BudgetRule(scope="tenant", vendor="shelf", unit="credit", period="day", limit=self.limit)]
        buyer = self._buyer(asker, billable, rules)
        try:
            held = self._do(lambda tx: ledger.reserve(tx, buyer, [ITEMS[i] for i in wanted], units))
        except BudgetSpent:
            assert not fits
            return
        assert fits
        assert isinstance(held, Reserved)
        rows = {item: Row(item_id) for item, item_id in zip(wanted, held.item_ids, strict=True)}
        self.calls.append(Call(held.call_id, rows, asker, billable))

    def _look(self, item: int) -> Any:
        """What stands for it, as the model says."""
        found = self._do(lambda tx: ledger.look(tx, self.tenant, ITEMS[item]))
        live = [(c, c.rows[item]) for c in self.calls if item in c.rows and c.rows[item].live]
        live = [(c, r) for c, r in live if r.state != "answered" or r.expires_s > self.ground.clock_s]
        assert len(live) <= 1, "two requests for one item count"
        if not live:
            assert found is None
            return None
        call, row = live[0]
        expected: dict[str, type] = {"answered": Stored, "forfeited": Forfeited}
        at_work = call.state == "sent" and call.asker.at_work
        assert type(found) is expected.get(row.state, Busy if at_work else Adrift)
        return found

    def _write_off(self, adrift: Adrift) -> None:
        call = next(c for c in self.calls if c.id == adrift.call_id)
        self._do(lambda tx: ledger.write_off(tx, self.tenant, adrift))
        call.write_off("forfeited" if call.billable else "released", call.reserved if call.billable else 0.0)

    @precondition(lambda self: any(a.at_work for a in self.askers) and any(c.open for c in self.calls))
    @rule(nth=which, mth=which)
    def go_on(self, nth: int, mth: int) -> None:
        """Somebody else reads the answer again, or sends the request again under its key."""
        asker = _pick([a for a in self.askers if a.at_work], nth)
        call = _pick([c for c in self.calls if c.open], mth)
        adrift = Adrift(call.id, call.billable, call.reserved, call.state, call.asker.sender)
        if call.state == "sent" and call.asker.at_work:
            return
        buyer = self._buyer(asker, call.billable, [])
        found = self._do(lambda tx: ledger.adopt(tx, buyer, adrift))
        assert [row["id"] for row in found] == [
            row.id for row in call.rows.values() if row.live and row.state == "sent"
        ]
        stale = Adrift(call.id, call.billable, call.reserved, call.state, (uuid4(), 0))
        assert self._do(lambda tx: ledger.adopt(tx, buyer, stale)) is None
        call.former.append(call.asker)
        call.asker, call.state = asker, "sent"

    @precondition(lambda self: self.calls)
    @rule(nth=which, mask=st.sets(st.integers(0, 3)), units=st.sampled_from([0.0, 2.0, 5.0]))
    def answer(self, nth: int, mask: set[int], units: float) -> None:
        """An answer, on time, late, or once more; to all items of a call or to some."""
        call = _pick(self.calls, nth)
        items = [item for item in call.rows if item in mask] or list(call.rows)
        answers = [Answer(call.rows[i].id, "found", {"units": units}, KEEP_S, units) for i in items]
        self._do(lambda tx: ledger.store(tx, self.tenant, call.id, answers))
        for item, row in call.rows.items():
            if item in items and row.live and row.state in ("sent", "forfeited"):
                row.state, row.expires_s = "answered", self.ground.clock_s + KEEP_S
            elif row.live and row.state == "sent":
                row.state, row.live = "released", False
        if call.open or call.state == "forfeited":
            call.state, call.spent = "answered", units * len(items)

    @precondition(lambda self: self.calls)
    @rule(nth=which, mth=which, end=st.sampled_from(["released", "forfeited", "unknown"]))
    def give_up(self, nth: int, mth: int, end: Any) -> None:
        """The news that there will be no answer, from whoever sent it; who sent it before is not heard."""
        call = _pick(self.calls, nth)
        by = _pick([call.asker, *call.former], mth)
        spent = call.reserved if end == "forfeited" else 0.0
        self._do(lambda tx: ledger.give_up(tx, self.tenant, call.id, end, by.sender, spent=spent))
        if by is not call.asker or not call.open:
            return
        if end == "unknown":
            call.state = "unknown"
        else:
            call.write_off(end, spent)

    @precondition(lambda self: any(r.live and r.state == "forfeited" for c in self.calls for r in c.rows.values()))
    @rule(nth=which)
    def resend(self, nth: int) -> None:
        """An operator lets a lost item be bought again; what it cost stays on the books."""
        lost = _pick([r for c in self.calls for r in c.rows.values() if r.live and r.state == "forfeited"], nth)
        self._do(lambda tx: ledger.resend(tx, self.tenant, lost.id, by="ops"))
        lost.live = False

    @rule(seconds=st.sampled_from([10.0, KEEP_S]))
    def time_passes(self, seconds: float) -> None:
        self.ground.set_clock(self.ground.clock_s + seconds)

    @property
    def reserved(self) -> float:
        return sum(c.reserved for c in self.calls if c.billable and c.open)

    @property
    def spent(self) -> float:
        return sum(c.spent for c in self.calls if c.billable)

    @invariant()
    def the_books_balance(self) -> None:
        calls = self.ground.rows("SELECT c.id, c.state, c.units_spent FROM app.vendor_calls c")
        same(calls, ((c.id, c.state, c.spent) for c in self.calls))
        items = self.ground.rows("SELECT i.id, i.state, i.live FROM app.vendor_items i")
        same(items, ((r.id, r.state, r.live) for c in self.calls for r in c.rows.values()))
        (counter,) = self.ground.rows("SELECT reserved, spent FROM app.budget_counters") or [
            {"reserved": 0, "spent": 0}
        ]
        assert (counter["reserved"], counter["spent"]) == (self.reserved, self.spent)

    def teardown(self) -> None:
        """Whoever was silent is dead; asked again, every item has an answer or a reason, nothing hangs, nothing is held back."""
        while any(a.at_work for a in self.askers):
            self.die(0)
        self.begin()
        self.limit += 1000.0
        for wanted in ({0, 1, 2}, {3}):
            self.ask(0, wanted)
        self.the_books_balance()
        outstanding = [c for c in self.calls if c.open and any(r.live for r in c.rows.values())]
        assert all(c.asker.at_work for c in outstanding)

    def _buyer(self, asker: Asker, billable: bool, limits: list[BudgetRule]) -> Buyer:
        execution, token = asker.sender
        return Buyer(self.tenant, execution, token, "shelf", "search", billable, limits=limits)

    def _do(self, act: Any) -> Any:
        async def acting() -> Any:
            async with transaction(self.ground.pool, self.tenant) as tx:
                return await act(tx)

        return self.ground.run(acting())


def _pick(among: list[Any], n: int) -> Any:
    return among[n % len(among)]
