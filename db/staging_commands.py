"""`headwater staging`: import, pull, status, for whoever may read the database's URL."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from contracts.runs import RunStatus, RunView
from contracts.settings import Settings
from contracts.staging import StagingImport, StagingStatus, Tally
from contracts.tenants import SYSTEM_TENANT
from db import queue, runs, staging, staging_files
from db.terminal import JsonOption, operator, print_fields, print_json, print_table, run
from db.transaction import DbRole, Pool, transaction

staging_app = typer.Typer(no_args_is_help=True, help="The company register in staging: import, pull, status.")

#: Between two lines of progress, in rows.
SAY_EVERY = 50_000
#: Between two looks of --wait, in seconds.
LOOK_S = 0.5
_COLUMNS = (
    "source", "label", "state", "rows_read", "rows_new", "rows_changed", "rows_unchanged", "rows_dropped", "updated_at",
)  # fmt: skip


@staging_app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV with ACRA's column names, plain or gzipped.", metavar="FILE")],
    again: Annotated[bool, typer.Option("--again", help="Read a file once more that was read to its end.")] = False,
    json: JsonOption = False,
) -> None:
    """Bring a file of the register into staging. After a crash, the same command goes on where it stopped."""

    def say(_: StagingImport, total: Tally) -> None:
        if total.read // SAY_EVERY != (total.read - staging_files.BATCH) // SAY_EVERY:
            typer.echo(f"{total.read} rows read", err=True)

    async def work(pool: Pool, _: Settings) -> tuple[StagingImport, bool]:
        return await staging_files.load(pool, file, again=again, progress=None if json else say)

    found, worked = run(work)
    if json:
        print_json(found)
        return
    if not worked:
        typer.echo(f"this file was read on {found.finished_at:%Y-%m-%d %H:%M}: --again reads it once more", err=True)
    print_table([found], _COLUMNS, empty="")
    for line in found.bad:
        typer.echo(f"dropped: {line}", err=True)


@staging_app.command("pull")
def pull_register(
    dataset: Annotated[
        list[str] | None, typer.Option(help="Id of a data set at data.gov.sg; absent: all letters. May be repeated.")
    ] = None,
    pages: Annotated[bool, typer.Option("--pages", help="Page by page, instead of as files.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until it ends; status 1 if it failed.")] = False,
    json: JsonOption = False,
) -> None:
    """Fetch the register from data.gov.sg. A worker must run for anything to happen."""

    async def work(pool: Pool, _: Settings) -> RunView:
        async with transaction(pool, SYSTEM_TENANT) as tx:
            run_id = await staging.start_pull(
                tx, dataset or (), by_pages=pages, triggered_by="cli", requested_by=operator()
            )
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)
        while True:
            async with transaction(pool, SYSTEM_TENANT) as tx:
                shown = await runs.show(tx, SYSTEM_TENANT, run_id)
            assert shown is not None
            if not wait or shown.status.ended:
                return shown
            await asyncio.sleep(LOOK_S)

    shown = run(work)
    if json:
        print_json(shown)
    else:
        print_fields(shown, ("id", "status", "error_code", "error", "open_slices", "duration_s"))
        for each in shown.slices or ():
            typer.echo(f"{each.query}  {each.state:<9} {each.found:>7} rows  {each.error or ''}".rstrip())
        if not shown.status.ended:
            typer.echo(f"`headwater runs show {shown.id}` and `headwater staging status` say how far it is", err=True)
    if shown.status in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise typer.Exit(1)


@staging_app.command("status")
def show_status(
    imports: Annotated[int, typer.Option(min=0, max=1000, help="Show so many of the latest imports.")] = 10,
    json: JsonOption = False,
) -> None:
    """How many companies are in staging, and what filled it last."""

    async def work(pool: Pool, _: Settings) -> StagingStatus:
        return await staging.status(pool, imports)

    found = run(work)
    if json:
        print_json(found)
        return
    typer.echo(f"{found.companies} companies, newest change {found.changed_at or 'never'}")
    print_table(found.imports, _COLUMNS, empty="nothing was imported yet: `headwater staging import FILE`")
