"""Rows of the register as ACRA writes them, and files of them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path

COLUMNS = (
    "uen", "entity_name", "entity_status_description", "entity_type_description", "company_type_description",
    "registration_incorporation_date", "uen_issue_date", "primary_ssic_code", "primary_ssic_description",
    "secondary_ssic_code", "block", "street_name", "level_no", "unit_no", "building_name", "postal_code",
    "annual_return_date", "account_due_date", "no_of_officers", "former_entity_name1",
)  # fmt: skip


def row(n: int, **changes: str) -> dict[str, str]:
    """A row with its own UEN."""
    made = dict.fromkeys(COLUMNS, "na") | {
        "uen": f"{200000000 + n}K"[-10:],
        "entity_name": f"ZEBRA {n} PTE. LTD.",
        "entity_status_description": "Live Company",
        "registration_incorporation_date": "1999-05-01",
        "primary_ssic_code": "81210",
        "no_of_officers": "4",
    }
    return made | changes


def csv_text(rows: Iterable[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def csv_file(path: Path, rows: Iterable[dict[str, str]]) -> Path:
    """A CSV file, gzipped if its name says so."""
    text = csv_text(rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path
