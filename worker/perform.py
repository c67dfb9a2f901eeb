"""The frame around each job: contract, log context, timeout, verdict, and an end for every attempt."""

from __future__ import annotations

import asyncio
import contextlib
import random
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from contracts.errors import HeadwaterError, Unavailable
from contracts.jobs import JOBS, JobSpec, Payload, arguments
from contracts.settings import Settings
from contracts.sites import SiteCrawler
from contracts.texts import storable
from db import jobs, outbox, spans
from db.jobs import Fenced
from db.queue import Delivery
from db.transaction import CONNECTION_ERRORS, Pool, Tx, transaction
from worker import verdict
from worker.context import Context, Ports, RunOver, Stopped
from worker.pace import Pacer
from worker.patience import Seats

log = structlog.get_logger("worker")

#: SQLSTATE classes that say "the server, now", not "this statement": they retry.
_TRANSIENT = ("08", "40", "53", "55", "57")


@dataclass(frozen=True, slots=True)
class Activity:
    """A job's body and the hook that tells its run when the job is given up."""

    run: Callable[[Context, Any], Awaitable[None]]
    stopped: Callable[[Tx, UUID, Payload, Stopped], Awaitable[None]]


@dataclass(slots=True)
class Performer:
    """Runs deliveries. `wake` tells the dispatcher that events were committed."""

    pool: Pool
    settings: Settings
    ports: Ports
    activities: Mapping[str, Activity]
    wake: Callable[[], None]
    pacer: Pacer | None = None
    crawler: SiteCrawler | None = None
    seats: Seats = field(init=False)

    def __post_init__(self) -> None:
        self.seats = Seats(self.settings.worker_concurrency)

    async def __call__(self, delivery: Delivery) -> None:
        """Perform one delivery. Every way out settles the execution, or leaves it to the batch finish as done."""
        if delivery.job is None:
            return
        spec = JOBS.get(delivery.job)
        bound = structlog.contextvars.bind_contextvars(
            job=delivery.job,
            executionId=str(delivery.execution_id),
            correlationId=str(delivery.correlation_id or delivery.execution_id),
            runId=str(delivery.run_id) if delivery.run_id else None,
        )
        try:
            carried = await self._carried(delivery) if spans.tracer.on else {}
            with spans.tracer.attempt(delivery, carried):
                await self._attempt(spec, delivery)
        finally:
            structlog.contextvars.reset_contextvars(**bound)

    async def _carried(self, d: Delivery) -> dict[str, str]:
        """The headers of the event this job follows from. Without them its trace begins here; the work goes on all the same."""
        if d.event_id is None:
            return {}
        with contextlib.suppress(Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError):
            async with transaction(self.pool, d.tenant_id, read_only=True) as tx:
                return await outbox.carried(tx, d.tenant_id, d.event_id)
        return {}

    async def _attempt(self, spec: JobSpec | None, delivery: Delivery) -> None:
        try:
            args = arguments(delivery.job or "", delivery.payload)
            assert spec is not None
            if delivery.cancelled:
                raise RunOver
            with self.seats.attempt(spec.timeout_s) as patience:
                context = Context(
                    self.pool, self.settings, self.ports, delivery, self.wake, self.pacer, self.crawler, patience
                )
                try:
                    async with asyncio.timeout(spec.timeout_s):
                        await self.activities[spec.name].run(context, args)
                finally:
                    if context.spoke is not None:
                        await _last_word(context)
        except Fenced:
            await self._insist(lambda: self._fenced(delivery))
        except RunOver:
            await self._insist(lambda: self._cancelled(delivery))
        except asyncio.CancelledError:
            if delivery.abort == "cancel":
                await self._insist(lambda: self._cancelled(delivery))
            else:
                await self._insist(
                    lambda: self._put_off(delivery, 0.0, False, InterruptedError("the worker is stopping"), "snoozed")
                )
            if delivery.abort is None:
                raise
        except Exception as error:
            await self._judge(spec, delivery, error)

    async def _judge(self, spec: JobSpec | None, delivery: Delivery, error: Exception) -> None:
        if delivery.settled:
            spans.tracer.ended("broken", _class(error))
            log.error("job_failed_after_commit", exc_info=error)
            return
        error = _translated(error)
        policy = spec.retry if spec else JOBS["discovery.run"].retry
        decided = verdict.of(error, policy, delivery.failures, random.random())  # noqa: S311
        if isinstance(decided, verdict.Retry):
            outcome: jobs.Outcome = (
                "timeout" if isinstance(error, TimeoutError) else "failed" if decided.counts else "snoozed"
            )
            log.warning(
                "job_put_off",
                error=str(error),
                errorClass=_class(error),
                afterS=round(decided.after_s, 3),
                outcome=outcome,
            )
            await self._insist(lambda: self._put_off(delivery, decided.after_s, decided.counts, error, outcome))
        else:
            (log.exception if decided.bug else log.error)(
                "job_gave_up", error=str(error), errorClass=_class(error), reason=decided.reason
            )
            await self._insist(lambda: self._give_up(delivery, error))

    async def _put_off(
        self, d: Delivery, after_s: float, counts: bool, error: BaseException, outcome: jobs.Outcome
    ) -> None:
        async with transaction(self.pool, d.tenant_id) as tx:
            ours = await jobs.put_off(
                tx,
                d.tenant_id,
                d.execution_id,
                d.token,
                outcome=outcome,
                counts=counts,
                delay_s=after_s,
                error_class=_class(error),
                error=_words(error),
                traceback=_trace(error) if counts else None,
                correlation_id=d.correlation_id,
            )
            late = [] if ours else await jobs.came_back(tx, [d.attempt])
        _say_fenced(d, late, "put_off")
        d.settled = True
        spans.tracer.ended(outcome if ours else "fenced", _class(error))
        self.wake()

    async def _give_up(self, d: Delivery, error: Exception) -> None:
        await self._end(d, Stopped("dead", _class(error), _words(error)), _trace(error))

    async def _fenced(self, d: Delivery) -> None:
        """Another attempt owns it: nothing to write. Or it was cancelled meanwhile: then say so."""
        async with transaction(self.pool, d.tenant_id) as tx:
            standing = await jobs.where_it_stands(tx, d.tenant_id, d.execution_id)
            late = await jobs.came_back(tx, [d.attempt])
        if standing is not None and standing[2] and standing[1] == d.token:
            await self._cancelled(d)
            return
        spans.tracer.ended("fenced")
        log.info("job_fenced", stands=standing and standing[0])
        _say_fenced(d, late, "write")
        d.settled = True

    async def _cancelled(self, d: Delivery) -> None:
        await self._end(d, Stopped("cancelled", "cancelled", "cancelled"), None)

    async def _end(self, d: Delivery, stopped: Stopped, trace: str | None) -> None:
        try:
            await self._end_and(d, stopped, trace, tell_run=True)
        except (Unavailable, *CONNECTION_ERRORS):
            raise
        except Exception as error:
            if isinstance(error, asyncpg.PostgresError) and _is_transient(error):
                raise
            await self._unheard(d, stopped, error)

    async def _end_and(self, d: Delivery, stopped: Stopped, trace: str | None, *, tell_run: bool) -> None:
        async with transaction(self.pool, d.tenant_id) as tx:
            ours = await jobs.end(
                tx, d.tenant_id, d.execution_id, d.token,
                state="cancelled" if stopped.state == "cancelled" else "dead",
                error_class=stopped.error_class, error=stopped.error, traceback=trace,
            )  # fmt: skip
            if ours and tell_run:
                await tell(self.activities, tx, d.tenant_id, d.job or "", d.payload, stopped)
            late = [] if ours else await jobs.came_back(tx, [d.attempt])
        _say_fenced(d, late, "end")
        d.settled = True
        spans.tracer.ended(stopped.state, stopped.error_class)
        self.wake()

    async def _unheard(self, d: Delivery, stopped: Stopped, error: Exception) -> None:
        """Its run could not be told that it was given up. That is tried as often as the job may be, then it ends without."""
        spec = JOBS.get(d.job or "")
        policy = spec.retry if spec else JOBS["discovery.run"].retry
        last = d.failures + 1 >= policy.max_attempts
        log.exception("stop_hook_failed", error=str(error), errorClass=_class(error), last=last)
        if last:
            words = storable(f"{stopped.error[:1500]}; and its run could not be told: {_words(error)}")
            await self._end_and(d, Stopped("dead", "stop_hook_failed", words), _trace(error), tell_run=False)
        else:
            after_s = verdict.backoff_s(policy, d.failures, random.random())  # noqa: S311
            await self._put_off(d, after_s, True, error, "failed")

    async def _insist(self, end: Callable[[], Awaitable[None]]) -> None:
        """An attempt must end in the database. While that is away, wait for it: nothing else can be true meanwhile."""
        pause = 0.1
        while True:
            try:
                return await end()
            except (Unavailable, *CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                if isinstance(error, asyncpg.PostgresError) and not _is_transient(error):
                    raise
                log.warning("job_end_delayed", error=str(error), retryInS=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)


def _say_fenced(d: Delivery, late: list[jobs.Late], at: str) -> None:
    """We had been taken for dead, and another attempt has the job. `job_attempts.fenced_at` says so too."""
    for each in late:
        log.warning("attempt_fenced", token=d.token, at=at, next_step=each.next_step)


async def tell(
    activities: Mapping[str, Activity], tx: Tx, tenant: UUID, job: str, payload: Mapping[str, object], stopped: Stopped
) -> None:
    """Tell a job's run that it was given up, in the transaction that gives it up. Arguments that fit no contract have no run."""
    activity = activities.get(job)
    if activity is None:
        return
    try:
        args = arguments(job, payload)
    except HeadwaterError:
        log.exception("unreadable_arguments")
        return
    await activity.stopped(tx, tenant, args, stopped)


async def _last_word(context: Context) -> None:
    """However the attempt ended: what it has not written yet is what the next one begins with. It is worth one try."""
    speaker = context.spoke
    if speaker is None or speaker.left is None or context.delivery.settled:
        return
    try:
        await speaker.flush()
    except (Fenced, HeadwaterError, *CONNECTION_ERRORS, asyncpg.PostgresError) as error:
        log.warning("progress_not_kept", errorClass=_class(error))


def _is_transient(error: asyncpg.PostgresError) -> bool:
    return (error.sqlstate or "")[:2] in _TRANSIENT


def _translated(error: Exception) -> Exception:
    """Give database errors the name of the catcher's next move."""
    if isinstance(error, asyncpg.PostgresError) and not _is_transient(error):
        return error
    if isinstance(
        error, asyncpg.PostgresError | asyncpg.InterfaceError | asyncpg.InternalClientError | ConnectionError
    ):
        translated = Unavailable(f"the database faltered: {error}", after_s=0.2)
        translated.__cause__ = error
        return translated
    return error


def _words(error: BaseException) -> str:
    return storable(str(error) or type(error).__name__)


def _trace(error: BaseException) -> str:
    return storable("".join(traceback.format_exception(error))[-20000:], 20000)


def _class(error: BaseException) -> str:
    return storable(
        error.code
        if isinstance(error, HeadwaterError)
        else "timeout"
        if isinstance(error, TimeoutError)
        else type(error).__name__,
        100,
    )
