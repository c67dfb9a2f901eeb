"""Lists of companies in files, as people keep them: which columns mean what, and the report about likely duplicates in them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from contracts.countries import NAMES
from contracts.likeness import Record, record

#: Column -> other headings it is known by.
COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("identifier", "record_id", "rec_id", "key"),
    "name": ("company", "company_name", "companyname", "organisation", "organization", "legal_name", "title", "site_name"),
    "country": ("country_code", "countrycode"),
    "city": ("town", "suburb", "locality", "place"),
    "address": ("addr", "street", "street_address", "address_1", "address1", "address_line_1", "addressline1"),
    "zip": ("postcode", "postal_code", "postalcode", "zip_code", "zipcode", "plz"),
    "phone": ("telephone", "phone_number", "tel", "phonenumber"),
    "website": ("domain", "url", "site", "web", "homepage"),
}  # fmt: skip
_BY_NAME = {name.casefold(): code for code, name in NAMES.items()} | {
    "usa": "US", "united states of america": "US", "uk": "GB", "great britain": "GB", "england": "GB", "deutschland": "DE",
    "espana": "ES", "españa": "ES", "italia": "IT", "nederland": "NL", "the netherlands": "NL", "österreich": "AT", "schweiz": "CH",
}  # fmt: skip


class LikelyPair(BaseModel):
    """Two rows that are likely one company."""

    id_a: str
    id_b: str
    probability: float = Field(ge=0, le=1)


class DuplicateReport(BaseModel):
    """Likely duplicates of a file. `columns`: what was used -> how the file calls it. Precision, recall and F1 only
    beside a truth.
    """

    pairs: list[LikelyPair]
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    rows: int
    other_rows: int | None = None
    columns: dict[str, str]
    ignored: list[str]
    notes: list[str]
    true_pairs: int | None = None
    took_s: float


def headings(found: list[str]) -> dict[str, str]:
    """Column -> heading in the file: its own name first, else one it is known by."""
    by_folded: dict[str, str] = {}
    for heading in found:
        by_folded.setdefault("_".join(heading.strip().casefold().replace("-", " ").split()), heading)
    used: dict[str, str] = {}
    for column, others in COLUMNS.items():
        for name in (column, *others):
            if name in by_folded and by_folded[name] not in used.values():
                used[column] = by_folded[name]
                break
    return used


def country_code(text: str) -> str:
    """ISO 3166-1 alpha-2 of a code or an English name; empty when it is neither."""
    given = text.strip()
    return given.upper() if given.upper() in NAMES else _BY_NAME.get(given.casefold(), "")


def listed(row: dict[str, str]) -> Record:
    """A row, by our columns, as it is compared."""
    return record(
        row.get("name"),
        country=country_code(row.get("country") or ""),
        city=row.get("city"),
        address=row.get("address"),
        zip=row.get("zip"),
        phone=row.get("phone"),
        website=row.get("website"),
    )
