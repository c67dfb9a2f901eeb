"""A worker of the version before this one: its recorded statements, in the order in which it sent them; nothing of today's code.

What it needs of Python (the routes of a probe, who finishes what) is written out here as it was.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from db.transaction import DbRole, Pool, Tx, transaction

DATA = Path(__file__).parents[1] / "data"


def recorded() -> tuple[str, dict[str, str]]:
    """(newest migration, statements by "module.name") of the version released last."""
    newest = max(DATA.glob("statements-*.json.gz"))
    kept = json.loads(gzip.decompress(newest.read_bytes()))
    return kept["newest"], kept["statements"]


@dataclass
class Previous:
    """`held`: deliveries in its hands; `written`: those of them whose own transaction has ended them."""

    pool: Pool
    tenant: UUID
    sql: dict[str, str]
    worker_id: int = 0
    held: list[Any] = field(default_factory=list)
    written: set[int] = field(default_factory=set)

    async def start(self) -> None:
        async with self._system() as tx:
            self.worker_id = await tx.fetchval(self.sql["queue.register"], "old", 1, ["jobs"])

    async def beat(self) -> None:
        async with self._system() as tx:
            await tx.fetchval(self.sql["queue.beat"], self.worker_id)

    async def emit(self, kind: str, key: str = "", *, probe: UUID | None = None, version: int = 1) -> UUID:
        """A fact and its cause, in one transaction."""
        probe = probe or uuid4()
        payload = {"probeId": str(probe), "key": key, "framed": kind != "plain"}
        async with transaction(self.pool, self.tenant) as tx:
            await tx.execute(self.sql["soak.record"], self.tenant, [probe], [kind], [key], [None])
            fact = (self.tenant, uuid4(), "probe", probe, "Probed", version, payload, None)
            await tx.execute(self.sql["outbox.emit_plain"], *fact)
        return probe

    async def dispatch(self, batch: int = 50) -> int:
        """Claim, route, hand off, absorb; gives how many events left."""
        async with self._system() as tx:
            claimed = await tx.fetch(self.sql["outbox.claim"], batch, 200, 1)
            facts = [c for c in claimed if c["type"] == "Probed" and c["version"] == 1]
            again = [c for c in claimed if c["type"] == "Redelivery"]
            for each in claimed:
                if each not in facts and each not in again:
                    await tx.fetchrow(self.sql["outbox.park"], each["place"], "not known", "unknown_version", 0.0, 0.0)
            if facts or again:
                await self._hand_off(tx, facts, again)
        return len(facts) + len(again)

    async def _hand_off(self, tx: Tx, facts: list[Any], again: list[Any]) -> None:
        names = ["probe.touch" if f["payload"].get("key") else "probe.run" for f in facts]
        keys = [f["payload"].get("key") or f["payload"]["probeId"] for f in facts]
        given = [{"probeId": f["payload"]["probeId"], "framed": f["payload"]["framed"]} for f in facts]
        kinds = ["probe.run", "probe.touch"]
        row = await tx.fetchrow(
            self.sql["outbox.handoff"],
            [f["place"] for f in [*facts, *again]],
            [1] * (len(facts) + len(again)),
            list(range(1, len(facts) + 1)),
            [kinds.index(name) + 1 for name in names],
            keys,
            [0] * len(facts),
            given,
            [None] * len(facts),
            kinds,
            ["probe", "probe"],
            ["once", "coalesce"],
        )
        assert row is not None
        assert row["gone"] == len(facts) + len(again)
        if row["queued"] < len(facts):
            events = [f["event_id"] for f in facts]
            left = await tx.fetchval(self.sql["outbox.absorb"], [self.tenant] * len(facts), names, keys, events)
            assert left == 0
        if again:
            ids = [UUID(e["payload"]["executionId"]) for e in again]
            await tx.execute(self.sql["outbox.redeliver"], [self.tenant] * len(ids), ids)

    async def fetch(self, limit: int = 10) -> int:
        async with self._system() as tx:
            got = await tx.fetch(self.sql["queue.fetch"], ["probe"], self.worker_id, limit)
        self.held += got
        return len(got)

    async def write(self, delivery: Any) -> None:
        """The job's one transaction, its done mark first."""
        one, token = delivery["execution_id"], delivery["token"]
        if delivery["job"] == "probe.run" and not delivery["payload"]["framed"]:
            return  # the batch finish marks it
        probe = UUID(delivery["payload"]["probeId"])
        async with transaction(self.pool, self.tenant) as tx:
            await tx.execute(f"CALL app.complete('{self.tenant}', '{one}', {token})")
            if delivery["job"] == "probe.run":
                await tx.execute(self.sql["soak.effect"], self.tenant, probe, one, token)
            else:
                cause = await tx.fetchrow(self.sql["soak.cause"], self.tenant, probe)
                assert cause is not None
                seen = await tx.fetchval(self.sql["soak.changes"], self.tenant, cause["key"])
                await tx.execute(self.sql["soak.touch"], self.tenant, cause["key"], seen, one)
        self.written.add(delivery["delivery_id"])

    async def put_off(self, delivery: Any) -> None:
        """Its attempt failed: logged, waiting, its redelivery in the outbox."""
        one, token = delivery["execution_id"], delivery["token"]
        async with transaction(self.pool, self.tenant) as tx:
            row = await tx.fetchrow(self.sql["jobs.put_off"], self.tenant, one, token, 1, "away", "vendor_down")
            assert row is not None
            when = await tx.fetchval(self.sql["jobs.retry_at"], 0.1)
            why = ("failed", "vendor_down", "away", None, row["worker_id"], row["started_at"], when)
            await tx.execute(self.sql["jobs.log_attempt"], self.tenant, one, token, *why)
            fact = (self.tenant, uuid4(), "job_execution", one, "Redelivery", 1, {"executionId": str(one)})
            await tx.execute(self.sql["outbox.emit"], *fact, {}, None, "queue", 0, None, when)
        self.written.add(delivery["delivery_id"])

    async def finish(self) -> None:
        """The batch finish of all it holds."""
        held = sorted(self.held, key=lambda d: d["execution_id"])
        unmarked = [d for d in held if d["job"] is not None and d["delivery_id"] not in self.written]
        async with self._system() as tx:
            await tx.fetchrow(
                self.sql["queue.finish"],
                [d["tenant_id"] for d in unmarked],
                [d["execution_id"] for d in unmarked],
                [d["token"] for d in unmarked],
                [d["delivery_id"] for d in held],
                [d["delivery_attempt"] for d in held],
            )
        self.held.clear()

    async def work(self) -> None:
        """One round of everything."""
        await self.beat()
        await self.dispatch()
        await self.fetch()
        for delivery in self.held:
            if delivery["job"] is not None:
                await self.write(delivery)
        await self.finish()

    def _system(self) -> transaction:
        return transaction(self.pool, None, role=DbRole.SYSTEM)
