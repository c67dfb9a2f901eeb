"""What the model learns from a step: ids the database gave, and the choices it is free to make. Each is checked on the way."""

from __future__ import annotations

from uuid import UUID

from tests.machines.ground import same
from tests.machines.outbox_acts import Acts
from tests.machines.outbox_model import CRASHES, FAILURES, SETTLED, Event, Execution, Row

EXECUTIONS = (
    "SELECT e.id, e.tenant_id, e.state, e.token, e.failures::int, e.crashes::int, e.cancel_requested_at IS NOT NULL AS cancelled,"
    " (SELECT count(*) FROM app.audit_log a WHERE a.tenant_id = e.tenant_id AND a.action = 'effect' AND a.subject_id = e.id::text)"
    " AS effects, (SELECT count(*) FROM app.dead_letters d WHERE d.execution_id = e.id AND d.resolved_at IS NULL) AS letters"
    " FROM app.job_executions e"
)

ALIGN = (
    "UPDATE app.outbox_events o SET available_at = app.now() + interval '2 seconds'"
    " FROM (SELECT id, available_at FROM app.outbox_events WHERE {those} AND available_at > app.now()) b"
    " WHERE b.id = o.id AND o.available_at <> app.now() + interval '2 seconds'"
    " RETURNING o.event_id, b.available_at - app.now() AS ahead"
)


class Learning(Acts):
    """Between the acts and the rules."""

    def _handed_off(self, sent: list[Event]) -> None:
        """Which execution serves each event. One of several with the same key makes it, any: the others are absorbed."""
        model = self.model
        ids = [e.id for e in sent]
        made = self.ground.rows(
            "SELECT id, tenant_id, job, key, event_id FROM app.job_executions WHERE event_id = ANY($1) ORDER BY id", ids
        )
        for row in made:
            assert row["id"] not in model.executions
            new = Execution(row["id"], row["tenant_id"], row["job"], row["key"], row["event_id"])
            assert new.coalesces or not model.of_key(new.tenant, new.key), "the same cause has a second execution"
            assert model.twin(new) is None
            assert (new.tenant, new.key) == (model.events[new.event].tenant, self._key(model.events[new.event]))
            model.executions[new.id] = new
        served = {row["event_id"] for row in made}
        absorbed = self.ground.rows(
            "SELECT event_id, execution_id FROM app.absorbed_events WHERE event_id = ANY($1)", ids
        )
        for row in absorbed:
            event, by = model.events[row["event_id"]], model.executions[row["execution_id"]]
            assert (by.tenant, by.key) == (event.tenant, self._key(event))
            assert not by.coalesces or by.state == "queued", "a started job absorbs nothing"
            by.absorbed.add(event.id)
        plain = [e.id for e in sent if e.kind != "redelivery"]
        assert sorted(plain) == sorted([*served, *(row["event_id"] for row in absorbed)])
        again = [model.executions[e.execution] for e in sent if e.execution is not None]
        self._delivered_again(again)
        self._learn_rows([model.executions[row["id"]] for row in made] + again)

    def _delivered_again(self, again: list[Execution]) -> None:
        for one in again:
            if one.state != "waiting":
                continue
            twins = [x for x in again if x.state == "waiting" and (x.tenant, x.key) == (one.tenant, one.key)]
            if one.coalesces and self.model.twin(one) is not None:
                one.state = "superseded"
            elif one.coalesces and len(twins) > 1:
                # Which of two steps aside is all the same; that exactly one goes on is not.
                queued = self.ground.rows(
                    "SELECT id FROM app.job_executions WHERE id = ANY($1) AND state = 'queued'", [x.id for x in twins]
                )
                assert len(queued) == 1
                for x in twins:
                    x.state = "queued" if x.id == queued[0]["id"] else "superseded"
            else:
                one.state = "queued"

    def _learn_rows(self, among: list[Execution]) -> None:
        """The queue rows of newly queued executions: one each."""
        queued = [x for x in among if x.state == "queued" and not self._todo(x)]
        for one in dict.fromkeys(x.id for x in queued):
            new = self.ground.rows(
                "SELECT id, queue_name FROM queue.procrastinate_jobs WHERE execution_id = $1 AND id <> ALL($2)",
                one,
                list(self.model.rows),
            )
            assert len(new) == 1, f"{one} has {len(new)} new deliveries"
            alone = self.model.executions[one].crashes >= CRASHES
            self.model.rows[new[0]["id"]] = Row(new[0]["id"], one, "alone" if alone else "probe")

    def _todo(self, one: Execution) -> list[Row]:
        return [r for r in self.model.rows.values() if r.execution == one.id and r.status == "todo"]

    def _align(self, those: str) -> None:
        """Backoff is random: look that it lies ahead, then make it a round number, so that examples repeat."""
        left = self.ground.rows(ALIGN.format(those=those))
        for row in left:
            assert 0 <= row["ahead"].total_seconds() <= 300
            self.model.events[row["event_id"]].due_s = self.ground.clock_s + 2

    def _sent_again(self, among: list[Event]) -> None:
        """Dead letters that are back, and new events that are replays; of nobody else's."""
        model = self.model
        rows = self.ground.rows(
            "SELECT o.id, o.event_id, o.tenant_id, o.headers->>'replay_of' AS replay_of,"
            " extract(epoch FROM o.available_at - app.now())::float8 AS in_s, o.attempts FROM app.outbox_events o"
        )
        mine = {e.id: e for e in among}
        for row in rows:
            known = model.events.get(row["event_id"])
            if known is not None and known.state == "dead_letter":
                assert known.id in mine
                assert row["attempts"] == 0
                known.state, known.attempts, known.place = "pending", 0, row["id"]
                known.due_s = self.ground.clock_s + row["in_s"]
            elif known is None:
                of = mine[UUID(row["replay_of"])]
                assert row["tenant_id"] == of.tenant
                self._remember(row["event_id"], row["id"], of.tenant, of.kind, of.key, row["in_s"])
                model.events[row["event_id"]].replay = True

    def _redeliveries(self) -> None:
        """Every execution that waits has a redelivery in the outbox, of its own tenant."""
        rows = self.ground.rows(
            "SELECT id, event_id, tenant_id, aggregate_id FROM app.outbox_events WHERE type = 'Redelivery' AND event_id <> ALL($1)",
            list(self.model.events),
        )
        for row in rows:
            one = self.model.executions[row["aggregate_id"]]
            assert (row["tenant_id"], one.state) == (one.tenant, "waiting")
            self._remember(row["event_id"], row["id"], one.tenant, "redelivery", "", 0)
            self.model.events[row["event_id"]].execution = one.id
        self._align("type = 'Redelivery'")

    def _attempt_failed(self, one: Execution, way: str) -> None:
        one.token += 1
        counts = way != "busy"
        if way == "refuse" or (counts and one.failures + 1 >= FAILURES):
            one.state, one.failures, one.letters = "dead", one.failures + 1, 1
            return
        one.state, one.failures = "waiting", one.failures + counts
        self._redeliveries()

    def _put_back(self, lost: list[Row]) -> None:
        """Reconcile: no crash. A row whose execution has moved on is over."""
        running = [r for r in lost if self._in_flight(r)]
        for row in lost:
            if row not in running:
                del self.model.rows[row.id]
        self.model.back(running)

    def _stale(self, row: Row) -> bool:
        """Its worker has a younger delivery of the same execution."""
        return any(
            (r.execution, r.worker, r.status) == (row.execution, row.worker, "doing") and r.id > row.id
            for r in self.model.rows.values()
        )

    def _in_flight(self, row: Row) -> bool:
        one = self.model.executions[row.execution]
        return one.state == "running" and one.worker == row.worker and not self._stale(row)

    def _rescued(self, stranded: list[Row]) -> list[UUID]:
        """Rescue: back in the queue with a crash, given up at the third, or over and dropped. Returns who was given up."""
        model = self.model
        running = [r for r in stranded if self._in_flight(r)]
        deadly = [r for r in running if model.executions[r.execution].crashes >= CRASHES]
        for row in stranded:
            if row not in running or row in deadly:
                del model.rows[row.id]
        back = [r for r in running if r not in deadly]
        model.back(back)
        for one in (model.executions[execution] for execution in {r.execution for r in back}):
            one.fatal.add(one.token - 1)
            for row in self._todo(one):
                row.queue = "alone" if one.crashes >= CRASHES else "probe"
        ended = sorted({r.execution for r in deadly})
        for one in (model.executions[execution] for execution in ended):
            one.fatal.add(one.token)
            one.state, one.token, one.letters = "quarantined", one.token + 1, 1
        return ended

    def _compare(self) -> None:
        model = self.model
        same(
            self.ground.rows("SELECT event_id, status, tenant_id FROM app.outbox"),
            ((e.id, e.state, e.tenant) for e in model.events.values()),
        )
        same(
            self.ground.rows(EXECUTIONS),
            (
                (x.id, x.tenant, x.state, x.token, x.failures, x.crashes, x.cancelled, x.effects, x.letters)
                for x in model.executions.values()
            ),
        )
        same(
            self.ground.rows(
                "SELECT id, execution_id, queue_name, status::text, worker_id, attempts FROM queue.procrastinate_jobs"
            ),
            ((r.id, r.execution, r.queue, r.status, r.worker, r.attempt) for r in model.rows.values()),
        )
        proof = self.ground.proof()
        assert proof.ok, proof.breaches

    def _each_cause_had_its_effect(self) -> None:
        model = self.model
        for one in model.executions.values():
            assert one.state in SETTLED, f"{one} never ended"
            assert one.effects <= 1
        for event in model.events.values():
            if event.kind not in ("once", "touch") or event.state != "sent":
                continue
            alike = model.of_key(event.tenant, self._key(event))
            served = [x for x in alike if x.event == event.id or event.id in x.absorbed]
            assert len(served) == 1, f"{event} was served by {served}"
            if event.kind == "once":
                assert len(alike) == 1
            elif served[0].state == "superseded":
                later = [x for x in alike if x.id > served[0].id and x.state != "superseded"]
                assert later, f"nobody took the place of {served[0]}"
