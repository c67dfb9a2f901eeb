"""`headwater up`: everything on this machine, until told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated

import structlog
import typer

from contracts.settings import Settings
from db.commands import settings_with
from front.installation import installation

log = structlog.get_logger("front.up")


def up(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port of the API; 0 takes a free one.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the embedded server (HEADWATER_DATA).")] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Ask the vendor sandbox instead of real vendors.")] = False,
) -> None:
    """Run database, API and worker until Ctrl-C. Prints `ready http://HOST:PORT` once requests are answered.

    The database is DATABASE_URL, or an embedded Postgres in the data folder. The log goes to stderr.
    """
    settings = settings_with(data)
    try:
        asyncio.run(_up(settings, settings.api_port if port is None else port, sandbox))
    except (KeyboardInterrupt, asyncio.CancelledError):
        log.info("stopped")


async def _up(settings: Settings, port: int, sandbox: bool) -> None:
    cancel_on_signals()
    async with installation(settings, os.environ, port=port, sandbox=sandbox) as running:
        typer.echo(f"ready {running.url}")
        log.info("up", api=running.url, sandbox=running.sandbox_url, data=settings.headwater_data)
        await running.until_broken()


def cancel_on_signals() -> None:
    """SIGTERM, SIGINT and a closed terminal cancel the current task, once: a second one does not interrupt cleaning up."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    told: list[bool] = []

    def once() -> None:
        if not told:
            told.append(True)
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Under nohup, a closed terminal is to be survived; a shell's background ignores SIGINT without meaning it.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, once)
