"""Companies from a file: CSV, or CSV in gzip, with the columns of the shipped extract. No network, no cost.

Columns: lei, legal_name, country (required), category, sectors (may be absent). A row answers a query when it
lies in the country that the query names (if it names one) and one of the query's significant words begins a
word of its name or stands for one of its sectors; a query without such words lists the country. Better
matches first, then file order, so that an offset is a stable cursor. Terms: the shipped extract is GLEIF's, under CC0;
where another file came from nobody says, so it counts as bought.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import BadAnswer, VendorRefused
from contracts.providers import FoundCompany, Page, Terms
from worker.providers.offsets import read_offset
from worker.providers.query import Wanted, read

SHIPPED = Path(__file__).parent / "data" / "gleif_extract.csv.gz"
CONFIDENCE = 0.8
REQUIRED = ("lei", "legal_name", "country")

_WORD = re.compile(r"\w+")
# What people ask for -> the sector flag that the extract has for it.
_SECTORS = {
    word: sector
    for sector, words in {
        "retail_consumer": "apparel clothes clothing fashion garment garments grocery retail supermarket"
        " textile textiles uniform uniforms workwear",
        "financial": "bank banking finance insurance",
        "construction_infrastructure": "building construction engineering infrastructure",
        "energy_power": "electricity energy power utilities",
        "healthcare": "health hospital hospitals medical pharma",
        "manufacturing": "factories factory manufacturing production",
        "transportation": "freight logistics shipping trucking",
        "technology": "it software tech",
        "oil_gas_petrochemicals": "fuel gas oil petroleum",
        "mining": "mine minerals mines",
        "clean_tech_renewables": "renewable renewables solar wind",
    }.items()
    for word in words.split()
}


@dataclass(frozen=True)
class _Row:
    lei: str
    name: str
    country: str
    category: str
    sectors: tuple[str, ...]
    name_words: tuple[str, ...]


class CompanyFile:
    """`CompanySearch` on a file, read once at the first search. `cursor` is an offset such as "40"."""

    vendor = "file"
    operation = "scan"
    billable = False
    units_per_page = 0.0

    def __init__(self, path: Path = SHIPPED) -> None:
        self._path = path
        self.terms = Terms.PUBLIC if path == SHIPPED else Terms.LICENSED
        self._rows: list[_Row] | None = None

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        """One page of matching rows. Raises VendorRefused (no such file), BadAnswer (wrong file), Invalid
        (cursor).
        """
        offset = read_offset(cursor)
        if self._rows is None:
            self._rows = await asyncio.to_thread(_load, self._path)
        hits = _ranked(self._rows, read(query))
        after = offset + max(1, limit)
        return Page(
            companies=tuple(_company(row, self.terms) for _, row in hits[offset:after]),
            next_cursor=str(after) if after < len(hits) else None,
        )

    async def close(self) -> None:
        self._rows = None


def _ranked(rows: Iterable[_Row], wanted: Wanted) -> list[tuple[int, _Row]]:
    scored = [(_score(row, wanted), row) for row in rows if wanted.country in (None, row.country)]
    return sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])


def _score(row: _Row, wanted: Wanted) -> int:
    if row.category not in ("GENERAL", "SOLE_PROPRIETOR"):
        return 0
    if not wanted.words:
        return 1 if wanted.country else 0
    score = 0
    for word in wanted.words:
        if any(name.startswith(word.removesuffix("s")) for name in row.name_words):
            score += 3
        elif _SECTORS.get(word, word) in row.sectors:
            score += 1
    return score


def _company(row: _Row, terms: Terms) -> FoundCompany:
    return FoundCompany(
        external_id=row.lei,
        name=row.name,
        country=row.country,
        registry_id=f"lei:{row.lei}" if re.fullmatch(r"[A-Z0-9]{20}", row.lei) else None,
        industries=row.sectors,
        confidence=CONFIDENCE,
        terms=terms,
        raw={"lei": row.lei, "legal_name": row.name, "country": row.country, "category": row.category},
    )


def _load(path: Path) -> list[_Row]:
    hint = f"give COMPANY_FILE a CSV with the columns {', '.join(REQUIRED)}, or unset it for the shipped extract"
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (EOFError, UnicodeDecodeError, gzip.BadGzipFile, zlib.error):
        raise BadAnswer(f"the company file is damaged: {hint}", vendor="file") from None
    except OSError as error:
        why = error.strerror or "unknown"
        raise VendorRefused(f"the company file cannot be read ({why}): {hint}", vendor="file") from None
    table = csv.DictReader(io.StringIO(text.replace("\0", "")))
    try:
        missing = [name for name in REQUIRED if name not in (table.fieldnames or ())]
        if not missing:
            return list(_rows(table))
    except csv.Error as error:
        raise BadAnswer(f"the company file is no CSV ({error}): {hint}", vendor="file") from None
    raise BadAnswer(f"the company file lacks {', '.join(missing)}: {hint}", vendor="file")


def _rows(table: Iterable[dict[str, str | None]]) -> Iterator[_Row]:
    for line in table:
        lei, name = (line["lei"] or "").strip(), (line["legal_name"] or "").strip()
        country = (line["country"] or "").strip().upper()
        if not lei or not name or not re.fullmatch(r"[A-Z]{2}", country):
            continue
        yield _Row(
            lei=lei[:500],
            name=name[:500],
            country=country,
            category=(line.get("category") or "GENERAL").strip(),
            sectors=tuple((line.get("sectors") or "").split()),
            name_words=tuple(_WORD.findall(name.casefold())),
        )
