"""Discovery runs from request to end, through the real dispatcher, frame, jobs, sweep and rescue, over a vendor with moods."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from contracts.errors import BadAnswer, Conflict, VendorBusy, VendorDown, VendorRefused
from contracts.providers import FoundCompany, Page
from contracts.runs import CreateRun, RunStatus, RunView
from db import executions, queue, runs
from db.queue import Delivery, Stranded
from db.transaction import DbRole, Tx, transaction
from tests.machines.ground import Ground
from tests.machines.pages import SETTINGS, Shelf, company, shown
from worker.activities import ACTIVITIES
from worker.context import Stopped
from worker.dispatcher import Dispatcher
from worker.maintenance import rescue_once
from worker.perform import Performer, tell
from worker.sweep import sweep_once

#: Three pages, two, and one that is empty. `b` brings a company that `a` has as well.
PAGES: dict[str, list[list[FoundCompany]]] = {
    "a": [[company("a1"), company("a2")], [company("a3")], [company("a4")]],
    "b": [[company("b1"), company("a1")], [company("b2")]],
    "c": [[]],
}
MOODS = ("fine", "fine", "fine", "down", "lost", "busy", "refused", "garbage")
LATER_S = 400.0
which = st.integers(0, 1000)


class Moody(Shelf):
    """A vendor that is not always well. `answered` counts the pages that were surely billed, by (query, cursor)."""

    mood = "fine"

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        match self.mood:
            case "down":
                raise VendorDown("away")
            case "busy":
                raise VendorBusy("slow down", after_s=5)
            case "refused":
                raise VendorRefused("the key is not good")
        page = await super().search(query, cursor=cursor, limit=limit)
        if self.mood == "lost":
            raise VendorDown("the connection broke", sent=True)
        if self.mood == "garbage":
            raise BadAnswer("html")
        return page


class RunMachine(RuleBasedStateMachine):
    """`ends` counts how often each run was allowed to end: once, and once more after each retry that took it back."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground = ground
        ground.clear()
        self.tenant = ground.tenant()
        self.ends: dict[UUID, int] = {}
        self.over: dict[UUID, RunStatus] = {}
        self.caps: dict[UUID, int] = {}
        self.held: list[tuple[int, Delivery]] = []
        self.done: list[tuple[int, Delivery]] = []
        self.vendor = Moody(PAGES)
        self.performer = Performer(ground.pool, SETTINGS, self.vendor.ports, ACTIVITIES, lambda: None)
        self.worker = self._register()

    # -- what may happen

    @rule(queries=st.sampled_from(["a", "ab", "abc", "bc"]), cap=st.sampled_from([1, 3, 50]))
    def start(self, queries: str, cap: int) -> None:
        asked = CreateRun.model_validate({"channels": ["google"], "queries": list(queries), "max_companies": cap})
        params = runs.params_of(asked, SETTINGS)
        run_id, _ = self._do(
            lambda tx: runs.start(tx, self.tenant, params, mode="test", dry_run=False, triggered_by="api")
        )
        self.ends[run_id], self.caps[run_id] = 1, cap

    @rule()
    def dispatch(self) -> None:
        self.ground.run(Dispatcher(self.ground.pool, SETTINGS).dispatch_batch())

    @rule(limit=st.sampled_from([1, 50]), alone=st.booleans())
    def fetch(self, limit: int, alone: bool) -> None:
        names = ["alone"] if alone else ["discovery", "matching", "alerts"]
        self.held += [(self.worker, d) for d in self._system(lambda tx: queue.fetch(tx, self.worker, names, limit))]

    @precondition(lambda self: self.held)
    @rule(nth=which, mood=st.sampled_from(MOODS))
    def perform(self, nth: int, mood: str) -> None:
        """A job runs, perhaps of a worker that was given up."""
        one = self.held.pop(nth % len(self.held))
        self.vendor.mood = mood
        self.ground.run(self.performer(one[1]))
        self.done.append(one)

    @precondition(lambda self: self.done)
    @rule()
    def finish(self) -> None:
        batch = [d for _, d in self.done]
        self._system(lambda tx: queue.finish(tx, batch))
        self.done.clear()

    @rule(forget=st.booleans())
    def die(self, forget: bool) -> None:
        """The worker falls silent and is rescued; what it held is lost, or comes back to haunt."""
        self.ground.rows("UPDATE app.workers SET beat_at = '-infinity'")
        self.worker = self._register()
        if forget:
            self.held.clear()
            self.done.clear()
        self.ground.run(rescue_once(self.ground.pool, 0.5, self._quarantined))

    @precondition(lambda self: self.ends)
    @rule(nth=which)
    def cancel(self, nth: int) -> None:
        run_id = list(self.ends)[nth % len(self.ends)]
        before = self._run(run_id).status
        try:
            after = self._do(lambda tx: runs.cancel(tx, self.tenant, run_id, by="olga"))
        except Conflict:
            assert before.ended
            return
        assert after is RunStatus.CANCELLED
        assert not before.ended or before is RunStatus.CANCELLED

    @rule(seconds=st.sampled_from([10.0, LATER_S]))
    def time_passes(self, seconds: float) -> None:
        self.ground.set_clock(self.ground.clock_s + seconds)

    @rule()
    def sweep(self) -> None:
        """End what is overdue."""
        self.ground.run(sweep_once(self.ground.pool))

    @rule(nth=which)
    def retry_or_cancel_job(self, nth: int) -> None:
        """An operator retries a job that gave up, or cancels one that has not."""
        found = self.ground.rows("SELECT id, state, run_id FROM app.job_executions ORDER BY id")
        if not found:
            return
        one = found[nth % len(found)]
        if one["state"] in ("dead", "cancelled", "quarantined"):
            ended = self._run(one["run_id"]).status.ended
            try:
                self._do(lambda tx: executions.retry_execution(tx, [self.tenant], one["id"], "olga"))
            except Conflict:
                return
            if ended:
                self.ends[one["run_id"]] += 1
                self.over.pop(one["run_id"], None)
        elif one["state"] in ("queued", "waiting", "running"):
            self._do(lambda tx: executions.cancel_execution(tx, [self.tenant], one["id"], "olga"))

    # -- what must hold

    @invariant()
    def every_run_adds_up(self) -> None:
        for run_id, cap in self.caps.items():
            run, check = self.ground.run(shown(self.ground.pool, self.tenant, run_id))
            assert check.ok, (run.status, check.findings)
            assert run.counts.companies_created <= cap
            self._ended_once(run)
        proof = self.ground.proof()
        assert proof.ok, proof.breaches
        paid = {key: n for key, n in self.vendor.asked.items() if n > 1}
        assert not paid or self.ground.clock_s >= 86_400, f"paid for twice: {paid}"

    def _ended_once(self, run: RunView) -> None:
        said = "SELECT count(*) FROM app.outbox WHERE type = 'RunFinished' AND aggregate_id = $1"
        assert self.ground.value(said, run.id) == self.ends[run.id] - (not run.status.ended)
        if run.status.ended:
            assert self.over.setdefault(run.id, run.status) == run.status, "its end has changed"
        else:
            assert run.id not in self.over, "it ended, and goes on"

    def teardown(self) -> None:
        """With a vendor that is well again, every run comes to its end."""
        for _ in range(30):
            self.die(True)
            self.time_passes(10.0)
            self.dispatch()
            self.fetch(50, False)
            self.fetch(50, True)
            while self.held:
                self.perform(0, "fine")
            if self.done:
                self.finish()
            self.every_run_adds_up()
            if not self._work_is_left():
                break
        else:
            raise AssertionError("it does not come to rest")
        self.time_passes(86_500.0)
        self.sweep()
        for run_id in self.ends:
            run = self._run(run_id)
            assert run.status.ended, f"{run_id} hangs"
            assert run.open_slices == 0
            if run.status is RunStatus.COMPLETED and run.stop_reason is None:
                assert run.counts.discovered == sum(len(p) for q in run.params["queries"] for p in PAGES[q])

    # -- how

    def _work_is_left(self) -> bool:
        left = "SELECT EXISTS (SELECT FROM app.outbox_events) OR EXISTS (SELECT FROM queue.procrastinate_jobs)"
        return bool(self.ground.value(left))

    def _register(self) -> int:
        return int(self._system(lambda tx: queue.register(tx, "here", 1, ["jobs"])))

    def _run(self, run_id: UUID) -> RunView:
        return self.ground.run(shown(self.ground.pool, self.tenant, run_id))[0]

    async def _quarantined(self, tx: Tx, one: Stranded) -> None:
        why = Stopped("quarantined", "worker_died", "three workers died")
        await tell(ACTIVITIES, tx, one.tenant_id, one.job, one.payload, why)

    def _do(self, act: Any) -> Any:
        return self.ground.run(self._in(self.tenant, DbRole.APP, act))

    def _system(self, act: Any) -> Any:
        return self.ground.run(self._in(None, DbRole.SYSTEM, act))

    async def _in(self, tenant: UUID | None, role: DbRole, act: Any) -> Any:
        async with transaction(self.ground.pool, tenant, role=role) as tx:
            return await act(tx)
