"""`headwater recovery`."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from front.recovery.trial import Result


def recovery(
    trials: Annotated[int, typer.Option(min=1, max=1000, help="Times each fault falls.")] = 20,
    cells: Annotated[str, typer.Option(help="Only faults whose name this regular expression finds.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; progress goes to stderr.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the logs, and say where they are.")] = False,
) -> None:
    """Let every fault fall on a running installation, and show how soon all its work was done, by itself.

    Exit status 0 only when all of it was, within 30 s of each fault's end, and nothing was lost or done twice.
    """
    import uvloop

    from contracts.settings import Settings
    from front.logs import configure_logging
    from front.recovery.cells import CELLS, FULL
    from front.recovery.report import table
    from front.soak.commands import forget_settings

    chosen = [cell for cell in CELLS if re.search(cells, cell.name)] if cells else [c for c in CELLS if c.name in FULL]
    forget_settings()
    # What failed and was tried again meanwhile is what the table is about.
    configure_logging(Settings(log_level="WARNING"), "headwater-recovery")
    results = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for cell in chosen:
            results.append(runner.run(_try(cell.name, trials, keep)))
    said = {"ok": all(each.ok for each in results), "cells": [each.as_dict() for each in results]}
    typer.echo(json.dumps(said) if as_json else table(results))
    if not said["ok"]:
        raise typer.Exit(1)


async def _try(name: str, trials: int, keep: bool) -> Result:
    from front.recovery.bouncer import installed
    from front.recovery.cells import CELLS
    from front.recovery.trial import Result, try_cell
    from front.soak.commands import folder_for

    cell = next(each for each in CELLS if each.name == name)
    if cell.pooled and installed() is None:
        return Result(cell.name, cell.what, skipped="pgbouncer is not installed (apt install pgbouncer)")
    with folder_for("headwater-recovery-", keep) as folder:
        return await try_cell(cell, trials, folder, lambda line: typer.echo(line, err=True))
