"""Files of companies, leads, suppressions, stock and sales that come in: what may be asked for, and what became of each row."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from contracts.texts import storable

ImportKind = Literal["companies", "leads", "suppressions", "skus", "orders", "samples"]
#: Bad rows of one import that are kept with their reasons; the others are only counted.
KEPT_ERRORS = 10_000


class RowError(BaseModel):
    """What is wrong with a row, and what to do about it. Rows are numbered as a spreadsheet does: the header is row 1.

    The value is not repeated: it may be somebody's. `fatal` false: the row came in all the same.
    """

    row: int
    column: str | None = None
    code: str
    message: str
    fatal: bool = True


class Import(BaseModel):
    """An import as it stands. Every row read is one of created, merged, skipped and bad.

    `merged`: it was there already (what was empty there was filled); `skipped`: an empty row. `errors` counts reasons, `bad` rows.
    """

    id: UUID
    kind: ImportKind
    label: str
    state: Literal["running", "done"]
    dry_run: bool
    rows: int
    created: int
    merged: int
    skipped: int
    bad: int
    errors: int
    companies_created: int
    contacts_created: int
    columns: dict[str, str] = Field(description="our name -> the file's")
    ignored: list[str] = Field(description="columns of the file that mean nothing to us")
    notes: list[str]
    requested_by: str
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class ImportDone(Import):
    """An import with the first of what is wrong. `again`: this very file was imported before, and nothing was done now."""

    again: bool = False
    first_errors: list[RowError] = Field(default_factory=list)


class ImportPage(BaseModel):
    items: list[Import]
    next_cursor: str | None


class Tally(BaseModel):
    """What a batch of rows came to."""

    rows: int = 0
    created: int = 0
    merged: int = 0
    skipped: int = 0
    bad: int = 0
    companies_created: int = 0
    contacts_created: int = 0


def short(text: str, limit: int = 100) -> str:
    """A text of the file as it may be shown and stored: one line, cut."""
    return storable(" ".join(text.split()), limit)
