"""`headwater soak`."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contracts.settings import Settings

if TYPE_CHECKING:
    from front.soak.run import Asked

#: The full size, in minutes, with what happens in it. Shorter ones get their share.
MINUTES, KILLS, RESTARTS, EVENTS = 35.0, 1000, 20, 1_000_000


def soak(
    minutes: Annotated[float, typer.Option(min=0.2, max=10_000, help="Length of the storm.")] = MINUTES,
    kills: Annotated[int | None, typer.Option(min=0, help="SIGKILLs of workers and dispatchers.")] = None,
    restarts: Annotated[int | None, typer.Option(min=0, help="Immediate restarts of the embedded server.")] = None,
    events: Annotated[int | None, typer.Option(min=0, help="Events committed at least.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of an earlier soak: the same blows again.")] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Use a scratch database on this server (DATABASE_URL); it is not restarted.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep database and logs, and say where they are.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout; progress goes to stderr.")
    ] = False,
) -> None:
    """Try to break every promise on a database of its own, and prove that none broke. Exit status 0 only then.

    Without kills, restarts and events it takes the share of the full size (1,000 kills, 20 restarts, a million events in
    35 minutes) that fits the minutes.
    """
    import uvloop

    from front.soak.report import table
    from front.soak.run import Asked

    share = minutes / MINUTES
    asked = Asked(
        secrets.randbelow(1_000_000) if seed is None else seed,
        minutes,
        round(KILLS * share) if kills is None else kills,
        round(RESTARTS * share) if restarts is None else restarts,
        round(EVENTS * share) if events is None else events,
        database_url or Settings().database_url,
        keep,
    )
    with folder_for("headwater-soak-", keep) as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        forget_settings()
        try:
            report = runner.run(_soak(asked, folder))
        except (KeyboardInterrupt, asyncio.CancelledError):
            typer.echo("stopped before the end", err=True)
            raise typer.Exit(130) from None
    typer.echo(json.dumps(report, default=str) if as_json else table(report))
    if not report["ok"]:
        raise typer.Exit(1)


async def _soak(asked: Asked, folder: Path) -> dict[str, Any]:
    from front.soak.run import soak_once
    from front.up import cancel_on_signals

    cancel_on_signals()
    return await soak_once(asked, folder, lambda line: typer.echo(line, err=True))


def forget_settings() -> None:
    """A caller's database, keys and limits have nothing to do with it."""
    for name in list(os.environ):
        if name.lower() in Settings.model_fields and name.lower() != "headwater_pg":
            del os.environ[name]


@contextmanager
def folder_for(prefix: str, keep: bool) -> Iterator[Path]:
    """A new folder that the server's user may pass, gone at the end unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    # Run by root, the server is another user's, who must be able to pass.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        if keep:
            typer.echo(f"kept: {folder} (`headwater db serve --data {folder}` starts its database)", err=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
