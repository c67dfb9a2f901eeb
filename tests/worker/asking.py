"""A vendor of look-ups that answers from a table and keeps a bill, and attempts of jobs that ask it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.events import Probed
from contracts.findings import EmailQuery, EmailVerdict
from contracts.providers import OperationSpec, Pace, Reply, Terms
from contracts.settings import Settings
from db import queue
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from tests.worker.dispatching import dispatcher, emit
from worker.context import Context
from worker.providers.registry import Registry

SPEC = OperationSpec(
    "checker", "verify", EmailVerdict, Terms.LICENSED, Pace("checker"), unit="verification", units=1.0, batch=3
)


@dataclass
class Checker:
    """Addresses that begin with `no` are unknown to it, those with `hush` have objected; the others are valid.

    `asked` are its requests: (key, addresses). `troubles` come first, one a request; `acts` says whether the vendor had billed
    by then. `bill` counts what it charged by address; a key it has seen is answered without charge, and where repeats are free
    so is an address.
    """

    spec: OperationSpec = SPEC
    troubles: list[BaseException] = field(default_factory=list)
    acts: bool = True
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    bill: dict[str, float] = field(default_factory=dict)
    seen: dict[str, list[str]] = field(default_factory=dict)
    meanwhile: Callable[[], Any] | None = None

    def units_of(self, _query: EmailQuery) -> float:
        return self.spec.units

    async def ask(self, queries: Sequence[EmailQuery], *, key: str) -> list[Reply[EmailVerdict]]:
        addresses = [q.email for q in queries]
        self.asked.append((key, addresses))
        trouble = self.troubles.pop(0) if self.troubles else None
        if (trouble is None or self.acts) and key not in self.seen:
            self.seen[key] = addresses
            for each in addresses:
                free = each.startswith("no") or (self.spec.repeats_free and each in self.bill)
                self.bill[each] = self.bill.get(each, 0) + (0 if free else self.spec.units)
        if self.meanwhile is not None:
            await self.meanwhile()
        if trouble is not None:
            raise trouble
        return [self._reply(each) for each in addresses]

    async def recover(self, query: EmailQuery, *, key: str) -> Reply[EmailVerdict] | None:
        return self._reply(query.email) if query.email in self.seen.get(key, []) else None

    def _reply(self, email: str) -> Reply[EmailVerdict]:
        at = datetime.now(UTC)
        if email.startswith("no"):
            return Reply(outcome="miss", at=at, note="unknown")
        if email.startswith("hush"):
            return Reply(outcome="suppressed", units=self.spec.units, at=at)
        value = EmailVerdict(email=email, standing="valid", status="valid \x00 ok")
        return Reply(outcome="found", value=value, units=self.spec.units, at=at, vendor_ref="r1", raw={"said": email})


def checker(**spec: Any) -> Checker:
    return Checker(replace(SPEC, **spec))


def queries(*names: str) -> list[EmailQuery]:
    return [EmailQuery(email=f"{name}@example.com") for name in names]


async def attempt(pool: Pool, tenant: UUID, *, pacer: Any = None, **settings: Any) -> Context:
    """A job that runs right now, and what its body is given."""
    await emit(pool, tenant, Probed(probe_id=uuid4()))
    await dispatcher(pool).dispatch_batch()
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "here", 1, ["jobs"])
        (delivery,) = await queue.fetch(tx, worker, ["probe"], 1)
    return context(pool, delivery, pacer=pacer, **settings)


def context(pool: Pool, delivery: Delivery, *, pacer: Any = None, **settings: Any) -> Context:
    return Context(pool, Settings.model_construct(**settings), Registry({}, {}), delivery, lambda: None, pacer)


async def died(pool: Pool, ctx: Context) -> None:
    """The worker of this attempt was given up for dead."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await tx.execute("UPDATE app.job_executions SET token = token + 1 WHERE id = $1", ctx.delivery.execution_id)
