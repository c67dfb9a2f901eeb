"""What the commands that look into the database have in common: reaching it, printing answers, ending on errors."""

from __future__ import annotations

import asyncio
import getpass
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import asyncpg
import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from contracts.errors import HeadwaterError, Invalid, NotFound
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from db import inspection, queue, tenants
from db.address import database_url
from db.pool import open_pool
from db.transaction import DbRole, Pool, Tx, transaction

T = TypeVar("T")

TenantOption = Annotated[str | None, typer.Option("--tenant", help="Slug of one tenant; absent: all of them.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
#: Characters in a line, more than any row has.
UNCUT = 10_000
SinceOption = Annotated[
    datetime | None, typer.Option("--since", help="UTC, that moment included, e.g. 2026-01-31T06:00:00.")
]
UntilOption = Annotated[datetime | None, typer.Option("--until", help="UTC, that moment not included.")]
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_OLDEST_S = 100 * 365 * 86_400.0


def run(work: Callable[[Pool, Settings], Awaitable[T]]) -> T:
    """Run `work` on a pool of the database in use; a refusal is printed and ends the process (`exit_status`)."""

    async def opened() -> T:
        settings = Settings()
        url = database_url(settings)
        pool = await open_pool(url, name="headwater-cli", size=1, command_timeout_s=settings.db_command_timeout_s * 10)
        try:
            return await work(pool, settings)
        finally:
            await pool.close()

    try:
        return asyncio.run(opened())
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.InvalidParameterValueError) as error:
        typer.echo(f"not_migrated: {error}; run `headwater db migrate`", err=True)
        raise typer.Exit(1) from error
    except HeadwaterError as error:
        typer.echo(f"{error.code}: {error.detail}", err=True)
        raise typer.Exit(exit_status(error)) from error


def exit_status(error: HeadwaterError) -> int:
    """2: what was typed makes no sense, correct it. 1: it does, and was refused or failed."""
    return 2 if isinstance(error, Invalid) else 1


def ask(work: Callable[[Tx, list[UUID], Settings], Awaitable[T]], tenant: str | None) -> T:
    """Run `work` in one transaction as system, with the tenants to look at: the one named, or all."""

    async def with_pool(pool: Pool, settings: Settings) -> T:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            return await work(tx, await _tenants(tx, tenant), settings)

    return run(with_pool)


def as_owner(slug: str | None, work: Callable[[Tx, UUID], Awaitable[T]], *, or_system: bool = False) -> T:
    """Run `work` in one transaction of the tenant named, else of the default one, which is made on first use as the API does.

    `or_system`: the reserved tenant `system` may be named too.
    """

    async def with_pool(pool: Pool, settings: Settings) -> T:
        if slug is None:
            owner = (await tenants.ensure_default(pool, settings)).id
        else:
            async with transaction(pool, None) as tx:
                found = await tenants.by_slug(tx, slug)
            if found is None or (found.id == SYSTEM_TENANT and not or_system):
                raise NotFound(f"there is no tenant {slug!r} of its own: `headwater tenants list` shows them")
            owner = found.id
        async with transaction(pool, owner) as tx:
            return await work(tx, owner)

    return run(with_pool)


def wake_dispatchers() -> None:
    """After the commit of anything that emitted an event; without it they look by themselves within 5 s."""

    async def work(pool: Pool, _: Settings) -> None:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)

    run(work)


async def _tenants(tx: Tx, slug: str | None) -> list[UUID]:
    if slug is None:
        return await inspection.all_tenants(tx)
    found = await tenants.by_slug(tx, slug)
    if found is None:
        raise NotFound(f"there is no tenant {slug!r}: `headwater tenants list` shows them")
    return [found.id]


def age_s(text: str | None) -> float | None:
    """Seconds in an age such as 90, 90s, 15m, 2h or 7d. Raises: typer.BadParameter."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no age: write 90s, 15m, 2h or 7d")
    seconds = float(match[1]) * _UNITS_S[match[2] or "s"]
    if seconds > _OLDEST_S:
        raise typer.BadParameter(f"{text!r} is more than a hundred years: leave the option out")
    return seconds


def utc(moment: datetime | None) -> datetime | None:
    """A moment typed without a zone is UTC, as the times that are printed are."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def operator() -> str:
    """Who stands in the audit log for a command."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


def print_json(answer: BaseModel) -> None:
    typer.echo(answer.model_dump_json(indent=2))


def print_table(rows: Sequence[BaseModel], columns: Sequence[str], *, empty: str) -> None:
    """One line a row; `empty` is said when there is none."""
    if not rows:
        typer.echo(empty)
        return
    # Ids are there to be copied: no terminal or pipe is narrow enough to cut them.
    console = Console(width=UNCUT)
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_cell(getattr(row, column)) for column in columns))
    console.print(table, soft_wrap=True)


def print_fields(answer: BaseModel, fields: Sequence[str]) -> None:
    """`name  value`, one a line, without what is empty."""
    width = max(len(field) for field in fields)
    for field in fields:
        value = getattr(answer, field)
        if value not in (None, [], {}, ""):
            typer.echo(f"{field:<{width}}  {_cell(value)}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict) and all(isinstance(each, int | str) for each in value.values()):
        return ", ".join(f"{name} {each}" for name, each in value.items())[:200]
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return ", ".join(value)[:200]
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d %H:%M:%S"))
    return str(value).replace("\n", " ")[:200]
