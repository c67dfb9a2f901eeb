"""Every statement between a request and the end of its run is a fault point, and no crash at any of them loses or doubles.

`points.txt` lists what the processes of an installation do: `make points` writes it anew.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any, cast, get_args
from urllib.parse import urlsplit
from zlib import crc32

import pytest
from asyncpg import introspection

from contracts.faults import Action, Side
from db import migrate, server
from tests.conftest import Databases, open_folder
from tests.crash.nursery import Nursery
from tests.crash.scene import Cell, Left, ProcessRole, Scene, Story, observed, play, scene, undisturbed
from tests.providers.sandbox_fixture import RunningSandbox
from worker.providers.sandbox.serve import Server, bound

LIST = Path(__file__).parent / "points.txt"
STORIES: tuple[Story, ...] = get_args(Story)
#: Scenes at once: most of a scene is waiting for a lease to run out.
LANES = int(os.environ.get("LANES", "8"))
#: Points that may be passed or not, and why.
NOT_ALWAYS = {
    r"/rollback$": "only after an error",
    r"Line\.take/discard$": "every 50th statement of a connection",
    r"LendingPool\.\w+/commit$|api\.commands\.api/commit$": "only when no transaction follows one that read at once",
    r"_reconcile/queue\.wake$": "only when a fetch was lost",
    r"Fetcher\.take/limited_fetch\.stands$": "only after a fetch that found nothing",
    r"Listener\._session/select-1$": "only after 15 silent seconds",
    r"Maintenance\._do_rounds/": "a minute after the start, later than a run takes",
}
#: What the driver asks the catalogue by itself, before a statement whose parameter types it does not know yet.
DRIVERS = (
    introspection.INTRO_LOOKUP_TYPES,
    "SELECT current_setting('jit') AS cur, set_config('jit', 'off', false) AS new",
    "SELECT set_config('jit', $1, false)",
)
_LOGGED = re.compile(r"@(\d+) (\S+) (.*)@LOG:  (?:statement|execute [^:]*): (.*)", re.DOTALL)


@contextmanager
def _sandboxes(count: int) -> Iterator[list[RunningSandbox]]:
    """Vendors side by side, so that each scene has meters of its own."""
    with ExitStack() as stack:
        yield [RunningSandbox(stack.enter_context(_vendor())) for _ in range(count)]


@contextmanager
def _vendor() -> Iterator[str]:
    addresses: Queue[str] = Queue()
    with bound("127.0.0.1", 0) as listener:
        vendor = Server(listener, addresses.put)
        thread = threading.Thread(target=lambda: asyncio.run(vendor.serve(sockets=[listener])), daemon=True)
        thread.start()
        yield addresses.get(timeout=30)
        vendor.stop()
        thread.join(10)


def _sent(log: str, own: set[int]) -> dict[str, Counter[str]]:
    """{database: {statement: how often}} as the server logged them, without those of this test's own sessions."""
    found: dict[str, Counter[str]] = {}
    for entry in re.split(r"\n(?=@)", log):
        said = _LOGGED.match(entry)
        if said and int(said[1]) not in own and said[3] != "tests":
            found.setdefault(said[2], Counter())[_plain(said[4])] += 1
    return found


def _plain(statement: str) -> str:
    return " ".join(statement.split())


@pytest.mark.slow
async def test_every_statement_of_a_run_is_a_listed_fault_point() -> None:
    own: set[int] = set()
    with open_folder(Path("/dev/shm")) as folder, _sandboxes(len(STORIES)) as vendors:
        loud = {"log_statement": "all", "log_line_prefix": "@%p %d %a@"}
        running = await asyncio.to_thread(server.start, folder / "pg", durable=False, settings=loud)
        with running:
            databases = Databases(running)
            template = databases.create()
            await migrate.migrate(template)
            urls = [databases.create(urlsplit(template).path[1:]) for _ in STORIES]
            databases.close()

            async def watch(story: Story, url: str, vendor: RunningSandbox) -> dict[ProcessRole, list[dict[str, Any]]]:
                async with scene(nursery, url, vendor, folder) as made:
                    own.add(made.desk.login.get_server_pid())
                    return await observed(made, story, folder)

            async with Nursery(folder) as nursery, asyncio.TaskGroup() as group:
                watches = [group.create_task(watch(*each)) for each in zip(STORIES, urls, vendors, strict=True)]
            seen = {story: each.result() for story, each in zip(STORIES, watches, strict=True)}
            log = (folder / "pg" / "postgres.log").read_text()

    _compare_with_the_list(seen)
    # The server's own account: what a connection sent past the fault points stands there, and not among them.
    logged = _sent(log, own)
    for story, url in zip(STORIES, urls, strict=True):
        if story == "stumbling":
            continue  # a process was killed that nobody watched
        passed = Counter(
            _plain(line["statement"])
            for lines in seen[story].values()
            for line in lines
            if line["statement"] and line["side"] == "before"
        )
        sent = logged[urlsplit(url).path[1:]]
        for text in DRIVERS:
            sent.pop(_plain(text), None)
        assert sent.total() > 100, "the server logs no statements"
        assert sent - passed == Counter(), "statements that pass no fault point"
        assert passed - sent == Counter(), "fault points without a statement"


def _compare_with_the_list(seen: dict[Story, dict[ProcessRole, list[dict[str, Any]]]]) -> None:
    found: dict[tuple[str, str], Story] = {}
    for story, roles in seen.items():
        for role, lines in roles.items():
            for line in lines:
                if not any(re.search(pattern, line["point"]) for pattern in NOT_ALWAYS):
                    found.setdefault((role, line["point"]), story)
    # It comes once a second while a job runs: only there does one run that long for certain.
    found["jobs", "worker.queue.worker.BatchWorker._poll_jobs_to_abort/queue.cancel_requests"] = "stumbling"
    if os.environ.get("WRITE_POINTS"):
        LIST.write_text("".join(f"{role} {story} {point}\n" for (role, point), story in sorted(found.items())))
    listed = {(cell[0], cell[2]) for cell in _listed()}
    assert set(found) - listed == set(), "new fault points: run `make points`, look at the difference and commit it"
    assert listed - set(found) == set(), "fault points that are gone: run `make points` and commit the difference"


def _listed() -> list[tuple[ProcessRole, Story, str]]:
    return [cast("tuple[ProcessRole, Story, str]", tuple(line.split())) for line in LIST.read_text().splitlines()]


def _cells() -> list[Cell]:
    """Every side of every point, in one of the ways to fail that its name decides; with CELLS set, in each way whose cell it
    matches. A call to a vendor has no connection of ours to cut.
    """
    wanted = re.compile(os.environ.get("CELLS", ""))
    made = [
        Cell(role, action, side, point, story)
        for role, story, point in _listed()
        for side in get_args(Side)
        for action in get_args(Action)
        if action != "cut" or "VendorClient" not in point
    ]
    if "CELLS" not in os.environ:
        by_place: dict[tuple[str, str, str], list[Cell]] = {}
        for cell in made:
            by_place.setdefault((cell.role, cell.point, cell.side), []).append(cell)
        made = [ways[crc32("/".join(place).encode()) % len(ways)] for place, ways in by_place.items()]
    return [cell for cell in made if wanted.search(str(cell))]


@dataclass
class _Matrix:
    """The cells not played yet, and what became of the others."""

    databases: Databases
    template: str
    folder: Path
    nursery: Nursery
    cells: deque[Cell]
    expected: dict[Story, Left] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    went: Counter[str] = field(default_factory=Counter)
    making: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def stage(self, vendor: RunningSandbox, name: str) -> AsyncIterator[Scene]:
        async with self.making:  # one connection makes and drops all databases
            url = await asyncio.to_thread(self.databases.create, self.template)
        logs = self.folder / name
        logs.mkdir()
        try:
            async with scene(self.nursery, url, vendor, logs) as made:
                yield made
        finally:
            async with self.making:
                await asyncio.to_thread(self.databases.drop, url)

    async def lane(self, vendor: RunningSandbox) -> None:
        while self.cells:
            cell = self.cells.popleft()
            name = f"cell-{len(self.cells)}"
            began = time.monotonic()
            try:
                async with self.stage(vendor, name) as made:
                    how = await play(made, cell, self.expected[cell.story])
                self.went[how] += 1
                print(f"{time.monotonic() - began:5.1f} s  {how}  {cell}", flush=True)
            except Exception as error:
                said = str(error) if isinstance(error, AssertionError) else "".join(traceback.format_exception(error))
                self.failures.append(f"{cell}\n    {said[:1500]}")
                print(f"{time.monotonic() - began:5.1f} s  FAILED  {self.failures[-1]}", flush=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.alone
async def test_no_crash_at_any_point_loses_doubles_or_pays_twice() -> None:
    # B.01, C.04, C.05, S2.04, S2.15, R8
    with open_folder(Path("/dev/shm")) as folder, _sandboxes(LANES) as vendors:
        roomy = {"max_connections": str(60 * LANES)}
        with await asyncio.to_thread(server.start, folder / "pg", durable=False, settings=roomy) as running:
            databases = Databases(running)
            template = databases.create()
            await migrate.migrate(template)
            async with Nursery(folder) as nursery:
                name = urlsplit(template).path[1:]
                matrix = _Matrix(databases, name, folder, nursery, deque(_cells()))
                for story in STORIES:
                    async with matrix.stage(vendors[0], story) as made:
                        matrix.expected[story] = await undisturbed(made, story)
                await asyncio.gather(*map(matrix.lane, vendors))
            databases.close()
    print(f"{dict(matrix.went)}, {len(matrix.failures)} failed")
    assert not matrix.failures, f"{len(matrix.failures)} cells failed:\n" + "\n".join(sorted(matrix.failures))
