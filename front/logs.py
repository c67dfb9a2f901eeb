"""Structured logs on stderr, and settings that cannot be read."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from pydantic import ValidationError

from contracts.errors import Invalid
from contracts.misfits import in_words
from contracts.settings import Settings
from db import spans

#: Libraries that say more than anybody wants to read.
NOISY = ("uvicorn.access", "httpx", "httpcore", "procrastinate", "asyncpg.pool")


def configure_logging(settings: Settings, service: str) -> None:
    """JSON lines with service, env, level and timestamp (S2.17); stdlib loggers go the same way."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(service, settings.env),
        _traced,
    ]
    report = _reporting(settings)
    last = structlog.processors.JSONRenderer() if settings.log_format == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            *shared,
            *report,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, *report, structlog.processors.format_exc_info],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _reporting(settings: Settings) -> list[Any]:
    """What sends errors to Sentry: of log entries of level error those that carry an exception, which nobody caught (S4.11)."""
    if settings.sentry_dsn is None:
        return []
    from worker.providers.sentry import Reporter

    try:
        reporter = Reporter(settings)
    except ValueError as error:
        raise Invalid(str(error), code="bad_sentry_dsn") from None

    def report(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        error = _exception(event.get("exc_info"))
        if error is not None and event.get("level") in ("error", "critical", "exception"):
            reporter.report(error, event)
        return event

    return [report]


def _exception(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if len(exc_info) > 1 else None
    return sys.exc_info()[1] if exc_info else None


def _named(service: str, env: str) -> Any:
    def add(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        event.setdefault("service", service)
        event.setdefault("env", env)
        return event

    return add


def _traced(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """From a log line to its trace, where there is one."""
    if trace_id := spans.tracer.trace_id():
        event.setdefault("traceId", trace_id)
    return event


def settings_problems(error: ValidationError) -> list[str]:
    """What is wrong with the settings, one line each, by variable and without values: some are secrets."""
    return [
        f"{'.'.join(str(part).upper() for part in each['loc']) or 'settings'}: {in_words(each)}"
        for each in error.errors(include_url=False, include_input=False)
    ]
