"""How the rules act on the real thing: as a tenant, as the system, as a worker whose job does what the rule chose."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from contracts.errors import BadAnswer, VendorBusy, VendorDown
from contracts.events import Probed
from contracts.jobs import Payload
from contracts.settings import Settings
from db import outbox, queue
from db.queue import Stranded
from db.transaction import DbRole, Tx, transaction
from tests.machines.ground import Ground
from tests.machines.outbox_model import Event, Kind, Model
from worker.context import Context, Stopped
from worker.perform import Activity, Performer
from worker.providers.registry import build

EFFECT = "INSERT INTO app.audit_log (tenant_id, actor, action, subject_type, subject_id) VALUES ($1, 'job', 'effect', 'job', $2)"


class Acts:
    """Two tenants, a frame whose jobs go `way`, and the model of it all. `told`: whose quarantine was made known."""

    def __init__(self, ground: Ground) -> None:
        super().__init__()
        self.ground, self.model = ground, Model()
        ground.clear()
        self.tenants = [ground.tenant(), ground.tenant()]
        self.told: list[UUID] = []
        self.way = ""
        settings = Settings.model_construct()
        self.ports = build(settings)
        acts = {name: Activity(self._body, self._stopped) for name in ("probe.run", "probe.touch")}
        self.performer = Performer(ground.pool, settings, self.ports, acts, lambda: None)

    def _tenant(self, n: int) -> UUID:
        return self.tenants[n % len(self.tenants)]

    @staticmethod
    def _pick(among: list[Any], n: int) -> Any:
        return among[n % len(among)]

    def _as(self, tenant: UUID, act: Any) -> Any:
        return self.ground.run(self._in(tenant, None, act))

    def _system(self, act: Any) -> Any:
        return self.ground.run(self._in(None, DbRole.SYSTEM, act))

    async def _in(self, tenant: UUID | None, role: DbRole | None, act: Any) -> Any:
        async with transaction(self.ground.pool, tenant, role=role or DbRole.APP) as tx:
            return await act(tx)

    def _fact(self, kind: Kind, key: int) -> tuple[Probed, str]:
        """A fact and the name of its cause: the probe's id for what is done once, a key for what coalesces."""
        if kind == "once":
            probe = UUID(int=key)
            return Probed(probe_id=probe), str(probe)
        name = "refused" if kind == "refused" else f"k{key}"
        return Probed(probe_id=uuid4(), key=name), name

    @staticmethod
    def _key(event: Event) -> str:
        return f"probe.{'run' if event.kind == 'once' else 'touch'}:{event.key}"

    def _emit(self, who: UUID, kind: Kind, key: int, in_s: int) -> None:
        fact, name = self._fact(kind, key)
        when = self.ground.value("SELECT app.now() + $1 * interval '1 second'", float(in_s)) if in_s else None
        event_id = self._as(who, lambda tx: outbox.emit(tx, who, fact, available_at=when))
        spoil = {"unknown": "type = 'Forgotten'", "bad": "payload = '{\"probeId\": 1}'"}.get(kind)
        if spoil:
            self.ground.rows(f"UPDATE app.outbox_events SET {spoil} WHERE event_id = $1", event_id)
        place = self.ground.value("SELECT id FROM app.outbox_events WHERE event_id = $1", event_id)
        self._remember(event_id, place, who, kind, name, in_s)

    def _remember(self, event_id: UUID, place: int, who: UUID, kind: Kind, key: str, in_s: float) -> None:
        now = self.ground.clock_s
        self.model.events[event_id] = Event(event_id, place, who, kind, key, now + in_s, now)

    async def _body(self, ctx: Context, _args: Any) -> None:
        if self.way in ("write", "fail after writing"):
            async with ctx.write() as tx:
                await tx.execute(EFFECT, ctx.tenant, str(ctx.delivery.execution_id))
                if self.way != "write":
                    raise VendorDown("after writing")
        if self.way == "fail":
            raise VendorDown("away")
        if self.way == "busy":
            raise VendorBusy("slow down", after_s=30)
        if self.way == "refuse":
            raise BadAnswer("html")

    async def _stopped(self, tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
        """Nobody waits for a probe."""

    async def _quarantined(self, tx: Tx, one: Stranded) -> None:
        self.told.append(one.execution_id)

    def _new_worker(self) -> None:
        worker = self._system(lambda tx: queue.register(tx, "here", 1, ["jobs"]))
        self.model.alive.append(worker)
