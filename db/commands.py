"""`headwater db …`."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Annotated

import typer

from contracts.settings import Settings
from db import address, migrate, retention, server, snapshot
from db.pool import open_pool

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder of the embedded server (HEADWATER_DATA).")]


def settings_with(data: Path | None) -> Settings:
    """The settings, with the data folder of the command line."""
    settings = Settings()
    return settings if data is None else settings.model_copy(update={"headwater_data": str(data)})


async def prepare(url: str) -> list[str]:
    """Migrate and make the history months. Returns the migrations applied."""
    applied = await migrate.migrate(url)
    pool = await open_pool(url, name="headwater prepare", size=1)
    try:
        await retention.prepare(pool)
    finally:
        await pool.close()
    return applied


@app.command("migrate")
def migrate_command(data: Data = None, as_json: AsJson = False) -> None:
    """Apply what is pending; safe to run from several hosts at once."""
    applied = asyncio.run(prepare(address.migration_url(settings_with(data))))
    typer.echo(json.dumps({"applied": applied}) if as_json else "\n".join(applied) or "up to date")


@app.command()
def status(data: Data = None, as_json: AsJson = False) -> None:
    """Every migration and whether it is applied; exit status 1 when one is not."""
    states = asyncio.run(migrate.status(address.database_url(settings_with(data))))
    if as_json:
        typer.echo(
            json.dumps([{"name": s.name, "state": s.state, "applied_at": str(s.applied_at or "")} for s in states])
        )
    else:
        for s in states:
            typer.echo(f"{s.state:<9} {s.name}")
    if any(s.state != "applied" for s in states):
        raise typer.Exit(1)


@app.command()
def url(data: Data = None) -> None:
    """The database's URL, for DATABASE_URL of other processes. It holds the password of the embedded server."""
    typer.echo(address.database_url(settings_with(data)))


@app.command()
def serve(
    data: Data = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; a free one by default.")] = None,
) -> None:
    """Run the embedded server alone, migrated, until SIGTERM. Prints its URL when it is ready."""
    settings = settings_with(data)
    with server.choose(None, settings.headwater_pg, address.folder(settings), port=port) as running:
        asyncio.run(prepare(running.url))
        typer.echo(running.url)
        signal.sigwait({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})


@app.command()
def dump(data: Data = None) -> None:
    """The schema as text, the same on every machine: db/schema.sql. Starts a throw-away server when there is none."""
    settings = settings_with(data)
    found = settings.database_url or server.running(address.folder(settings))
    if found is not None:
        typer.echo(asyncio.run(snapshot.dump(found)), nl=False)
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder, server.start(Path(folder) / "pg", durable=False) as running:
        asyncio.run(migrate.migrate(running.url))
        typer.echo(asyncio.run(snapshot.dump(running.url)), nl=False)
