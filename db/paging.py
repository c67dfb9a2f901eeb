"""Cursors: where a page ended, opaque to whoever carries it."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID

from pydantic_core import from_json, to_json

from contracts.errors import Invalid
from db.sql import load
from db.transaction import Tx

SQL = load("paging")
#: Before and after anything that was ever written.
FIRST_AT = datetime(1, 1, 2, tzinfo=UTC)
LAST_AT = datetime(9999, 12, 30, tzinfo=UTC)
#: Later than anything: where the first page starts.
LAST_ID = 2**63 - 1
LAST_UUID = UUID(int=2**128 - 1)
#: How many rows one page may look at to find what a filter asks for.
LOOK = 20_000


async def steady(tx: Tx) -> datetime:
    """Keep the rest of the transaction to plans that read an index in its order. Gives the database's time."""
    now: datetime = await tx.fetchval(SQL["steady"])
    return now


def span(
    now: datetime,
    *,
    older_than_s: float | None,
    newer_than_s: float | None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[datetime, datetime]:
    """Ages and moments as (first, last moment that counts); `until` is the first that does not.

    Plain values: under row-level security an expression over NULL would hide the index.
    """
    first = FIRST_AT if newer_than_s is None else now - timedelta(seconds=newer_than_s)
    last = LAST_AT if older_than_s is None else now - timedelta(seconds=older_than_s)
    if since is not None:
        first = max(first, since)
    if until is not None:
        last = min(last, until - timedelta(microseconds=1))
    return first, last


def look(tenants: int, limit: int, *, sifting: bool) -> int:
    """How many rows a page may look at for each tenant: no more than it shows, unless it has to sift."""
    return max(limit, LOOK // max(1, tenants)) if sifting else limit


def encode(section: str, *key: object) -> str:
    """Make a cursor of a section's name and the key of the last row seen."""
    return base64.urlsafe_b64encode(to_json([section, *key])).decode().rstrip("=")


def decode(cursor: str, sections: dict[str, tuple[type, ...]]) -> tuple[str, list[Any]]:
    """Read a cursor back: (section, key), the key's parts of the types `sections` names.

    Raises: Invalid (code `invalid_cursor`).
    """
    try:
        section, *key = from_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        types = sections[section]
        return section, [_part(type_, part) for type_, part in zip(types, key, strict=True)]
    except (ValueError, TypeError, KeyError, binascii.Error):
        _refuse()


def _part(type_: type, part: Any) -> Any:
    if type_ is int:
        return part if type(part) is int and 0 <= part <= LAST_ID else _refuse()
    if not isinstance(part, str):
        _refuse()
    if type_ is UUID:
        return UUID(part)
    if type_ is str:
        return part if len(part) <= 500 and part.isprintable() else _refuse()
    moment = datetime.fromisoformat(part)
    return moment if moment.tzinfo and FIRST_AT <= moment <= LAST_AT else _refuse()


def _refuse() -> NoReturn:
    raise Invalid("this cursor is not one of ours: start again without it", code="invalid_cursor")
