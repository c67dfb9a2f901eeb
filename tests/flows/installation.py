"""A whole installation of real processes on a database of its own, and a tenant's view of it.

Processes are started with `sys.executable -m headwater`, talk to the vendor sandbox of the test session, and are gone
at the end of the block. A `Desk` is one tenant: what its runs find, dedupe and pay for is nobody else's, so that tests
of one module can share an installation.
"""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import asyncpg

from contracts.outbox import Verification
from contracts.runs import CreateRun, RunCheck, RunView
from contracts.settings import Settings
from db import pace, queue, runs, story, tenants, verification
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.providers.sandbox_fixture import RunningSandbox

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 40.0
#: Short enough for tests, long enough for two busy cores.
FAST = {"WORKER_HEARTBEAT_S": "0.25", "WORKER_DEAD_AFTER_S": "1.5", "DISPATCH_POLL_S": "1", "WORKER_CONCURRENCY": "8"}
#: All tests of a module share an installation, and with it the vendors' minutes.
VENDORS_TIME = {name: {"windows": [[100_000, 60]]} for name in ("tavily", "gleif", "apollo", "pdl")}
Mode = Literal["daily", "manual", "test"]


class Process:
    """One running command. Its log is JSON lines; its standard output is read up to the line that says `ready`."""

    def __init__(self, name: str, popen: subprocess.Popen[str], log: Path) -> None:
        self.name, self.popen, self._log = name, popen, log
        self.ready = ""

    def await_ready(self) -> None:
        assert self.popen.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.popen.stdout, selectors.EVENT_READ)
            readable = selector.select(PATIENCE_S)
        self.ready = self.popen.stdout.readline().strip() if readable else ""
        assert self.ready.startswith("ready"), f"{self.name} did not become ready: {self._log.read_text()[-2000:]}"

    def log(self, event: str | None = None) -> list[dict[str, Any]]:
        """Its log so far, or the lines of one event."""
        whole, _, _under_way = self._log.read_text().rpartition("\n")
        lines = [json.loads(line) for line in whole.splitlines() if line.startswith("{")]
        return [line for line in lines if event in (None, line.get("event"))]

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Stopped processes go too."""
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait(10)

    def stop(self) -> int:
        """SIGTERM; gives its exit status."""
        if self.popen.poll() is None:
            self.popen.terminate()
        return self.popen.wait(PATIENCE_S)


@dataclass
class Installation:
    """Processes around one database. Everything started here is killed when the installation ends."""

    url: str
    sandbox: RunningSandbox
    folder: Path
    processes: list[Process] = field(default_factory=list)
    #: What starts a command elsewhere: in another network namespace.
    prefix: Sequence[str] = ()

    def worker(self, *only: str, **environment: str) -> Process:
        """A worker running all parts, or only these; it is working when this returns."""
        return self.start("worker", *[word for part in only for word in ("--only", part)], **environment)

    def start(self, *command: str, **environment: str) -> Process:
        """Any command that prints a line beginning with `ready`."""
        log = self.folder / f"{len(self.processes)}-{'-'.join(command).replace('/', '_')}.log"
        with log.open("w") as stderr:
            popen = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "headwater", *command],
                env={**self.environment(), **environment},
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        started = Process(" ".join(command), popen, log)
        self.processes.append(started)
        started.await_ready()
        return started

    def environment(self) -> dict[str, str]:
        """What its processes see: the machine's environment without any setting of ours, then this installation's."""
        ours = {name.upper() for name in Settings.model_fields}
        kept = {name: value for name, value in os.environ.items() if name not in ours}
        here = {"DATABASE_URL": self.url, "HEADWATER_DATA": str(self.folder / "data"), "LOG_LEVEL": "INFO"}
        here["WATERFALL_EXPLORE"] = "0"  # one lead in twenty would be asked in another order
        return {**kept, **FAST, "VENDOR_LIMITS": json.dumps(VENDORS_TIME), **self.sandbox.env(), **here}

    def log(self, event: str) -> list[dict[str, Any]]:
        """The lines of one event from all processes, in order of time."""
        return sorted((line for p in self.processes for line in p.log(event)), key=lambda line: str(line["timestamp"]))

    def kill_all(self) -> None:
        for process in self.processes:
            process.kill()
            if process.popen.stdout is not None:
                process.popen.stdout.close()


@contextmanager
def installed(url: str, sandbox: RunningSandbox, folder: Path) -> Iterator[Installation]:
    """An installation without processes yet."""
    house = Installation(url, sandbox, folder)
    try:
        yield house
    finally:
        house.kill_all()


@dataclass
class Desk:
    """One tenant at work: starts runs as the API does, waits for them, looks into the database as the login user."""

    url: str
    pool: Pool
    login: Connection
    tenant: UUID
    slug: str

    async def start(
        self, *, mode: Mode = "test", by: str = "api", wake: bool = True, page_size: int = 20, **body: Any
    ) -> UUID:
        """Commit a run and its event; `body` is that of POST /v1/discovery/runs. `wake=False` leaves it to the poll."""
        asked = CreateRun.model_validate(body)
        params = runs.params_of(asked, Settings.model_construct(discovery_page_size=page_size))
        async with transaction(self.pool, self.tenant) as tx:
            run_id, _ = await runs.start(
                tx, self.tenant, params, mode=mode, dry_run=asked.dry_run, triggered_by=by, requested_by="tests"
            )
        if wake:
            await self.wake()
        return run_id

    async def wake(self) -> None:
        """What the API does after its commit."""
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)

    async def run(self, **body: Any) -> RunView:
        """Start a run and wait for its end."""
        return await self.ended(await self.start(**body))

    async def ended(self, run_id: UUID, timeout_s: float = PATIENCE_S) -> RunView:
        await until(lambda: self._has_ended(run_id), timeout_s, f"run {run_id} does not end")
        return await self.show(run_id)

    async def _has_ended(self, run_id: UUID) -> bool:
        return (await self.show(run_id)).status.ended

    async def show(self, run_id: UUID) -> RunView:
        async with transaction(self.pool, self.tenant) as tx:
            found = await runs.show(tx, self.tenant, run_id)
        assert found is not None
        return found

    async def check(self, run_id: UUID) -> RunCheck:
        """The product's own proof that nothing of the run was lost or doubled."""
        async with transaction(self.pool, self.tenant) as tx:
            found = await story.verify(tx, self.tenant, run_id)
        assert found is not None
        return found

    async def proof(self) -> Verification:
        """The same for everything this tenant's outbox ever held."""
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            deliveries = await verification.check_deliveries(tx, self.tenant)
            return await verification.verify(tx, self.tenant, deliveries)

    async def pause(self) -> None:
        """Let nothing of this tenant leave the outbox, as an operator would."""
        await self.one("INSERT INTO app.pauses (tenant_id, paused_by) VALUES ({me}, 'tests')")

    async def go_on(self) -> None:
        await self.one("DELETE FROM app.pauses WHERE tenant_id = {me}")
        await self.wake()

    async def rows(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        """Rows as the login user, who sees all tenants. `{me}` stands for this tenant's id."""
        return [dict(r) for r in await self.login.fetch(query.replace("{me}", f"'{self.tenant}'::uuid"), *arguments)]

    async def one(self, query: str, *arguments: Any) -> Any:
        """The first column of the first row; None without rows."""
        return await self.login.fetchval(query.replace("{me}", f"'{self.tenant}'::uuid"), *arguments)

    async def until(self, query: str, *arguments: Any, timeout_s: float = PATIENCE_S) -> None:
        """Wait until a query gives true."""

        async def true() -> bool:
            return bool(await self.one(query, *arguments))

        await until(true, timeout_s, f"never true: {query}")

    async def found(self, run_id: UUID) -> dict[str, Any]:
        """What a run left behind, free of ids and times: equal for equal runs."""
        companies = await self.rows(
            "SELECT c.name, c.country, c.domain, c.registry_id, (SELECT array_agg(s ORDER BY s) FROM unnest(c.sources) s)"
            " AS sources FROM app.companies c WHERE c.tenant_id = {me} AND c.created_by_run = $1 ORDER BY 1, 2, 3, 4",
            run_id,
        )
        records = await self.rows(
            "SELECT source, external_id, page, count(*)::int AS n FROM app.source_records"
            " WHERE tenant_id = {me} AND run_id = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            run_id,
        )
        leads = await self.one("SELECT count(*)::int FROM app.leads WHERE tenant_id = {me} AND run_id = $1", run_id)
        contacts = await self.one("SELECT count(*)::int FROM app.contacts WHERE tenant_id = {me}")
        return {"companies": companies, "records": records, "leads": leads, "contacts": contacts}


@asynccontextmanager
async def desk_at(url: str) -> AsyncIterator[Desk]:
    """A desk of a new tenant."""
    pool = await open_pool(url, name="tests", size=4)
    login = await asyncpg.connect(url)
    try:
        slug = f"t-{uuid4().hex[:12]}"
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            tenant = await tenants.create(tx, slug, by="tests")
            for known in await pace.breakers(tx):  # what the vendors did to an earlier desk
                await pace.reset(tx, known.operation)
        yield Desk(url, pool, login, tenant.id, slug)
    finally:
        with suppress(Exception):
            await login.close()
        pool.terminate()


async def until(
    true: Callable[[], bool] | Callable[[], Awaitable[bool]], timeout_s: float, otherwise: str = "never true"
) -> float:
    """Wait for a condition; gives the seconds it took. Fails saying `otherwise`."""
    began = time.monotonic()
    while True:
        answer = true()
        if answer if isinstance(answer, bool) else await answer:
            return time.monotonic() - began
        assert time.monotonic() - began < timeout_s, f"{otherwise} (waited {timeout_s:g} s)"
        await asyncio.sleep(0.02)
