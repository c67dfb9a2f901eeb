"""The staging table of Singapore's company register (ACRA): its data sets, how a row is read, and what is shown of it.

A row is read the same way wherever it comes from (file, webhook, pull): ACRA's own column names, every value a text, "na" for
nothing. Source: the collection "ACRA Information on Corporate Entities" of data.gov.sg, under the Singapore Open Data Licence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.findings import RegisterEntity
from contracts.texts import storable

Source = Literal["file", "webhook", "pull"]

#: The collection of data.gov.sg that holds the register.
COLLECTION = 2
#: First letter -> data set. Refreshed from the collection's metadata when it can be read; ACRA_DATASETS overrides both.
DATASETS: Mapping[str, str] = {
    "A": "d_8575e84912df3c28995b8e6e0e05205a", "B": "d_3a3807c023c61ddfba947dc069eb53f2",
    "C": "d_c0650f23e94c42e7a20921f4c5b75c24", "D": "d_acbc938ec77af18f94cecc4a7c9ec720",
    "E": "d_124a9bd407c7a25f8335b93b86e50fdd", "F": "d_4526d47d6714d3b052eed4a30b8b1ed6",
    "G": "d_b58303c68e9cf0d2ae93b73ffdbfbfa1", "H": "d_fa2ed456cf2b8597bb7e064b08fc3c7c",
    "I": "d_85518d970b8178975850457f60f1e738", "J": "d_478f45a9c541cbe679ca55d1cd2b970b",
    "K": "d_5573b0db0575db32190a2ad27919a7aa", "L": "d_a2141adf93ec2a3c2ec2837b78d6d46e",
    "M": "d_9af9317c646a1c881bb5591c91817cc6", "N": "d_67e99e6eabc4aad9b5d48663b579746a",
    "O": "d_5c4ef48b025fdfbc80056401f06e3df9", "P": "d_181005ca270b45408b4cdfc954980ca2",
    "Q": "d_4130f1d9d365d9f1633536e959f62bb7", "R": "d_2b8c54b2a490d2fa36b925289e5d9572",
    "S": "d_df7d2d661c0c11a7c367c9ee4bf896c1", "T": "d_72f37e5c5d192951ddc5513c2b134482",
    "U": "d_0cc5f52a1f298b916f317800251057f3", "V": "d_e97e8e7fc55b85a38babf66b0fa46b73",
    "W": "d_af2042c77ffaf0db5d75561ce9ef5688", "X": "d_1cd970d8351b42be4a308d628a6dd9d3",
    "Y": "d_31af23fdb79119ed185c256f03cb5773", "Z": "d_4e3db8955fdcda6f9944097bef3d2724",
    "other": "d_300ddc8da4e8f7bdc1bfc62d0d99e2e7",
}  # fmt: skip

#: Rows that one request to the webhook may bring.
MAX_ROWS = 5_000
#: Bad rows that are named; the others are only counted.
NAMED_BAD = 20

_UEN = re.compile(r"[0-9A-Z]{9,10}")
_NOTHING = frozenset({"", "na", "n/a", "-", "null", "none"})


class BadRow(ValueError):
    """A row without what every row must have; says what, never the whole row."""


def read_row(row: Mapping[str, Any]) -> RegisterEntity:
    """One row of ACRA's table. Column names in any case, blanks or underscores; what is optional and odd is left out.

    Raises: BadRow when it has no UEN (9 or 10 letters and digits) or no name.
    """
    known = {_column(name): value for name, value in row.items() if isinstance(name, str)}
    uen = (_text(known.get("uen"), 40) or "").upper()
    if not _UEN.fullmatch(uen):
        raise BadRow(f"uen {uen[:20]!r} is not 9 or 10 letters and digits" if uen else "uen is missing")
    name = _text(known.get("entity_name"), 500)
    if name is None:
        raise BadRow(f"{uen} has no entity_name")
    former = (_text(known.get(f"former_entity_name{n}"), 500) for n in range(1, 16))
    return RegisterEntity(
        uen=uen,
        name=name,
        status=_text(known.get("entity_status_description"), 300),
        entity_type=_text(known.get("entity_type_description"), 300),
        company_type=_text(known.get("company_type_description"), 300),
        incorporated_on=_day(known.get("registration_incorporation_date")),
        uen_issued_on=_day(known.get("uen_issue_date")),
        primary_ssic=_text(known.get("primary_ssic_code"), 10),
        primary_ssic_description=_text(known.get("primary_ssic_description"), 300),
        secondary_ssic=_text(known.get("secondary_ssic_code"), 10),
        secondary_ssic_description=_text(known.get("secondary_ssic_description"), 300),
        block=_text(known.get("block"), 20),
        street=_text(known.get("street_name"), 300),
        level=_text(known.get("level_no"), 20),
        unit=_text(known.get("unit_no"), 20),
        building=_text(known.get("building_name"), 300),
        postal_code=_text(known.get("postal_code"), 20),
        annual_return_on=_day(known.get("annual_return_date")),
        accounts_due_on=_day(known.get("account_due_date")),
        officers=_count(known.get("no_of_officers")),
        former_names=tuple(name for name in former if name is not None),
    )


def _column(name: str) -> str:
    return "_".join(re.split(r"[\s_]+", name.strip().lstrip("\ufeff").lower()))


def _text(value: Any, limit: int) -> str | None:
    if value is None or isinstance(value, bool | dict | list):
        return None
    text = " ".join(storable(str(value), 2000).split())
    return None if text.lower() in _NOTHING else text[:limit]


def _day(value: Any) -> str | None:
    text = (_text(value, 40) or "")[:10]
    try:
        return date.fromisoformat(text).isoformat() if len(text) == 10 else None
    except ValueError:
        return None


def _count(value: Any) -> int | None:
    text = _text(value, 12) or ""
    return int(text) if text.isascii() and text.isdigit() and int(text) <= 100_000 else None


def read_rows(rows: Iterable[tuple[str, Any]]) -> tuple[list[RegisterEntity], Tally]:
    """Read (where it stands, row) one by one: those that can be used, and a tally of those that cannot."""
    entities, tally = list[RegisterEntity](), Tally()
    for where, row in rows:
        try:
            if not isinstance(row, Mapping):
                raise BadRow("is no object with ACRA's column names")
            entities.append(read_row(row))
        except BadRow as error:
            tally.drop(where, error)
    return entities, tally


@dataclass(slots=True)
class Tally:
    """What became of the rows that were read. `changed`: the register says otherwise than before; `repeated`: twice in a batch."""

    read: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    dropped: int = 0
    repeated: int = 0
    bad: list[str] = field(default_factory=list)

    def drop(self, where: str, why: object) -> None:
        """Count a row that cannot be used, and name it while there is room."""
        self.read += 1
        self.dropped += 1
        if len(self.bad) < NAMED_BAD:
            self.bad.append(storable(f"{where}: {why}", 200))

    def add(self, other: Tally) -> None:
        for name in ("read", "new", "changed", "unchanged", "dropped", "repeated"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.bad = (self.bad + other.bad)[:NAMED_BAD]


class StagedCompany(BaseModel):
    """One company as the register has it. `changed_at` moves only when the register says something else than before."""

    uen: str
    entity_name: str
    entity_status_description: str | None
    entity_type_description: str | None
    company_type_description: str | None
    registration_incorporation_date: date | None
    primary_ssic_code: str | None
    primary_ssic_description: str | None
    secondary_ssic_code: str | None
    block: str | None
    street_name: str | None
    level_no: str | None
    unit_no: str | None
    building_name: str | None
    postal_code: str | None
    source: Source
    first_seen_at: datetime
    last_seen_at: datetime
    changed_at: datetime


class StagedPage(BaseModel):
    items: list[StagedCompany]
    next_cursor: str | None


class ReceivedRows(BaseModel):
    """What became of the rows of one request: `bad` names the first of those that were dropped."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "read": 3,
                    "new": 1,
                    "changed": 1,
                    "unchanged": 0,
                    "dropped": 1,
                    "repeated": 0,
                    "bad": ["row 3: uen is missing"],
                }
            ]
        }
    )

    read: int
    new: int
    changed: int
    unchanged: int
    dropped: int
    repeated: int
    bad: list[str]


class StagingImport(BaseModel):
    """One filling of the table: a file, a day of webhooks, or a data set of a pull."""

    id: UUID
    source: Source
    label: str
    state: Literal["open", "done"]
    rows_read: int
    rows_new: int
    rows_changed: int
    rows_unchanged: int
    rows_dropped: int
    rows_repeated: int
    bad: list[str]
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def tally(self) -> Tally:
        return Tally(
            self.rows_read, self.rows_new, self.rows_changed, self.rows_unchanged, self.rows_dropped,
            self.rows_repeated, list(self.bad),
        )  # fmt: skip


class StagingStatus(BaseModel):
    """How full the table is, and what filled it last."""

    companies: Annotated[int, Field(ge=0)]
    changed_at: datetime | None = Field(description="when the newest change came in")
    imports: list[StagingImport]
