"""What the tests of schedules have in common: the product's clock, a schedule, what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.schedules import CreateSchedule, ScheduleView
from contracts.settings import Settings
from db import schedules
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection


def settings(**changes: Any) -> Settings:
    """Settings that owe nothing to the environment of whoever runs the tests; the daily runner is on."""
    fresh = Settings.model_construct().model_dump()
    return Settings.model_construct(**{**fresh, "discovery_runner_enabled": True, **changes})


#: The shift is read from a row, since a plan that is kept would go on with the constant it was made with.
_CLOCK = (
    "CREATE TABLE IF NOT EXISTS public.clock AS SELECT interval '0' AS shift",
    "GRANT SELECT ON public.clock TO PUBLIC",
    "CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql STABLE PARALLEL SAFE"
    " AS $$ SELECT shift FROM public.clock $$",
)


async def set_clock(conn: Connection, moment: datetime) -> None:
    """Let the product's clock show `moment` now, and go on from there (law 8): only the owner can."""
    if await conn.fetchval("SELECT to_regclass('public.clock') IS NULL"):
        for statement in _CLOCK:
            await conn.execute(statement)
    await conn.execute("UPDATE public.clock SET shift = $1::timestamptz - clock_timestamp()", moment)


async def make(pool: Pool, tenant: UUID, cron: str, name: str = "morning", **given: Any) -> ScheduleView:
    body = CreateSchedule.model_validate({"name": name, "kind": "discovery", "cron": cron, **given})
    role = DbRole.SYSTEM if given.get("kind") in ("cleanup", "opportunities") else DbRole.APP
    async with transaction(pool, tenant, role=role) as tx:
        return await schedules.create(tx, tenant, body, by="tests")


async def fires(conn: Connection, schedule_id: UUID) -> list[tuple[datetime, str, str | None]]:
    """(due, outcome, reason), oldest first."""
    rows = await conn.fetch(
        "SELECT due_at, outcome, reason FROM app.schedule_fires WHERE schedule_id = $1 ORDER BY due_at", schedule_id
    )
    return [(row["due_at"], row["outcome"], row["reason"]) for row in rows]
