"""What operators allow a vendor while workers run: kept by all of them together, beside the vendor's own pace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from pydantic import BaseModel

from contracts.errors import HeadwaterError, Invalid, NotFound, VendorBusy
from contracts.limits import Limit, SetLimit
from contracts.providers import OperationSpec, Pace, Terms, Window
from contracts.settings import Settings
from contracts.vendors import VendorOperation
from db import limited_fetch, limits, vendors
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from tests.worker.test_timetable import most_in_any
from worker import vendor_rules
from worker.pace import Pacer

KEY = "house"
FIND = OperationSpec("acme", "find", BaseModel, Terms.PUBLIC, Pace("acme.find", (Window(1000, 1),), 50), timeout_s=5)
#: Another operation of the same vendor, with a pace of its own.
CHECK = replace(FIND, operation="check", pace=Pace("acme.check", (), 50))
#: And one that shares the pace of the first.
NAME = replace(FIND, operation="name")
Start = Callable[[], Awaitable[Pacer]]


@pytest.fixture
async def start(db_url: str, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Starts workers: a pool and a pacer each, as in a process of its own."""
    monkeypatch.setattr(vendor_rules, "BELIEVED_S", 0.3)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        said = [VendorOperation(vendor="acme", operation=name, unit="credit") for name in ("find", "check", "name")]
        await vendors.publish(tx, said)
    async with AsyncExitStack() as stack:

        async def started() -> Pacer:
            own = await open_pool(db_url, name="headwater test", size=4)
            stack.callback(own.terminate)
            return Pacer(own, Settings(), patience_s=0.4)

        yield started


async def allow(pool: Pool, name: str, **figures: float) -> list[Limit]:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await limits.put(tx, "vendor", name, SetLimit.model_validate(figures), by="olga")


async def told(pacer: Pacer, of: OperationSpec) -> HeadwaterError | None:
    try:
        async with pacer.turn(of, KEY):
            return None
    except HeadwaterError as heard:
        return heard


async def test_a_vendors_rate_is_kept_by_all_workers_over_all_its_operations(pool: Pool, start: Start) -> None:
    # S3.13: two operations whose paces differ, three workers, one limit
    await allow(pool, "acme", per_s=10, burst=4)
    sent: list[float] = []

    async def ask(pacer: Pacer, of: OperationSpec, until: float) -> None:
        while time.monotonic() < until:
            try:
                async with pacer.turn(of, KEY):
                    sent.append(time.monotonic())
            except VendorBusy as busy:
                await asyncio.sleep(min(busy.after_s or 0.0, max(0.0, until - time.monotonic())))

    pacers = [await start() for _ in range(3)]
    until = time.monotonic() + 1.2
    await asyncio.gather(*(ask(pacer, of, until) for pacer in pacers for of in (FIND, CHECK)))
    assert most_in_any(sent, 0.4) <= 4
    assert len(sent) >= 4


async def test_no_more_requests_are_under_way_than_the_vendor_is_allowed(pool: Pool, start: Start) -> None:
    # S3.13
    await allow(pool, "acme", max_running=2)
    now = most = served = 0

    async def ask(pacer: Pacer, of: OperationSpec, until: float) -> None:
        nonlocal now, most, served
        while time.monotonic() < until:
            try:
                async with pacer.turn(of, KEY):
                    now, served = now + 1, served + 1
                    most = max(most, now)
                    await asyncio.sleep(0.01)
                    now -= 1
            except VendorBusy:
                await asyncio.sleep(0.05)

    pacers = [await start() for _ in range(2)]
    until = time.monotonic() + 1.0
    await asyncio.gather(*(ask(pacer, of, until) for pacer in pacers for of in (FIND, CHECK) for _ in range(2)))
    assert 1 <= most <= 2
    assert served > 4
    await asyncio.gather(*(pacer.close() for pacer in pacers))


async def test_workers_learn_of_a_change_within_seconds_and_without_a_restart(pool: Pool, start: Start) -> None:
    # S3.13
    worker = await start()
    for _ in range(5):
        assert await told(worker, FIND) is None
    await allow(pool, "acme.find", per_s=0.01)
    knows_by = time.monotonic() + 2
    while not isinstance(heard := await told(worker, FIND), VendorBusy):
        assert time.monotonic() < knows_by
    assert heard.code == "paced"
    assert await told(worker, NAME) is None, "it shares the pace, and not the limit"
    assert await told(worker, replace(FIND, vendor="other", pace=Pace("other"))) is None
    assert await allow(pool, "acme.find") == []
    knows_by = time.monotonic() + 2
    while await told(worker, FIND) is not None:
        assert time.monotonic() < knows_by


async def test_who_waits_in_line_already_is_held_to_the_new_limit(pool: Pool, start: Start) -> None:
    worker = await start()
    tight = replace(FIND, pace=Pace("acme.find", (), 1))
    begun: list[float] = []

    async def wait() -> None:
        async with worker.turn(tight, KEY, patience_s=2):
            begun.append(time.monotonic())

    async with worker.turn(tight, KEY):
        waiting = [asyncio.create_task(wait()) for _ in range(3)]
        await allow(pool, "acme", per_s=0.01)
        await asyncio.sleep(worker._rules._until - time.monotonic())  # what it read before is believed so long
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert len(begun) <= 1
    assert sum(isinstance(each, VendorBusy) for each in ended) >= 2


async def test_a_limit_never_loosens_the_vendors_own_pace(pool: Pool, start: Start) -> None:
    await allow(pool, "acme.find", per_s=1000, max_running=1000)
    worker, slow = await start(), replace(FIND, pace=Pace("acme.find", (Window(1, 60),), 1))
    assert await told(worker, slow) is None
    assert isinstance(await told(worker, slow), VendorBusy)
    assert await told(worker, CHECK) is None


async def test_a_vendors_limit_is_shown_and_slows_down_no_fetch_of_jobs(pool: Pool, start: Start) -> None:
    (made,) = await allow(pool, "acme", per_s=2.5, max_running=3)
    assert (made.scope, made.name, made.max_running, made.per_s, made.burst, made.held) == (
        "vendor", "acme", 3, 2.5, 3, None,
    )  # fmt: skip
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        assert not await limited_fetch.stands(tx)
        (paused,) = await limits.pause(tx, "vendor", "acme", reason="the plan is renewed", by="olga")
        (going,) = await limits.resume(tx, "vendor", "acme", by="olga")
    assert (paused.held, going.held, going.max_running) == ("paused", None, 3)
    with pytest.raises(NotFound, match="headwater vendors list"):
        await allow(pool, "nobody", per_s=1)
    with pytest.raises(Invalid, match="budgets"):
        await allow(pool, "acme", per_s=0.0001, burst=1000)
