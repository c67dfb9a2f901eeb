"""What each law costs: the same jobs and events with one law after the other, in microseconds of worker and server.

The laws are left out here, by statements and bodies of the bench's own; the product has no switches for them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from contracts.events import Probed, parse
from contracts.jobs import QUEUES, Job
from db import bench_ablation, jobs, outbox, queue
from db.ids import new_id
from db.outbox import Claimed
from db.transaction import DbRole, Pool, Tx, transaction
from worker.activities import ACTIVITIES
from worker.bench import floor
from worker.bench.cpu import Rate, spent
from worker.bench.figures import dispatch as dispatch_figure
from worker.bench.figures import drain as drain_figure
from worker.bench.figures import hand_off_all, work_off
from worker.bench.ground import Ground, empty, fill, settle
from worker.context import Context
from worker.perform import Activity
from worker.pipeline import jobs_for
from worker.queue.pool import Line, open_queue_pool

CONCURRENCY, BATCH, EVENTS = 50, 50, 500
#: At scale 1: jobs of a drain, framed jobs, events of a dispatch.
DRAINED, FRAMED, DISPATCHED = 20_000, 6_000, 20_000
#: What each step is, in order: each has what stands before it as well.
Step = tuple[str, Callable[[Ground, float], Awaitable[Rate]]]
Say = Callable[[str, Rate], None]


async def measure(on: Ground, scale: float, say: Say) -> dict[str, dict[str, Rate]]:
    """Rates by ladder and step, once through all of them."""
    found: dict[str, dict[str, Rate]] = {}
    for ladder, steps in LADDERS.items():
        for name, step in steps:
            await empty(on)
            found.setdefault(ladder, {})[name] = rate = await step(on, scale)
            say(f"{ladder}: {name}", rate)
    await empty(on)
    return found


def report(runs: Sequence[Mapping[str, Mapping[str, Rate]]]) -> dict[str, list[dict[str, Any]]]:
    """Medians of the repetitions, and what each step adds to the one before it, in microseconds."""
    laid: dict[str, list[dict[str, Any]]] = {}
    for ladder, steps in LADDERS.items():
        before = (0.0, 0.0)
        for name, _ in steps:
            seen = [run[ladder][name] for run in runs]
            worker = statistics.median(rate.worker_us for rate in seen)
            server = statistics.median(rate.server_us or 0.0 for rate in seen)
            laid.setdefault(ladder, []).append(
                {
                    "step": name,
                    "per_s": round(statistics.median(rate.per_s for rate in seen)),
                    "worker_us": round(worker, 1),
                    "server_us": round(server, 1),
                    "adds_worker_us": round(worker - before[0], 1),
                    "adds_server_us": round(server - before[1], 1),
                }
            )
            before = (worker, server)
    return laid


def table(laid: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """The report as lines of Markdown."""
    rows = [
        f"| {ladder}: {s['step']} | {s['per_s']:,} | {s['worker_us']:.0f} + {s['server_us']:.0f} "
        f"| {s['adds_worker_us']:+.0f} | {s['adds_server_us']:+.0f} |"
        for ladder, steps in laid.items()
        for s in steps
    ]
    return [
        "| step | a second | us each, worker + server | adds to the worker | adds to the server |",
        "|---|---|---|---|---|",
        *rows,
    ]


# -- drain


async def _bare(on: Ground, scale: float) -> Rate:
    return await floor.drain(on.url, int(DRAINED * scale), on.server, batch=BATCH)


async def _rows(on: Ground, scale: float) -> Rate:
    """One statement to take and one to end a batch, on the queue's table as it is."""
    many = int(DRAINED * scale)
    async with transaction(on.pool, None, role=DbRole.SYSTEM) as tx:
        await bench_ablation.queue_rows(tx, on.tenants[0], many)
    await settle(on)

    async def turn(tx: Tx) -> int:
        rows = await bench_ablation.take_rows(tx, QUEUES, BATCH)
        if rows:
            await bench_ablation.end_rows(tx, rows)
        return len(rows)

    return await _over_a_line(on, many, turn)


async def _executions(on: Ground, scale: float) -> Rate:
    """The product's two statements, one after the other, and nothing that runs in between."""
    many = await _queued(on, int(DRAINED * scale))

    async def turn(tx: Tx) -> int:
        taken = await queue.fetch(tx, 1, QUEUES, BATCH)
        if taken:
            await queue.finish(tx, taken)
        return len(taken)

    return await _over_a_line(on, many, turn)


async def _over_a_line(on: Ground, many: int, turn: Callable[[Tx], Awaitable[int]]) -> Rate:
    pool = await open_queue_pool(on.url)
    line = Line(pool)
    try:
        began = time.perf_counter()
        with spent(on.server) as used:
            while await turn(await line.take()):
                pass
        return Rate.of(many, time.perf_counter() - began, used)
    finally:
        await line.give_back()
        await pool.close()


async def _queued(on: Ground, many: int, *, framed: bool = False) -> int:
    """Jobs that stand in the queue; gives how many."""
    many = max(1, many // len(on.tenants)) * len(on.tenants)
    await fill(on, many, framed=framed)
    await hand_off_all(on)
    await settle(on)
    return many


async def _worker(on: Ground, scale: float) -> Rate:
    return await drain_figure(on, int(DRAINED * scale), CONCURRENCY)


# -- framed


def _body(run: Callable[[Context, Any], Awaitable[None]]) -> Callable[[Ground, float], Awaitable[Rate]]:
    """Jobs in the product's frame whose body is `run`."""

    async def step(on: Ground, scale: float) -> Rate:
        many = await _queued(on, int(FRAMED * scale), framed=True)
        bodies = {**ACTIVITIES, "probe.run": Activity(run, ACTIVITIES["probe.run"].stopped)}
        return await work_off(on, many, CONCURRENCY, framed=True, activities=bodies)

    return step


class _unwalled(transaction):  # noqa: N801 - used as `transaction` is
    """A transaction of the login user: no role, no tenant, no policies."""

    __slots__ = ()

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool, None, read_only=True)
        self._opening = "BEGIN READ ONLY"


async def _nothing(_ctx: Context, _args: Any) -> None:
    return None


async def _load_unwalled(ctx: Context, _args: Any) -> None:
    async with _unwalled(ctx.pool) as tx:
        await jobs.where_it_stands(tx, ctx.tenant, ctx.delivery.execution_id)


async def _load(ctx: Context, _args: Any) -> None:
    async with ctx.read() as tx:
        await jobs.where_it_stands(tx, ctx.tenant, ctx.delivery.execution_id)


async def _write(ctx: Context, args: Any) -> None:
    await _load(ctx, args)
    async with ctx.write():
        pass


async def _emit(ctx: Context, args: Any) -> None:
    await _load(ctx, args)
    async with ctx.write() as tx:
        await outbox.emit(tx, ctx.tenant, Probed(probe_id=new_id()), correlation_id=ctx.delivery.correlation_id)


# -- dispatch


def _moved(hand_off: Callable[[Tx, list[Claimed]], Awaitable[None]]) -> Callable[[Ground, float], Awaitable[Rate]]:
    """Batches claimed as the product does, and handed off by `hand_off`, one after the other."""

    async def step(on: Ground, scale: float) -> Rate:
        many = int(DISPATCHED * scale) // len(on.tenants) * len(on.tenants)
        await fill(on, many)
        await settle(on)
        began = time.perf_counter()
        with spent(on.server) as used:
            left = many
            while left > 0:
                async with transaction(on.dispatch_pool, None, role=DbRole.SYSTEM) as tx:
                    claimed = await outbox.claim(tx, batch=EVENTS, tenant_buffer=None)
                    await hand_off(tx, claimed)
                left -= len(claimed)
        return Rate.of(many, time.perf_counter() - began, used)

    return step


async def _gone(tx: Tx, claimed: list[Claimed]) -> None:
    await bench_ablation.move(tx, claimed, keep=False)


async def _kept(tx: Tx, claimed: list[Claimed]) -> None:
    await bench_ablation.move(tx, claimed, keep=True)


def _routed(claimed: list[Claimed]) -> list[tuple[Claimed, Job]]:
    found = []
    for event in claimed:
        found += [
            (event, job) for job in jobs_for(parse(event.type, event.version, event.payload)) if isinstance(job, Job)
        ]
    return found


async def _checked(tx: Tx, claimed: list[Claimed]) -> None:
    _routed(claimed)
    await _kept(tx, claimed)


async def _made(tx: Tx, claimed: list[Claimed]) -> None:
    await bench_ablation.make(tx, _routed(claimed))


async def _one_lane(on: Ground, scale: float) -> Rate:
    return await dispatch_figure(on, int(DISPATCHED * scale))


LADDERS: Mapping[str, Sequence[Step]] = {
    "drain": (
        (f"bare batches of {BATCH}", _bare),
        ("+ Procrastinate's rows, indexes and order", _rows),
        ("+ executions and tokens", _executions),
        ("+ worker: slots, tasks, heartbeat, overlap", _worker),
        ("+ frame: contract, log context, timeout, verdict", _body(_nothing)),
    ),
    "framed": (
        ("a job in its frame", _body(_nothing)),
        ("+ load transaction", _body(_load_unwalled)),
        ("+ role, tenant and policies", _body(_load)),
        ("+ write transaction with its fence", _body(_write)),
        ("+ next event", _body(_emit)),
    ),
    "dispatch": (
        ("claim in turns, delete", _moved(_gone)),
        ("+ history", _moved(_kept)),
        ("+ contract and routing", _moved(_checked)),
        ("+ executions", _moved(_made)),
        ("+ rows of the queue", _one_lane),
    ),
}
