"""Records as the rows of Odoo's `load`, and its answer as what became of each row. Pure.

Source: providers.md, 18.3 and 18.4. A row's `id` is its external id: the same one again updates the record. All cells are text,
an unset value is an empty one. `load` saves all rows or none: `ids` false means none, although the status is 200, and `messages`
say which rows are to blame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from contracts.errors import BadAnswer
from contracts.outgoing import CrmRecord
from worker.providers.answers import shaped
from worker.providers.lenient import Lenient, Whole, Words, members, readable

PARTNER = "res.partner"


@dataclass(frozen=True, slots=True)
class Row:
    """A record ready to be loaded. `at` is its place among the questions; `columns` and `cells` belong together."""

    at: int
    record: CrmRecord
    columns: tuple[str, ...]
    cells: tuple[str, ...]
    dropped: tuple[str, ...]


def row(at: int, record: CrmRecord, known: frozenset[str]) -> Row:
    """`record` without the fields that the database lacks. A column may be a path such as `country_id/.id`."""
    names = sorted(record.values)
    kept = [name for name in names if name.partition("/")[0] in known and name not in ("id", ".id")]
    columns, cells = ["id", *kept], [record.external_id, *(_cell(record.values[name]) for name in kept)]
    if record.parent_external_id:
        columns.append("parent_id/id" if record.model == PARTNER else "partner_id/id")
        cells.append(record.parent_external_id)
    dropped = tuple(name[:300] for name in names if name not in kept)
    return Row(at, record, tuple(columns), tuple(cells), dropped)


def loads(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows in loads of one model and one set of columns, so that no load clears a field it does not mention.

    Partners come before what belongs to them; an external id stands in a load once.
    """
    ordered = sorted(rows, key=lambda r: (r.record.parent_external_id is not None, r.record.model != PARTNER, r.at))
    found: dict[tuple[str, tuple[str, ...], int], list[Row]] = {}
    seen: dict[str, int] = {}
    for each in ordered:
        turn = seen.get(each.record.external_id, 0)
        seen[each.record.external_id] = turn + 1
        found.setdefault((each.record.model, each.columns, turn), []).append(each)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a load: the ids of all its rows, or none and the reasons by row (as far as Odoo names rows)."""

    ids: tuple[int, ...] | None
    reasons: dict[int, str]
    reason: str


class _Span(Lenient):
    start: Annotated[Whole, Field(alias="from")] = None
    to: Whole = None


class _Message(Lenient):
    type: Words = None
    message: Words = None
    field: Words = None
    record: Whole = None
    rows: Annotated[_Span, BeforeValidator(members)] = _Span()


class _Answer(BaseModel):
    ids: list[int] | Literal[False]
    messages: Annotated[list[_Message], BeforeValidator(readable(_Message))] = []


def reading(answer: Any, rows: int) -> Loaded:
    """The answer to a load of `rows` rows. Raises BadAnswer when it is of another shape or does not name every row."""
    said = shaped(_Answer, members(answer), "odoo")
    if said.ids is not False:
        if len(said.ids) != rows or not all(0 < number < 2**63 for number in said.ids):
            raise BadAnswer("odoo saved rows without naming each: its API may have changed", vendor="odoo")
        return Loaded(tuple(said.ids), {}, "")
    reasons, first = dict[int, str](), ""
    for message in said.messages:
        if message.type != "error":
            continue
        text = f"{message.field}: {message.message}" if message.field else message.message or "refused"
        first = first or text
        start = message.rows.start if message.rows.start is not None else message.record
        end = message.rows.to if message.rows.to is not None else start
        if start is not None and end is not None:
            reasons |= {at: text for at in range(start, min(end + 1, rows)) if at not in reasons}
    return Loaded(None, reasons, first or "Odoo saved nothing and gave no reason")


def _cell(value: str | int | float | bool | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    # A whole number in a float would not fit an integer field: "3.0".
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
