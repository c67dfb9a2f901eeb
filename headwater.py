"""The front door: one command line, mounting the commands of the packages."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
import typer
from pydantic import ValidationError

from contracts.errors import HeadwaterError
from contracts.settings import Settings
from db.commands import app as db_app
from db.access_commands import keys, tenants, users
from worker.commands import sandbox, worker

app = typer.Typer(
    name="headwater",
    help="Finds, enriches, scores and hands over sales leads, on nothing but Postgres.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(db_app, name="db", help="The database: migrate, status, url, serve, dump.")
app.add_typer(tenants_app, name="tenants", help="Tenants.")
app.add_typer(users_app, name="users", help="People who log in.")
app.add_typer(keys_app, name="keys", help="API keys.")
app.command()(worker)
app.command()(sandbox)


def configure_logging(settings: Settings, service: str) -> None:
    """Structured logs on stderr: JSON lines with service, env, level and timestamp (S2.17); stdlib loggers go the same way."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(service, settings.env),
    ]
    last = structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.processors.StackInfoRenderer(), structlog.processors.format_exc_info, last],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    for noisy in ("uvicorn.access", "httpx", "httpcore", "procrastinate"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _named(service: str, env: str) -> Any:
    def add(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        event.setdefault("service", service)
        event.setdefault("env", env)
        return event

    return add


@app.callback()
def _before(context: typer.Context) -> None:
    configure_logging(Settings(), f"headwater-{context.invoked_subcommand or 'cli'}")


def main() -> None:
    """Run a command. A failure we know is one line saying the next step, on stderr, exit status 1; bad settings are 2."""
    try:
        app()
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False):
            where = ".".join(str(part).upper() for part in each["loc"]) or "settings"
            typer.echo(f"headwater: {where}: {each['msg']}", err=True)
        sys.exit(2)
    except HeadwaterError as error:
        typer.echo(f"headwater: {error.detail}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
