"""What every machine stands on: one migrated database, one event loop, and a clock that stands still until a rule moves it.

Frozen time makes examples repeatable: what is due depends on the rules chosen, never on how fast the machine is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

import asyncpg
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from contracts.outbox import Verification
from db import tenants, verification
from db.pool import open_pool, prepare
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection

T = TypeVar("T")
_CLOCK = (
    "CREATE OR REPLACE FUNCTION app.now() RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE"
    " AS $$ BEGIN RETURN timestamptz '2031-05-15 12:00:00+00' + {seconds} * interval '1 second'; END $$"
)
#: Children before parents.
_TABLES = (
    *("queue.procrastinate_jobs", "app.absorbed_events", "app.job_attempts", "app.dead_letters", "app.job_executions"),
    *("app.outbox_events", "app.outbox_history", "app.run_vendor_items", "app.vendor_items", "app.vendor_calls"),
    *("app.budget_counters", "app.budgets", "app.alerts"),
    *(
        "app.source_records",
        "app.leads",
        "app.contacts",
        "app.entity_keys",
        "app.companies",
        "app.run_slices",
        "app.runs",
    ),
    *("app.pauses", "app.audit_log", "app.idempotency_keys", "app.workers"),
)


class Ground:
    """`run` does asynchronous work from a machine's rules; `clock_s` is how far the clock has been moved."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self.url = url
        self.clock_s = 0.0
        self.pool: Pool = self.run(open_pool(url, name="tests", size=4))
        self.login: Connection = self.run(self._log_in())

    async def _log_in(self) -> Connection:
        login = await asyncpg.connect(self.url)
        await prepare(login)
        # The rescue judges nobody right after a start of the server.
        await login.execute(
            "SELECT pg_sleep(greatest(0, extract(epoch FROM pg_postmaster_start_time() - clock_timestamp()) + 1))"
        )
        return login

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self.login.close())
        self.pool.terminate()
        self._runner.close()

    def clear(self) -> None:
        """Nothing ever happened."""
        self.run(self.login.execute("; ".join(f"DELETE FROM {table}" for table in _TABLES)))
        self.set_clock(0.0)

    def set_clock(self, seconds: float) -> None:
        self.clock_s = seconds
        self.run(self.login.execute(_CLOCK.format(seconds=seconds)))

    def rows(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        """Rows as the login user, who sees all tenants."""
        return [dict(row) for row in self.run(self.login.fetch(query, *arguments))]

    def value(self, query: str, *arguments: Any) -> Any:
        return self.run(self.login.fetchval(query, *arguments))

    def tenant(self) -> UUID:
        """A new tenant."""

        async def make() -> UUID:
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                return (await tenants.create(tx, f"t-{uuid4().hex[:12]}", by="tests")).id

        return self.run(make())

    def proof(self) -> Verification:
        """What `outbox verify` says about everybody."""

        async def prove() -> Verification:
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                return await verification.verify(tx, None, await verification.check_deliveries(tx, None))

        return self.run(prove())


def same(found: Iterable[dict[str, Any]], expected: Iterable[tuple[object, ...]]) -> None:
    """Rows are as expected, in whatever order; says which are not."""
    have, want = {tuple(row.values()) for row in found}, set(expected)
    assert have == want, f"found {have - want}, expected {want - have}"


@contextmanager
def ground_at(url: str) -> Iterator[Ground]:
    made = Ground(url)
    try:
        yield made
    finally:
        made.close()


#: The same few examples every time, for the quick suite; `thorough` draws new ones and prints how to repeat a failure.
def quick(examples: int, steps: int) -> settings:
    return settings(_settings(examples, steps), derandomize=True)


def thorough(examples: int, steps: int) -> settings:
    return settings(_settings(examples, steps), print_blob=True)


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.normal,
        phases=[Phase.generate, Phase.shrink],
    )


def explore(machine: Callable[[Ground], RuleBasedStateMachine], ground: Ground, how: settings) -> None:
    """Run a machine; a failure shows the shortest life that breaks it, as a program."""
    run_state_machine_as_test(cast(type[RuleBasedStateMachine], lambda: machine(ground)), settings=how)
