"""`headwater worker` and `headwater sandbox`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from contracts.errors import Unavailable
from contracts.settings import Settings
from worker.app import PARTS, work

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
) -> None:
    """Run the vendor sandbox: every vendor's wire format, faults and prices, over an invented world."""
    from worker.providers.sandbox.serve import run

    run(host, port)


@app.command()
def bench(
    repeat: Annotated[int, typer.Option(min=1, max=50, help="Repetitions; medians are reported.")] = 3,
    scale: Annotated[
        float, typer.Option(min=0.01, max=10, help="Size of each measurement; 1.0 for figures to quote.")
    ] = 1.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout; progress goes to stderr.")
    ] = False,
) -> None:
    """Measure this machine on a Postgres of its own, stock Procrastinate beside it. Changes nothing of yours."""
    import json
    import tempfile
    from contextlib import ExitStack
    from pathlib import Path

    import uvloop

    from db import server
    from db.commands import prepare
    from worker.bench.run import measure, table

    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder, ExitStack() as held:
        # Run by root, the server is another user's: what it cannot enter would be kept elsewhere, and stay there.
        Path(folder).chmod(0o711)
        running = held.enter_context(server.start(Path(folder) / "pg"))

        async def work_through() -> dict[str, object]:
            await prepare(running.url)
            return await measure(running.url, repeat=repeat, scale=scale, say=lambda line: typer.echo(line, err=True))

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(work_through())
    typer.echo(json.dumps(report) if as_json else table(report))
