"""A pace is one for all workers: rates, requests at once, breakers (over a real Postgres; each pool stands for a process)."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from pydantic import BaseModel

from contracts.errors import BadAnswer, HeadwaterError, TryLater, VendorBusy, VendorDown, VendorRefused
from contracts.paces import PaceView
from contracts.providers import OperationSpec, Pace, Terms, Window
from contracts.settings import Settings
from contracts.vendor_settings import VendorLimit
from contracts.vendors import VendorOperation
from db import limits, vendors
from db import pace as rows
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.worker.test_timetable import most_in_any
from worker.pace import Pacer
from worker.providers.rules import PaceHint, approach, departure, heard_hint
from worker.timetable import rhythm

KEY = "house"
MINUTES = "UPDATE app.breakers SET opened_until = opened_until - $1 * interval '1 minute'"


def spec(*windows: Window, concurrency: int = 4, name: str = "acme", timeout_s: float = 5.0) -> OperationSpec:
    return OperationSpec("acme", "find", BaseModel, Terms.PUBLIC, Pace(name, windows, concurrency), timeout_s=timeout_s)


@pytest.fixture
async def workers(db_url: str) -> AsyncIterator[Callable[[], Awaitable[Pacer]]]:
    """Starts workers: a pool and a pacer each, as in a process of its own."""
    async with AsyncExitStack() as stack:

        async def start() -> Pacer:
            pool = await open_pool(db_url, name="headwater test", size=4)
            stack.callback(pool.terminate)
            return Pacer(pool, Settings(), patience_s=0.4)

        yield start


async def told(pacer: Pacer, of: OperationSpec, error: BaseException | None = None) -> BaseException | None:
    """Ask once; the vendor answers with `error`. Gives what the asker was told."""
    try:
        async with pacer.turn(of, KEY):
            if error is not None:
                raise error
    except HeadwaterError as heard:
        return heard
    return None


async def the_pace(pool: Pool) -> PaceView:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        (only,) = await rows.standing(tx)
    return only


async def state(pool: Pool) -> str:
    """Of the breaker; one that has never learnt anything is closed."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        found = await rows.breakers(tx)
    return found[0].state if found else "closed"


async def test_all_workers_together_keep_every_window(workers: Callable[[], Awaitable[Pacer]]) -> None:
    # S3.13 S2.02
    windows = (Window(10, 0.4), Window(15, 2.5))
    sent: list[float] = []

    async def ask(pacer: Pacer, until: float) -> None:
        while time.monotonic() < until:
            try:
                async with pacer.turn(spec(*windows), KEY):
                    sent.append(time.monotonic())
            except VendorBusy as busy:
                await asyncio.sleep(min(busy.after_s or 0.0, max(0.0, until - time.monotonic())))

    pacers = [await workers() for _ in range(4)]
    until = time.monotonic() + 1.0
    await asyncio.gather(*(ask(pacer, until) for pacer in pacers for _ in range(3)))
    assert [most_in_any(sent, w.seconds) <= w.limit for w in windows] == [True, True]
    # Of 15: a slot that is missed on a busy machine is not made up for. How well slots are used is measured by `headwater trial`.
    assert len(sent) >= 5


async def test_no_more_requests_at_once_than_the_vendor_allows(workers: Callable[[], Awaitable[Pacer]]) -> None:
    # S3.13: over three workers, all of whom get their share
    now = most = 0
    served: dict[int, int] = {}

    async def ask(who: int, pacer: Pacer, until: float) -> None:
        nonlocal now, most
        while time.monotonic() < until:
            try:
                async with pacer.turn(spec(concurrency=2), KEY):
                    now += 1
                    most = max(most, now)
                    served[who] = served.get(who, 0) + 1
                    await asyncio.sleep(0.01)
                    now -= 1
            except VendorBusy:
                # It is said at once where a line is long: asking again at once would keep the others from it.
                await asyncio.sleep(0.05)

    pacers = [await workers() for _ in range(3)]
    until = time.monotonic() + 1.2
    await asyncio.gather(*(ask(who, pacer, until) for who, pacer in enumerate(pacers) for _ in range(3)))
    assert 1 <= most <= 2
    assert len(served) == 3
    await asyncio.gather(*(pacer.close() for pacer in pacers))


async def test_permits_of_a_dead_worker_come_back_after_the_timeout(
    workers: Callable[[], Awaitable[Pacer]], conn: Connection
) -> None:
    # S3.10
    dead, alive, one = await workers(), await workers(), spec(concurrency=1, timeout_s=5)
    turn = dead.turn(one, KEY)
    await turn.__aenter__()  # and never leaves
    busy = await told(alive, one)
    assert isinstance(busy, VendorBusy)
    assert busy.code == "paced"
    lasts = await conn.fetchval(
        "SELECT max((h.value ->> 1)::float8) - extract(epoch FROM app.now()) FROM app.paces, jsonb_each(holders) h"
    )
    assert lasts < 5 + 5  # its timeout, and what a permit may be used and may take
    await conn.execute(f"CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '{lasts} s' $$")  # fmt: skip  # noqa: E501
    for _ in range(10):  # a busy machine may take longer than one asker's patience
        if (last := await told(alive, one)) is None:
            break
    assert last is None


async def test_an_idle_worker_keeps_nobody_waiting(workers: Callable[[], Awaitable[Pacer]], pool: Pool) -> None:
    first, second, one = await workers(), Pacer(pool, Settings()), spec(concurrency=1)
    assert await told(first, one) is None
    began = time.monotonic()
    assert await told(second, one) is None
    assert time.monotonic() - began < 1.5
    await first.close()
    await second.close()
    assert (await the_pace(pool)).in_flight == 0


async def test_after_failures_in_a_row_nobody_asks_until_one_try_succeeds(
    workers: Callable[[], Awaitable[Pacer]], pool: Pool, conn: Connection
) -> None:
    # S3.13 S3.10
    one, other, of = await workers(), await workers(), spec(Window(100, 60))
    down = VendorDown("acme does not answer", sent=False)
    for _ in range(5):
        assert await told(one, of, down) is down
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        (seen,) = await rows.breakers(tx)
    assert (seen.operation, seen.state, seen.failures, seen.error) == ("acme.find", "open", 5, "acme does not answer")
    for worker in (one, other):
        left_alone = await told(worker, of)
        assert isinstance(left_alone, VendorBusy)
        assert left_alone.code == "breaker_open"
        assert left_alone.after_s is not None
        assert 0 < left_alone.after_s <= 5
    await conn.execute(MINUTES, 1)
    async with other.turn(of, KEY):
        waits = await told(one, of)
        assert isinstance(waits, VendorBusy)
        assert waits.code == "breaker_open"
    assert await state(pool) == "closed"
    assert [await told(worker, of) for worker in (one, other)] == [None, None]


async def test_a_failed_try_doubles_the_wait(
    workers: Callable[[], Awaitable[Pacer]], conn: Connection, pool: Pool
) -> None:
    # S3.10
    worker, of = await workers(), spec()
    for _ in range(5):
        await told(worker, of, BadAnswer("acme answered garbage"))
    await conn.execute(MINUTES, 1)
    await told(worker, of, BadAnswer("acme answered garbage"))
    again = await told(worker, of)
    assert isinstance(again, VendorBusy)
    assert again.after_s is not None
    assert 5 < again.after_s <= 10


async def test_a_success_in_between_forgives_failures(workers: Callable[[], Awaitable[Pacer]], pool: Pool) -> None:
    worker, of = await workers(), spec()
    for error in [VendorDown("down")] * 4 + [None] + [VendorDown("down")] * 4:
        await told(worker, of, error)
    assert await state(pool) == "closed"


async def test_a_refused_key_is_not_tried_by_every_job(
    workers: Callable[[], Awaitable[Pacer]], pool: Pool, conn: Connection
) -> None:
    # S3.13
    one, other, of = await workers(), await workers(), spec()
    refused = VendorRefused("acme answered 401 · check ACME_API_KEY", code="vendor_auth")
    assert await told(other, of) is None
    for _ in range(3):
        assert await told(one, of, refused) is refused
    await other.close()  # what it had leased is forgotten
    assert await told(one, replace(of, operation="verify")) is None  # another operation, which the key may be good for
    for worker in (one, other):
        again = await told(worker, of)
        assert isinstance(again, VendorRefused)
        assert again.code == "vendor_auth"
        assert "ACME_API_KEY" in again.detail
        assert "vendors reset acme.find" in again.detail
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert await rows.reset(tx, "acme") == ["acme.find"]
    assert [await told(worker, of) for worker in (one, other)] == [None, None]
    for _ in range(3):
        await told(one, of, refused)
    await conn.execute(MINUTES, 2)
    assert await told(other, of) is None
    assert await state(pool) == "closed"


@pytest.mark.parametrize(
    "error",
    [
        VendorRefused("the day's budget is spent", code="budget_spent"),
        VendorBusy("asked by another job", code="asked_elsewhere"),
        VendorRefused("our request is wrong", code="vendor_rejected_request"),
        VendorBusy("still at work on it", code="pending", after_s=30),
        ValueError("a fault of our own"),
        TimeoutError(),
    ],
)
async def test_what_is_no_fault_of_the_vendor_changes_nothing(
    workers: Callable[[], Awaitable[Pacer]], pool: Pool, error: Exception
) -> None:
    worker, of = await workers(), spec()
    for _ in range(6):
        with pytest.raises(type(error)):
            async with worker.turn(of, KEY):
                raise error
    assert await state(pool) == "closed"
    assert await told(worker, of) is None


async def test_too_fast_holds_everybody_back_as_long_as_the_vendor_says(
    workers: Callable[[], Awaitable[Pacer]], pool: Pool
) -> None:
    # S2.02
    one, other, of = await workers(), await workers(), spec(Window(1000, 60))
    await told(one, of, VendorBusy("too fast", after_s=40))
    for worker in (one, other):
        busy = await told(worker, of)
        assert isinstance(busy, VendorBusy)
        assert busy.code == "paced"
        assert busy.after_s is not None
        assert 30 < busy.after_s < 45
    assert await state(pool) == "closed"


async def test_rate_headers_that_say_nothing_is_left_are_heeded(workers: Callable[[], Awaitable[Pacer]]) -> None:
    # S2.02
    one, other, of = await workers(), await workers(), spec()
    async with one.turn(of, KEY):
        heard_hint.set(PaceHint(remaining=0, reset_s=50, limit=100))
    busy = await told(other, of)
    assert isinstance(busy, TryLater)
    assert busy.after_s is not None
    assert 40 < busy.after_s <= 50


async def test_a_request_that_leaves_late_or_twice_takes_another_slot(workers: Callable[[], Awaitable[Pacer]]) -> None:
    # S3.13: a slow connection or ledger must not push requests into each other's window
    worker, of, left = await workers(), spec(Window(1, 0.2)), list[float]()

    async def leave() -> None:
        gate = departure.get()
        assert gate is not None
        await gate()
        left.append(time.monotonic())

    async with worker.turn(of, KEY):
        await leave()
        await leave()
    async with worker.turn(of, KEY):
        await asyncio.sleep(0.25)
        await leave()
    assert departure.get() is None
    assert most_in_any(left, 0.2) == 1


@pytest.mark.parametrize("window", [Window(1, 1.0), Window(2, 2.5)])
async def test_a_second_request_of_a_turn_waits_for_a_slot_that_is_far(
    workers: Callable[[], Awaitable[Pacer]], window: Window
) -> None:
    # S3.13: sent away, it would begin with the first again and never come further; a download of the register did not
    worker, of, left = await workers(), spec(window), list[float]()

    async def twice() -> None:
        async with worker.turn(of, KEY, patience_s=10):
            gate = departure.get()
            assert gate is not None
            for _ in range(2):
                await gate()
                left.append(time.monotonic())

    await asyncio.gather(twice(), twice())
    assert len(left) == 4
    assert most_in_any(sorted(left), window.seconds) <= window.limit


async def test_a_turn_gets_ready_before_its_slot_and_its_request_leaves_at_it(pool: Pool) -> None:
    # S2.02: what it takes to be ready is no reason to leave late
    worker, of, left, ready_s = Pacer(pool, Settings()), spec(Window(1, 1.0)), list[float](), 0.07
    idle = list[float]()  # how long a connection that was chosen waited
    pace = rhythm(of.pace.windows)
    assert pace.lateness_s < ready_s

    async def one() -> float:
        async with worker.turn(of, KEY, patience_s=4):
            began = time.monotonic()
            await asyncio.sleep(ready_s)  # the ledger
            near, gate = approach.get(), departure.get()
            assert near is not None
            assert gate is not None
            await near()
            chosen = time.monotonic()
            await gate()
            left.append(time.monotonic())
            idle.append(left[-1] - chosen)
            return began

    await one()  # nobody knows yet how long it takes
    began = [await one() for _ in range(2)]
    assert [at >= start + ready_s for start, at in zip(began, left[1:], strict=True)] == [True, True]
    for earlier, later in itertools.pairwise(left):
        apart_s = later - earlier
        assert pace.distance_s - pace.lateness_s <= apart_s < 2 * pace.distance_s, "it lost a slot, or had another's"
    assert max(idle) < ready_s, "the vendor might close it meanwhile, and the answer be lost"
    await worker.close()


async def test_who_is_patient_waits_for_a_window_to_be_over(workers: Callable[[], Awaitable[Pacer]]) -> None:
    # S2.02 S3.13
    worker, of = await workers(), spec(Window(2, 2.5))
    began = time.monotonic()
    assert [await told(worker, of) for _ in range(2)] == [None, None]
    assert isinstance(await told(worker, of), VendorBusy)
    async with worker.turn(of, KEY, patience_s=10):
        assert time.monotonic() - began > 2.5


@pytest.mark.slow
async def test_nobody_joins_a_line_that_is_longer_than_its_patience(workers: Callable[[], Awaitable[Pacer]]) -> None:
    # S2.02: it is put off at once, until the line is shorter; who is patient enough joins
    worker, of = await workers(), spec(Window(1, 0.3))

    async def turn(patience_s: float) -> None:
        async with worker.turn(of, KEY, patience_s=patience_s):
            pass

    for _ in range(4):
        await turn(5)
    patient = [asyncio.create_task(turn(30)) for _ in range(8)]
    await asyncio.sleep(0)
    began = time.monotonic()
    busy = [await told(worker, of) for _ in range(3)]
    assert time.monotonic() - began < 0.3
    waits = [each.after_s or 0.0 for each in busy if isinstance(each, VendorBusy)]
    assert waits[0] > 8 * 0.3 / 2  # before the line is empty
    assert waits == sorted(set(waits))
    assert len(waits) == 3
    await asyncio.gather(*patient)


async def test_jobs_without_a_slot_are_spread_over_the_time_to_come(workers: Callable[[], Awaitable[Pacer]]) -> None:
    # S2.02: else they would all be back at once
    worker, of = await workers(), spec(Window(5, 30), concurrency=50)
    told_ = await asyncio.gather(*(told(worker, of) for _ in range(25)))
    waits = sorted(each.after_s or 0.0 for each in told_ if isinstance(each, VendorBusy))
    assert len(waits) == 20
    assert waits[0] > 29
    assert waits[-1] > 100


@pytest.mark.slow
async def test_a_line_that_stood_still_is_not_taken_for_a_slow_one(workers: Callable[[], Awaitable[Pacer]]) -> None:
    # S2.02: those sent away while a window is full come back as fast as the next one serves them
    worker, of = await workers(), spec(Window(20, 5))

    async def turn() -> None:
        async with worker.turn(of, KEY, patience_s=30):
            pass

    assert [await told(worker, of) for _ in range(20)] == [None] * 20
    patient = [asyncio.create_task(turn()) for _ in range(3)]
    deadline = time.monotonic() + 4
    busy: list[VendorBusy] = []
    while time.monotonic() < deadline:  # the longer it stands, the slower it looks
        heard = await told(worker, of)
        assert isinstance(heard, VendorBusy)
        busy.append(heard)
        await asyncio.sleep(0.5)
    at_once = await asyncio.gather(*(told(worker, of) for _ in range(20)))
    waits = sorted(each.after_s or 0.0 for each in at_once if isinstance(each, VendorBusy))
    assert waits[-1] - waits[0] < 20 * 0.25 * 1.5
    await asyncio.gather(*patient)


async def test_a_worker_writes_a_few_times_a_second_not_once_a_request(
    workers: Callable[[], Awaitable[Pacer]], conn: Connection
) -> None:
    # S2.02: the row is not hot
    await conn.execute(
        "CREATE SEQUENCE public.writes; CREATE FUNCTION public.count_write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
        " $$ BEGIN PERFORM nextval('public.writes'); RETURN NULL; END $$;"
        "CREATE TRIGGER counted AFTER UPDATE ON app.paces FOR EACH ROW EXECUTE FUNCTION public.count_write()"
    )
    worker, of = await workers(), spec(Window(60_000, 60))
    asked, until = 0, time.monotonic() + 1.0
    while time.monotonic() < until:
        async with worker.turn(of, KEY):
            asked += 1
        await asyncio.sleep(0.002)
    assert asked > 100
    assert await conn.fetchval("SELECT last_value FROM public.writes") <= 12


async def test_credentials_do_not_share_and_settings_override(db_url: str, pool: Pool) -> None:
    # S2.02
    settings = Settings(vendor_limits={"acme.find": VendorLimit(windows=((1, 60.0),))})
    pacer, of = Pacer(pool, settings), spec(Window(1000, 1))
    assert await told(pacer, of) is None
    assert isinstance(await told(pacer, of), VendorBusy)
    async with pacer.turn(of, "another key"):
        pass
    assert await told(pacer, replace(of, operation="other")) is None


@pytest.mark.parametrize("name", ["acme", "acme.find"])
async def test_a_paused_vendor_is_not_asked_and_costs_no_attempt(
    workers: Callable[[], Awaitable[Pacer]], conn: Connection, name: str
) -> None:
    new, old = await workers(), await workers()
    of = spec()
    assert await told(old, of) is None
    async with transaction(new._pool, None, role=DbRole.SYSTEM) as tx:
        await vendors.publish(tx, [VendorOperation(vendor="acme", operation="find", unit="credit")])
        (standing,) = await limits.pause(tx, "vendor", name, reason="the plan is renewed", by="olga")
    assert (standing.held, standing.name) == ("paused", name)
    heard = await told(new, of)  # a new worker may knock at an open breaker, not here
    assert isinstance(heard, VendorBusy)
    assert (heard.code, "olga paused" in heard.detail, (heard.after_s or 0) >= 1) == ("vendor_paused", True, True)
    # One that had permits already knows before they are stale.
    knows_by = time.monotonic() + 4
    while (heard := await told(old, of)) is None:
        assert time.monotonic() < knows_by
    assert isinstance(heard, VendorBusy)
    assert heard.code == "vendor_paused"
    assert await told(new, replace(of, vendor="other", pace=replace(of.pace, name="other"))) is None
    assert await conn.fetchval("SELECT count(*) FROM app.breakers") == 0
    async with transaction(new._pool, None, role=DbRole.SYSTEM) as tx:
        assert await limits.resume(tx, "vendor", name, by="olga") == []
    assert await told(new, of) is None
    assert await told(old, of) is None
