"""`headwater retention`: how long rows stay, and what is past its time."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from contracts.errors import Invalid
from contracts.retention import PERIODS, Passed, PassList, RetentionList
from contracts.settings import Settings
from db import retention
from db.terminal import JsonOption, ask, exit_status, print_json, print_table, run
from db.transaction import Pool, Tx

retention_app = typer.Typer(no_args_is_help=True, help="Retention: how long rows of each table stay; list, run.")

TableOption = Annotated[list[str] | None, typer.Option("--table", help="Only this table. May be repeated.")]


@retention_app.command("list")
def list_periods(json: JsonOption = False) -> None:
    """Every table with its period, why, and what the last daily pass over it deleted."""

    async def work(tx: Tx, _tenants: list[UUID], _settings: Settings) -> RetentionList:
        return await retention.listed(tx)

    found = ask(work, None)
    if json:
        print_json(found)
    else:
        print_table(found.items, ("table", "stays", "why", "passed_at", "deleted"), empty="")


@retention_app.command("run")
def run_now(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is past its time.")] = False,
    table: TableOption = None,
    json: JsonOption = False,
) -> None:
    """Delete what is past its time now, table by table, in small batches that keep nobody waiting. Workers do so once a day."""
    if unknown := sorted(set(table or ()) - set(PERIODS)):
        error = Invalid(f"there is no table {unknown[0]!r} in the list: `headwater retention list` shows it")
        typer.echo(f"{error.code}: {error.detail}", err=True)
        raise typer.Exit(exit_status(error))
    said: list[Passed] = []

    async def work(pool: Pool, _: Settings) -> None:
        async for done in retention.passes(pool, table or PERIODS, dry_run=dry_run, hours=0):
            said.append(done)
            if not json and (done.rows or done.error):
                typer.echo(f"{done.table:<28} {done.rows:>9} {'would go' if dry_run else 'gone'}  {done.error or ''}")

    run(work)
    if json:
        print_json(PassList(items=said))
    elif not any(each.rows or each.error for each in said):
        typer.echo(f"nothing is past its time in {len(said)} tables")
    if any(each.error for each in said):
        raise typer.Exit(1)
