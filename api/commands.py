"""`headwater api` and `headwater openapi`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from contracts.settings import Settings

app = typer.Typer(no_args_is_help=True)


@app.command()
def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = None,
) -> None:
    """Serve the API. Prints `ready http://HOST:PORT` once it is; SIGTERM stops it cleanly."""
    import uvloop

    from api.listening import listening
    from api.server import serve
    from db.address import database_url

    settings = Settings()
    host, port = host or settings.api_host, settings.api_port if port is None else port
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, database_url(settings), listening(host, port), ready=typer.echo))


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from api.openapi import document

    typer.echo(json.dumps(document(), indent=2, sort_keys=True, ensure_ascii=False))
