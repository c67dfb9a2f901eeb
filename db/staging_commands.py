"""`headwater staging`: import, status, for whoever may read the database's URL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from contracts.settings import Settings
from contracts.staging import StagingImport, StagingStatus, Tally
from db import staging, staging_files
from db.terminal import JsonOption, print_json, print_table, run
from db.transaction import Pool

staging_app = typer.Typer(no_args_is_help=True, help="The company register in staging: import, pull, status.")

#: Between two lines of progress, in rows.
SAY_EVERY = 50_000
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
