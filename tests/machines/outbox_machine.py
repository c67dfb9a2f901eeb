"""Events, executions and deliveries under everything that can happen to them, against the model.

The real SQL, the real dispatcher, frame and rescue. Only the worker's loop is played by hand: fetch, perform and finish are
rules of their own, so that a worker can die, sleep or come back between any two of them.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contracts.errors import Conflict, NotFound
from contracts.replays import ReplayRequest
from contracts.settings import Settings
from db import executions, outbox, queue, replays
from db.transaction import transaction
from tests.machines.outbox_learning import Learning
from tests.machines.outbox_model import SETTLED, Held, Kind
from worker.dispatcher import Dispatcher
from worker.maintenance import rescue_once

#: Longer than every backoff there is.
LATER_S = 400.0
WAYS = ("write", "plain", "fail", "fail after writing", "busy", "refuse")
REFUSE = "ALTER TABLE app.job_executions ADD CONSTRAINT refused CHECK (key <> 'probe.touch:refused') NOT VALID"
which = st.integers(0, 1000)


class OutboxMachine(Learning, RuleBasedStateMachine):
    """`model` is what must be true; the database is asked after every rule."""

    # -- the outbox

    @initialize()
    def begin(self) -> None:
        self._new_worker()

    @rule(
        tenant=which, kind=st.sampled_from(["once", "touch"]), key=st.integers(0, 2), in_s=st.sampled_from([0, 0, 300])
    )
    def emit(self, tenant: int, kind: Kind, key: int, in_s: int) -> None:
        """A fact; the same key again is the same cause."""
        self._emit(self._tenant(tenant), kind, key, in_s)

    @rule(tenant=which, keys=st.lists(st.integers(0, 5), min_size=2, max_size=5))
    def emit_many(self, tenant: int, keys: list[int]) -> None:
        who = self._tenant(tenant)
        facts = [self._fact("once" if key < 3 else "touch", key % 3) for key in keys]

        async def write() -> None:
            async with transaction(self.ground.pool, who) as tx:
                await outbox.emit_many(tx, who, [fact for fact, _ in facts])

        self.ground.run(write())
        new = self.ground.rows(
            "SELECT id, event_id FROM app.outbox_events WHERE event_id <> ALL($1) ORDER BY id", list(self.model.events)
        )
        assert len(new) == len(keys)
        for row, key, (_, name) in zip(new, keys, facts, strict=True):
            self._remember(row["event_id"], row["id"], who, "once" if key < 3 else "touch", name, 0)

    @rule(tenant=which, kind=st.sampled_from(["refused", "unknown", "bad"]))
    def emit_poison(self, tenant: int, kind: Kind) -> None:
        """What another version wrote, or the database will refuse."""
        self._emit(self._tenant(tenant), kind, 0, 0)

    @rule(tenant=which, key=st.integers(0, 2))
    def roll_back(self, tenant: int, key: int) -> None:
        """What was rolled back was never said: the model does not hear of it."""
        who, (fact, _) = self._tenant(tenant), self._fact("once", key)

        async def write() -> None:
            async with transaction(self.ground.pool, who) as tx:
                await outbox.emit(tx, who, fact)
                raise LookupError

        try:
            self.ground.run(write())
        except LookupError:
            return

    @rule(batch=st.sampled_from([1, 3, 500, 500, 500]), buffer=st.sampled_from([2, 200, 200]))
    def dispatch(self, batch: int, buffer: int) -> None:
        expected = self.model.claimable(self.ground.clock_s, batch, buffer)
        settings = Settings.model_construct(dispatch_batch=batch, dispatch_tenant_buffer=buffer)
        _, claimed = self.ground.run(Dispatcher(self.ground.pool, settings).dispatch_batch())
        assert claimed == len(expected)
        for event in expected:
            if event.kind in ("unknown", "bad", "refused"):
                self.model.refuse(event)
            else:
                event.state = "sent"
        self._handed_off([e for e in expected if e.state == "sent"])
        self._align("state = 'failed'")

    @rule(seconds=st.sampled_from([1.0, LATER_S, 86_400.0]))
    def time_passes(self, seconds: float) -> None:
        self.ground.set_clock(self.ground.clock_s + seconds)

    @rule(tenant=which)
    def pause_or_resume(self, tenant: int) -> None:
        who = self._tenant(tenant)
        if who in self.model.paused:
            self.model.paused.discard(who)
            self.ground.rows("DELETE FROM app.pauses WHERE tenant_id = $1", who)
        else:
            self.model.paused.add(who)
            self.ground.rows("INSERT INTO app.pauses (tenant_id, paused_by) VALUES ($1, 'tests')", who)

    @precondition(lambda self: self.model.events)
    @rule(nth=which, stranger=st.booleans())
    def replay_one(self, nth: int, stranger: bool) -> None:
        event = self._pick(list(self.model.events.values()), nth)
        who = next(t for t in self.tenants if t != event.tenant) if stranger else event.tenant
        try:
            replayed = self._as(who, lambda tx: replays.replay_event(tx, [who], event.id, "olga"))
        except NotFound:
            assert stranger
            return
        except Conflict:
            assert event.state in ("pending", "failed") or event.kind == "redelivery"
            return
        assert not stranger
        if event.state == "dead_letter":
            assert replayed.event_id == event.id
        else:
            assert (event.state, event.kind == "redelivery") == ("sent", False)
        self._sent_again([event])

    @rule(
        tenant=which,
        limit=st.sampled_from([1, 100]),
        dry=st.booleans(),
        sent=st.booleans(),
        rate=st.sampled_from([None, 0.01]),
    )
    def replay_many(self, tenant: int, limit: int, dry: bool, sent: bool, rate: float | None) -> None:
        who, model = self._tenant(tenant), self.model
        body = {"status": ["sent", "dead_letter"], "type": "Probed"} if sent else {}
        asked = ReplayRequest.model_validate({"filter": body, "limit": limit, "dry_run": dry, "rate": rate})
        report = self._as(who, lambda tx: replays.replay_many(tx, [who], asked, "olga"))
        mine = [e for e in model.events.values() if e.tenant == who]
        letters = sum(e.state == "dead_letter" and (not sent or e.kind != "unknown") for e in mine)
        again = sum(e.state == "sent" and e.kind != "redelivery" and not e.replay for e in mine) if sent else 0
        assert report.matched == min(limit, letters + again)
        assert report.replayed == (0 if dry else report.matched)
        if not dry:
            self._sent_again(mine)

    # -- the worker

    @rule()
    def another_worker(self) -> None:
        if len(self.model.alive) < 3:
            self._new_worker()

    @precondition(lambda self: self.model.alive)
    @rule(worker=which, limit=st.sampled_from([1, 3, 50]), alone=st.booleans())
    def fetch(self, worker: int, limit: int, alone: bool) -> None:
        who = self._pick(self.model.alive, worker)
        names = ["alone"] if alone else ["probe"]
        todo = [r.id for r in self.model.fetchable(names)]
        found = self._system(lambda tx: queue.fetch(tx, who, names, limit))
        assert [d.delivery_id for d in found] == todo[:limit]
        for delivery in found:
            one = self.model.start(self.model.rows[delivery.delivery_id], who)
            assert (delivery.job is None) == (one is None), "a delivery carries its job exactly when it has started it"
            if one is not None:
                assert (delivery.token, delivery.cancelled, delivery.tenant_id) == (
                    one.token,
                    one.cancelled,
                    one.tenant,
                )
            self.model.held.append(Held(delivery, who, performed=one is None))

    @precondition(lambda self: any(not h.performed for h in self.model.held))
    @rule(nth=which, way=st.sampled_from(WAYS))
    def perform(self, nth: int, way: str) -> None:
        """Run a job; its worker may have been given up long ago."""
        held = self._pick([h for h in self.model.held if not h.performed], nth)
        self.way = way
        self.ground.run(self.performer(held.delivery))
        held.performed = True
        one = self.model.owns(held)
        if one is None:
            if way != "plain" or held.delivery.cancelled:  # it came to the fence
                self.model.came_back(held)
            return
        if held.delivery.cancelled or (one.cancelled and way in ("write", "fail after writing")):
            one.state, one.token = "cancelled", one.token + 1
        elif way == "write":
            one.state, one.effects = "done", one.effects + 1
        elif way != "plain":
            self._attempt_failed(one, way)

    @precondition(lambda self: any(h.performed for h in self.model.held))
    @rule(nth=which)
    def finish(self, nth: int) -> None:
        """One worker's batch."""
        who = self._pick([h for h in self.model.held if h.performed], nth).worker
        batch = [h for h in self.model.held if h.performed and h.worker == who]
        self._system(lambda tx: queue.finish(tx, [h.delivery for h in batch]))
        for held in batch:
            self.model.finish(held)

    @precondition(lambda self: self.model.held)
    @rule(nth=which)
    def lose(self, nth: int) -> None:
        """The answer of a fetch or of a finish was lost: the worker no longer knows that it holds the delivery."""
        self.model.held.remove(self._pick(self.model.held, nth))

    @precondition(lambda self: self.model.alive)
    @rule(worker=which)
    def reconcile(self, worker: int) -> None:
        who = self._pick(self.model.alive, worker)
        held = {h.delivery.delivery_id for h in self.model.held if h.worker == who}
        self._system(lambda tx: queue.reconcile(tx, who, list(held)))
        lost = [r for r in self.model.rows.values() if r.status == "doing" and r.worker == who and r.id not in held]
        self._put_back(lost)

    @precondition(lambda self: self.model.alive)
    @rule(worker=which)
    def fall_silent(self, worker: int) -> None:
        """It died, or only seems to: what it holds may still be performed and finished."""
        who = self._pick(self.model.alive, worker)
        self.model.alive.remove(who)
        self.model.silent.add(who)
        self.ground.rows("UPDATE app.workers SET beat_at = '-infinity' WHERE id = $1", who)

    @rule()
    def rescue(self) -> None:
        stranded = [r for r in self.model.rows.values() if r.status == "doing" and r.worker in self.model.silent]
        before = len(self.told)
        self.ground.rows("UPDATE app.workers SET beat_at = app.now() WHERE id = ANY($1)", self.model.alive)
        self.ground.run(rescue_once(self.ground.pool, 0.5, self._quarantined))
        deadly = self._rescued(stranded)
        assert self.told[before:] == deadly

    # -- an operator

    @precondition(lambda self: self.model.executions)
    @rule(nth=which, stranger=st.booleans())
    def cancel(self, nth: int, stranger: bool) -> None:
        one = self._pick(list(self.model.executions.values()), nth)
        who = next(t for t in self.tenants if t != one.tenant) if stranger else one.tenant
        try:
            self._as(who, lambda tx: executions.cancel_execution(tx, [who], one.id, "olga"))
        except NotFound:
            assert stranger
            return
        except Conflict:
            assert not stranger
            assert one.state in SETTLED
            return
        assert not stranger
        assert one.state not in SETTLED
        one.cancelled = True

    @precondition(lambda self: self.model.executions)
    @rule(nth=which)
    def retry(self, nth: int) -> None:
        one = self._pick(list(self.model.executions.values()), nth)
        may = one.state in ("dead", "quarantined", "cancelled")
        try:
            self._as(one.tenant, lambda tx: executions.retry_execution(tx, [one.tenant], one.id, "olga"))
        except Conflict:
            assert not may
            return
        assert may
        one.state, one.token, one.failures, one.cancelled, one.letters = "waiting", one.token + 1, 0, False, 0
        one.fatal.clear()
        self._redeliveries()

    # -- what must hold

    @invariant()
    def all_is_as_it_must_be(self) -> None:
        self._compare()

    def teardown(self) -> None:
        """Run everything to its end; then every cause has had its effect, once."""
        try:
            self._run_to_the_end()
            self._each_cause_had_its_effect()
        finally:
            self.ground.run(self.ports.close())

    def _run_to_the_end(self) -> None:
        for tenant in list(self.model.paused):
            self.pause_or_resume(self.tenants.index(tenant))
        for _ in range(40):
            if not self.model.rows and not self.model.waiting_events():
                return
            while self.model.alive:
                self.fall_silent(0)
            self.rescue()
            self.model.held.clear()
            self.time_passes(LATER_S)
            self.dispatch(500, 200)
            self._new_worker()
            self.fetch(0, 50, False)
            self.fetch(0, 50, True)
            while any(not h.performed for h in self.model.held):
                self.perform(0, "write")
            if self.model.held:
                self.finish(0)
            self.all_is_as_it_must_be()
        raise AssertionError("it does not come to rest")
