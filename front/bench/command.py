"""`headwater bench`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.command()
def bench(
    repeat: Annotated[int, typer.Option(min=1, max=50, help="Repetitions; medians are reported.")] = 5,
    scale: Annotated[
        float, typer.Option(min=0.01, max=10, help="Size of each measurement; 1.0 for figures to quote.")
    ] = 1.0,
    markdown: Annotated[
        Path | None, typer.Option(help="Write the table to this file as well.", dir_okay=False, writable=True)
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            help="One measurement that the default leaves out: our crawler beside Scrapy, duplicates in files,"
            " duplicates among many names, leads scored in one process, how good scores are, other queues beside ours, or losses"
            " under pressure by themselves.",
            metavar="crawl|duplicates|matching|scoring|learning|pressure|peers",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout; progress goes to stderr.")
    ] = False,
) -> None:
    """Measure this machine on a Postgres of its own, stock Procrastinate beside it. Changes nothing of yours."""
    import json

    if only is not None:
        from front.bench.alone import MEASUREMENTS
        from front.bench.alone import table as lines

        if only not in MEASUREMENTS:
            known = ", ".join(MEASUREMENTS)
            raise typer.BadParameter(f"{only!r} is no measurement of its own: say one of {known}, or leave --only out")
        report = MEASUREMENTS[only](repeat, scale)
        if markdown is not None:
            markdown.write_text(lines(only, report) + "\n", encoding="utf-8")
        typer.echo(json.dumps({only: report}) if as_json else lines(only, report))
        return
    import tempfile
    from contextlib import ExitStack

    import uvloop

    from contracts.settings import Settings
    from db import server
    from db.commands import prepare
    from front.bench.report import table
    from front.bench.run import measure
    from front.logs import configure_logging

    # A line a request would be all there is to see of a million requests.
    configure_logging(Settings(log_level="WARNING"), "headwater-bench")
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder, ExitStack() as held:
        # Run by root, the server is another user's: what it cannot enter would be kept elsewhere, and stay there.
        Path(folder).chmod(0o711)
        running = held.enter_context(server.start(Path(folder) / "pg"))

        async def work_through() -> dict[str, object]:
            await prepare(running.local_url)
            return await measure(
                running.local_url, repeat=repeat, scale=scale, say=lambda line: typer.echo(line, err=True)
            )

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(work_through())
    if markdown is not None:
        markdown.write_text(table(report) + "\n", encoding="utf-8")
    typer.echo(json.dumps(report) if as_json else table(report))
