"""Which database a command talks to."""

from __future__ import annotations

from pathlib import Path

from contracts.errors import Unavailable
from contracts.settings import Settings
from db import server


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
