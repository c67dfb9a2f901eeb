"""`headwater worker` and `headwater sandbox`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from contracts.errors import Unavailable
from contracts.settings import Settings
from worker.app import PARTS, work
from worker.providers.sandbox.world import SEED

app = typer.Typer(no_args_is_help=True)


@app.command()
def worker(
    only: Annotated[
        list[str] | None, typer.Option("--only", help=f"Run only these parts: {', '.join(PARTS)}. May be repeated.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, max=1000, help="Jobs at once.")] = None,
) -> None:
    """Run a worker: dispatcher, jobs, schedules, maintenance. SIGTERM drains it."""
    import uvloop

    from db.address import database_url

    parts = tuple(only or PARTS)
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise typer.BadParameter(
            f"unknown part {', '.join(unknown)}; choose from {', '.join(PARTS)}", param_hint="--only"
        )
    settings = Settings()
    if concurrency is not None:
        settings = settings.model_copy(update={"worker_concurrency": concurrency})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        url = database_url(settings)
        runner.run(_migrated(url))
        runner.run(work(settings, url, only=parts, ready=lambda: typer.echo("ready worker")))


async def _migrated(url: str) -> None:
    # Without its tables a worker could only die of the first statement, saying nothing useful.
    from db import migrate

    if missing := await migrate.pending(url):
        raise Unavailable(
            f"{len(missing)} migrations are not applied, {missing[0]} is the first: run `headwater db migrate`",
            code="not_migrated",
        )


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 5051,
    seed: Annotated[int, typer.Option(help="The invented world and its latencies: one seed, one world.")] = SEED,
) -> None:
    """Run the vendor sandbox: every vendor's wire format, faults and prices, over an invented world."""
    from worker.providers.sandbox.serve import run

    run(host, port, seed=seed)
