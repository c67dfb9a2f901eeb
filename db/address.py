"""Which database a command talks to."""

from __future__ import annotations

from pathlib import Path

from contracts.errors import Unavailable
from contracts.settings import Settings
from db import pooler, server


def folder(settings: Settings) -> Path:
    """The embedded server's folder under HEADWATER_DATA."""
    return Path(settings.headwater_data) / "pg"


def database_url(settings: Settings) -> str:
    """DATABASE_URL, else the embedded server that runs on our data folder.

    Raises: Unavailable when neither is there, with the next step.
    """
    url = settings.database_url or server.running(folder(settings))
    if url is None:
        raise Unavailable(
            "no database: set DATABASE_URL, or start one with `headwater up` or `headwater db serve` "
            f"(data in {settings.headwater_data})",
            code="no_database",
        )
    return url


def direct_url(settings: Settings, url: str) -> str | None:
    """Where sessions of our own are to be had, for LISTEN: DATABASE_DIRECT_URL where `url` is pooled, else `url`. None: nowhere."""
    return settings.database_direct_url if pooler.split(url)[1] else url


def migration_url(settings: Settings) -> str:
    """The database for migrations, whose locks are a session's. Raises: Unavailable, with the next step."""
    url = direct_url(settings, database_url(settings))
    if url is None:
        raise Unavailable(
            f"migrations need sessions of their own, and DATABASE_URL says {pooler.PARAMETER}=true: "
            "set DATABASE_DIRECT_URL to the server itself",
            code="no_direct_url",
        )
    return url
