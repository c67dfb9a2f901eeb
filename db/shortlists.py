"""Shortlists: what a tenant's night brought (S3.15)."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from contracts.errors import NotFound
from contracts.shortlists import Shortlist, ShortlistRow
from db.sql import load
from db.transaction import Tx

SQL = load("shortlists")


def _missing() -> NotFound:
    return NotFound(
        "no night of that date has chosen its companies: `headwater runs list` shows what ran; dates are YYYY-MM-DD",
        code="no_such_night",
    )


def day(text: str) -> date:
    """The date somebody names a night by. Raises: NotFound (`no_such_night`), as for a night that was not."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _missing() from None


async def show(tx: Tx, tenant: UUID, night: date) -> Shortlist:
    """The shortlist of a night: while it runs, as far as it has come. Raises: NotFound (`no_such_night`)."""
    of = await tx.fetchrow(SQL["of_night"], tenant, night)
    if of is None:
        raise _missing()
    rows = await tx.fetch(SQL["rows"], tenant, of["run_id"])
    items = [ShortlistRow.model_validate({**dict(r), "rank": n}) for n, r in enumerate(rows, 1)]
    return Shortlist.model_validate({**dict(of), "items": items})
