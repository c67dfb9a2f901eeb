"""How records stand in Odoo: found by the name we gave them, archived ones too.

Names stand in `ir.model.data`, which not every user may read: then a record is looked for under the number it had when we last
heard of it. One that people have merged into another looks deleted then, and one we never heard of looks absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError

from contracts.errors import BadAnswer, VendorRefused
from contracts.outgoing import CrmLookup, CrmSnapshot
from worker.providers.odoo_fields import Fields
from worker.providers.odoo_refusals import NotAllowed
from worker.providers.odoo_remote import Remote

_DATA = "ir.model.data"


class _Named(BaseModel):
    module: str
    name: str
    model: str
    res_id: int


def _numbered(value: Any) -> Any:
    return value if isinstance(value, dict) and isinstance(value.get("id"), int) else None


_NAMED = TypeAdapter(list[_Named])
_ROWS = TypeAdapter(list[Annotated[dict[str, Any], BeforeValidator(_numbered)]])


async def read_all(remote: Remote, known: Fields, lookups: Sequence[CrmLookup]) -> list[CrmSnapshot | None]:
    """The records in the order asked; None where there is none. Raises what the remote raises; BadAnswer."""
    numbers = await _numbers(remote, lookups)
    rows: dict[tuple[str, int], Mapping[str, Any]] = {}
    for model in sorted({each.model for each in lookups}):
        wanted = sorted({n for each, n in zip(lookups, numbers, strict=True) if n is not None and each.model == model})
        fields = sorted({name for each in lookups if each.model == model for name in each.fields})
        if wanted:
            rows |= {
                (model, row["id"]): row
                for row in await _rows(remote, model, await known.of(remote, model), wanted, fields)
            }
    return [
        None if number is None or (row := rows.get((each.model, number))) is None else _snapshot(each, row)
        for each, number in zip(lookups, numbers, strict=True)
    ]


async def _numbers(remote: Remote, lookups: Sequence[CrmLookup]) -> list[int | None]:
    names = sorted({each.external_id.partition(".")[2] for each in lookups})
    modules = sorted({each.external_id.partition(".")[0] for each in lookups})
    asked = {
        "domain": [["module", "in", modules], ["name", "in", names]],
        "fields": ["module", "name", "model", "res_id"],
    }
    try:
        answer = await remote.call(_DATA, "search_read", asked)
    except VendorRefused as error:
        # Raised on, it would count as a key that is refused, and shut the door to everything. A key that is refused is raised on:
        # else whoever has no number yet would look absent.
        if not (isinstance(error, NotAllowed) or (remote.transport == "json2" and error.members.get("status") == 403)):
            raise
        return [each.remote_id for each in lookups]
    known = {(f"{one.module}.{one.name}", one.model): one.res_id for one in _read(_NAMED, answer)}
    return [known.get((each.external_id, each.model)) for each in lookups]


async def _rows(
    remote: Remote, model: str, known: Mapping[str, str], numbers: Sequence[int], fields: Sequence[str]
) -> list[dict[str, Any]]:
    lasting = "active" not in known
    # A domain that speaks of `active` sees archived records as well.
    domain: list[Any] = [["id", "in", list(numbers)]] + ([] if lasting else [["active", "in", [True, False]]])
    names = [name for name in fields if name in known] + ([] if lasting else ["active"])
    rows = _read(_ROWS, await remote.call(model, "search_read", {"domain": domain, "fields": names or ["id"]}))
    return [_typed(row, known) for row in rows]


def _typed(row: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """Unset values are false in Odoo, whatever their type; relations are [id, name]."""
    made: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, list):
            made[name] = value[0] if value and isinstance(value[0], int) else None
        elif value is False and known.get(name) != "boolean":
            made[name] = None
        else:
            made[name] = value if isinstance(value, str | int | float | bool) else None
    return made


def _snapshot(asked: CrmLookup, row: Mapping[str, Any]) -> CrmSnapshot:
    values = {name: row[name] for name in _given(asked.fields, row)}
    return CrmSnapshot(remote_id=row["id"], active=row.get("active") is not False, values=values)


def _given(fields: Iterable[str], row: Mapping[str, Any]) -> list[str]:
    return [name for name in fields if name in row]


def _read(shape: TypeAdapter[Any], answer: Any) -> Any:
    try:
        return shape.validate_python(answer)
    except ValidationError:
        pass
    # Raised out here: pydantic's error holds the answer, and with it people's data.
    raise BadAnswer("odoo answered JSON of another shape: look at ODOO_URL", vendor="odoo")
