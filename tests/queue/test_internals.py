"""What the worker leans on inside Procrastinate. Red after an upgrade? Read worker/queue again before changing this."""

from __future__ import annotations

import asyncio
import inspect
from importlib import metadata

import procrastinate
import pytest
from procrastinate import connector, exceptions, job_context, jobs, manager, signals, types, utils
from procrastinate.worker import Worker

from contracts.jobs import JOBS
from worker.queue.app import build_app
from worker.queue.worker import BatchWorker


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_the_pinned_minor_is_installed() -> None:
    assert metadata.version("procrastinate").startswith("3.10.")


@pytest.mark.parametrize(
    ("name", "expected", "is_async"),
    [
        ("_fetch_and_process_jobs", ["self"], True),
        ("_poll_jobs_to_abort", ["self"], True),
        ("_start_side_tasks", ["self"], False),
        ("_monitor_side_tasks", ["self", "side_tasks"], True),
        ("_shutdown", ["self", "side_tasks"], True),
        ("_run_loop", ["self"], True),
        ("run", ["self"], True),
        ("stop", ["self"], False),
    ],
)
def test_methods_we_override_or_count_on(name: str, expected: list[str], is_async: bool) -> None:
    ours, theirs = getattr(BatchWorker, name), getattr(Worker, name)
    assert parameters(theirs) == expected
    assert parameters(ours) == expected
    assert inspect.iscoroutinefunction(theirs) is is_async


async def test_attributes_the_loop_reads() -> None:
    worker = Worker(app=procrastinate.App(connector=connector.BaseAsyncConnector()), concurrency=3)
    assert isinstance(worker._stop_event, asyncio.Event)
    assert isinstance(worker._new_job_event, asyncio.Event)
    assert worker._loop is None
    assert worker.worker_id is None
    assert worker.concurrency == 3


@pytest.mark.parametrize(
    "words",
    [
        # The order of run(): the registry's methods, then the loop, whose end is awaited when run() is cancelled.
        ["_stop_event.clear()", "prune_stalled_workers", "register_worker", "self._run_loop()", "asyncio.shield"],
    ],
)
def test_run_does_what_we_rely_on_in_order(words: list[str]) -> None:
    source = inspect.getsource(Worker.run)
    places = [source.index(word) for word in words]
    assert places == sorted(places)


def test_the_outer_loop_waits_for_wake_up_poll_or_stop() -> None:
    source = inspect.getsource(Worker._run_loop)
    for words in (
        "self._start_side_tasks()",
        "self._monitor_side_tasks(side_tasks)",
        "self._new_job_event.wait()",
        "asyncio.sleep(self.fetch_job_polling_interval)",
        "await self._shutdown(side_tasks=side_tasks)",
        "signals.on_stop(self.stop)",
    ):
        assert words in source, words
    assert callable(signals.on_stop)


def test_the_manager_can_be_replaced() -> None:
    assert parameters(manager.JobManager.__init__) == ["self", "connector"]
    assert parameters(manager.JobManager.register_worker) == ["self"]
    assert parameters(manager.JobManager.unregister_worker) == ["self", "worker_id"]
    assert parameters(manager.JobManager.prune_stalled_workers) == ["self", "seconds_since_heartbeat"]
    assert manager.QUEUEING_LOCK_CONSTRAINT == "procrastinate_jobs_queueing_lock_idx_v1"


def test_the_connectors_methods_are_the_ones_we_give() -> None:
    wanted = {name for name in vars(connector.BaseAsyncConnector) if not name.startswith("_")}
    assert wanted == {
        "open_async",
        "close_async",
        "execute_query_async",
        "execute_query_one_async",
        "execute_query_all_async",
        "execute_query",
        "execute_query_one",
        "execute_query_all",
        "execute_query_one_with_connection",
        "execute_query_all_with_connection",
        "listen_notify",
    }
    assert parameters(connector.BaseAsyncConnector.listen_notify) == ["self", "on_notification", "channels"]


def test_values_we_build_have_the_fields_we_fill() -> None:
    assert {"id", "queue", "lock", "queueing_lock", "task_name", "attempts"} <= set(parameters(jobs.Job))
    wanted = {"app", "worker_name", "worker_queues", "additional_context", "job", "start_timestamp", "abort_reason"}
    assert wanted <= set(parameters(job_context.JobContext))
    assert {reason.name for reason in job_context.AbortReason} == {"USER_REQUEST", "SHUTDOWN"}
    fields = ["queue_name", "task_name", "priority", "lock", "queueing_lock", "args", "scheduled_at"]
    assert list(inspect.get_annotations(types.JobToDefer)) == fields
    assert parameters(exceptions.UniqueViolation) == ["args", "constraint_name", "queueing_lock"]
    assert inspect.iscoroutinefunction(utils.wait_any)
    assert inspect.iscoroutinefunction(utils.cancel_and_capture_errors)


async def test_every_contracted_job_is_a_task_and_reaches_perform() -> None:
    async def perform(delivery: object) -> None:
        reached.append(delivery)

    reached: list[object] = []
    app = build_app(connector.BaseAsyncConnector(), perform)  # type: ignore[arg-type]
    for name, spec in JOBS.items():
        task = app.tasks[name]
        assert task.queue == spec.queue
        context = job_context.JobContext(
            app=app,
            job=jobs.Job(id=1, queue=spec.queue, lock=None, queueing_lock=None, task_name=name),
            additional_context={"delivery": name},
            start_timestamp=0.0,
            abort_reason=lambda: None,
        )
        await task(context)
    assert reached == list(JOBS)
