"""What a job body is given: its tenant's transactions, its ports, and one guarded way to write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import structlog

from contracts.alerts import AlertWay
from contracts.crm_access import CrmAccess
from contracts.job_reports import Small, small
from contracts.jobs import Payload
from contracts.outgoing import Alert
from contracts.providers import Channel, CompanySearch, Operation, VendorTurns
from contracts.settings import Settings
from contracts.sites import SiteCrawler
from db import jobs, reports
from db.queue import Delivery
from db.reports import Attempt
from db.transaction import Pool, Tx, transaction
from worker.pace import Pacer
from worker.patience import Patience
from worker.progress import Speaker, checked


class RunOver(Exception):
    """The run is not running any more: what this job wrote is rolled back, and the job is cancelled."""


class Ports(Protocol):
    """The adapters, by what they can do. Raises VendorRefused for a channel or an operation without one."""

    def company_search(self, channel: Channel) -> CompanySearch: ...

    def operation(self, name: str) -> Operation[Any, Any]:
        """The look-up called "vendor.operation". Raises VendorRefused (code `vendor_absent`) saying what is missing."""
        ...

    def crm(self, access: CrmAccess) -> Mapping[str, Operation[Any, Any]]:
        """The operations at a tenant's own CRM: upsert, read, check. Raises Invalid and VendorRefused, saying what to mend."""
        ...

    async def tell(
        self, way: AlertWay, alert: Alert, turns: VendorTurns | None = None, *, attempt: str | None = None
    ) -> None:
        """Tell an alert on a tenant's channel, in turn; `attempt` (EXECUTION.TOKEN) tells it.

        Raises: Invalid, VendorRefused, VendorDown, VendorBusy.
        """
        ...

    @property
    def operations(self) -> Mapping[str, Operation[Any, Any]]:
        """The look-ups that are there, by "vendor.operation"."""
        ...


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why an execution was given up, for the hook that tells its run."""

    state: str
    error_class: str
    error: str


@dataclass(slots=True)
class Context:
    """One attempt of one job. Beats: `read()` to load, ports to ask, pure code to think, `write()` once."""

    pool: Pool
    settings: Settings
    ports: Ports
    delivery: Delivery
    wake: Callable[[], None]
    #: None: nothing holds this job back (tests, measurements).
    pacer: Pacer | None = None
    #: Reads companies' own sites; None where that is switched off.
    crawler: SiteCrawler | None = None
    #: How long this attempt may wait for its turn at a vendor.
    patience: Patience = field(default_factory=Patience)
    log: Any = field(default_factory=structlog.get_logger)
    #: Made when the job first speaks: most never do.
    spoke: Speaker | None = None

    @property
    def tenant(self) -> UUID:
        return self.delivery.tenant_id

    @property
    def attempt(self) -> str:
        """EXECUTION.TOKEN, for those who are told who asks them this time."""
        return f"{self.delivery.execution_id}.{self.delivery.token}"

    @property
    def speaker(self) -> Speaker:
        if self.spoke is None:
            d = self.delivery
            self.spoke = Speaker(self.pool, Attempt(d.tenant_id, d.execution_id, d.token))
        return self.spoke

    def read(self) -> AbstractAsyncContextManager[Tx]:
        """A short transaction as the tenant, for the load beat. The database refuses it any write."""
        return transaction(self.pool, self.tenant, read_only=True)

    def unfenced(self) -> AbstractAsyncContextManager[Tx]:
        """A short transaction for what stands whoever owns the job: the ledger's books, what the next attempt goes on from."""
        return transaction(self.pool, self.tenant)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """The job's one write: its done mark comes first and commits with everything else.

        Raises: Fenced when the execution is not this attempt's any more.
        """
        d = self.delivery
        async with jobs.completing(self.pool, d.tenant_id, d.execution_id, d.token) as tx:
            yield tx
            if self.spoke is not None:
                await self.spoke.note(tx)
        d.settled = True
        self.wake()

    async def answer(self, tx: Tx, result: Small) -> None:
        """Inside `write()`: keep the job's result (JSON, 8 KB at most), which is also that of the events it absorbed."""
        await reports.answer(tx, self.speaker.who, small(result, "result"))

    async def progress(
        self, percent: float | None = None, message: str | None = None, *, checkpoint: Small | None = None
    ) -> None:
        """Say how far this job is (0 to 100) and where the next attempt would begin. Written at most once a second.

        A checkpoint said here names work that is committed already, or may be done twice; `step` commits both together.
        Raises: Fenced when another attempt owns the execution; Invalid for what cannot be kept.
        """
        await self.speaker.say(percent, message, checkpoint)

    async def checkpoint(self, tx: Tx) -> Small | None:
        """For the load beat: what an earlier attempt of this job left, None for the first."""
        return await reports.checkpoint(tx, self.tenant, self.delivery.execution_id)

    @asynccontextmanager
    async def step(self) -> AsyncIterator[Tx]:
        """A transaction for a part of a long job, fenced as `write()` is; the job goes on after it. `note` in it how far that is.

        Raises: Fenced when the execution is not this attempt's any more: nothing of the part is kept.
        """
        async with transaction(self.pool, self.tenant) as tx:
            await reports.fence(tx, self.speaker.who)
            yield tx

    async def note(
        self, tx: Tx, percent: float | None = None, message: str | None = None, *, checkpoint: Small | None = None
    ) -> None:
        """Inside `step()`: what `progress` says, committed with the part. Raises: Invalid."""
        await self.speaker.note(tx, checked(percent, message, checkpoint))


class Body(Protocol):
    """The body of a kind of job, and what its run is told when it is given up (in the same transaction)."""

    run: Callable[[Context, Any], Awaitable[None]]
    stopped: Callable[[Tx, UUID, Payload, Stopped], Awaitable[None]]
