"""Files that go out: which columns, and cells that no spreadsheet takes for a formula. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

ExportKind = Literal["companies", "leads", "suppressions"]
#: A cell that begins with one of these runs in a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS: Mapping[ExportKind, tuple[str, ...]] = {
    "companies": ("id", "name", "domain", "country", "city", "registry_id", "industries", "sources", "created_at", "updated_at"),
    "leads": (
        "id", "status", "source", "run_id", "icp_profile_id", "company_id", "name", "domain", "country", "city", "registry_id",
        "contact_name", "contact_title", "contact_email", "created_at", "updated_at",
    ),
    "suppressions": ("channel", "key_type", "key_hash", "reason", "source", "created_at"),
}  # fmt: skip


def text_of(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV (RFC 4180)."""
    out = io.StringIO()
    csv.writer(out).writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def cell(value: Any) -> str:
    """A value as a cell; one that a spreadsheet would run gets a quote before it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, bytes):
        return value.hex()
    text = ";".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
