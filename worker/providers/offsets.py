"""Cursors of vendors that count: the number of records already passed, so that a walk may change its page size half way."""

from __future__ import annotations

from math import gcd

from contracts.errors import Invalid


def read_offset(cursor: str | None) -> int:
    """The offset in `cursor`, 0 for None. Raises Invalid for what no earlier page can have given."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 9):
        raise Invalid(f"cursor {cursor[:40]!r} is not one of ours: leave it out to start at the beginning")
    return int(cursor)


def page_size(offset: int, limit: int, most: int) -> int:
    """The largest page that starts at `offset`, of at most `limit` and `most` records, where pages are numbered."""
    # Pages are numbered, so a page can only start at a multiple of its size.
    size = max(1, min(limit, most))
    return gcd(offset, size) if offset else size
