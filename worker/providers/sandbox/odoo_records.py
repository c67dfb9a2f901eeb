"""What a stand-in Odoo keeps: records by model, and the names that the outside world gave them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from worker.providers.sandbox.world import LANDS

_TEXT = {"type": "char", "required": False}
_PARTNER = (
    "company_name", "email", "phone", "website", "function", "street", "street2", "city", "zip", "vat", "ref", "comment", "lang",
)  # fmt: skip
_LEAD = (
    "type", "partner_name", "contact_name", "email_from", "phone", "function", "website", "street", "city", "zip", "description",
    "priority", "referred",
)  # fmt: skip
_RELATED = {
    "res.partner": {"parent_id": "res.partner", "country_id": "res.country"},
    "crm.lead": {"partner_id": "res.partner", "country_id": "res.country"},
}
_NUMBERS = {"expected_revenue": "float", "is_company": "boolean"}
#: Odoo's own names for countries are their codes, but for one.
_COUNTRY_NAMES = {"GB": "uk"}
#: Countries beside those of our invented world.
_ABROAD = {
    "AU": "Australia", "CA": "Canada", "CN": "China", "DE": "Germany", "ES": "Spain", "FR": "France", "IE": "Ireland",
    "IN": "India", "IT": "Italy", "JP": "Japan", "NL": "Netherlands", "US": "United States",
}  # fmt: skip
#: Where names of the outside world are kept, and the countries: read only.
DATA, COUNTRY = "ir.model.data", "res.country"


class Trouble(Exception):
    """An exception of Odoo's, by its Python name, and the status that JSON-2 gives it."""

    def __init__(self, text: str, name: str = "odoo.exceptions.ValidationError", status: int = 422) -> None:
        super().__init__(text)
        self.name, self.status = name, status


class NoModel(Trouble):
    """There is no such model: its app is not installed. The two doors say it in different words."""

    def __init__(self, model: str) -> None:
        super().__init__(f"the model '{model}' does not exist", "werkzeug.exceptions.NotFound", 404)
        self.model = model


@dataclass
class Database:
    """One database. `names` holds external ids: name -> (model, id)."""

    version: int
    rows: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    names: dict[str, tuple[str, int]] = field(default_factory=dict)
    last_id: int = 70
    uninstalled: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rows[COUNTRY] = {}
        lands = _ABROAD | {code: land[0] for code, land in LANDS.items()}
        for number, (code, land) in enumerate(sorted(lands.items()), 1):
            self.rows[COUNTRY][number] = {"name": land, "code": code}
            self.names[f"base.{_COUNTRY_NAMES.get(code, code.lower())}"] = (COUNTRY, number)

    @property
    def fields(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Models and their fields: `mobile` was there until 18."""
        partner = dict.fromkeys((*_PARTNER, *(("mobile",) if self.version < 19 else ())), _TEXT)
        common = {"id": {"type": "integer", "required": False}, "name": {"type": "char", "required": True}}
        active = {"active": {"type": "boolean", "required": False}}
        models = {
            COUNTRY: common | {"code": _TEXT},
            DATA: common | {"module": _TEXT, "model": _TEXT, "res_id": {"type": "integer", "required": True}},
            "res.partner": common | active | partner | _others("res.partner", "is_company"),
            "crm.lead": common | active | dict.fromkeys(_LEAD, _TEXT) | _others("crm.lead", "expected_revenue"),
        }
        return {model: fields for model, fields in models.items() if model not in self.uninstalled}


def fields_get(kept: Database, model: str, attributes: list[str] | None = None) -> dict[str, Any]:
    described = {name: {"string": name.replace("_", " ").title(), **kind} for name, kind in kept.fields[model].items()}
    return {
        name: {what: value for what, value in kind.items() if attributes is None or what in attributes}
        for name, kind in described.items()
    }


def create(kept: Database, model: str, vals_list: list[dict[str, Any]]) -> list[int]:
    for values in vals_list:
        _check(kept, model, values)
    return [_insert(kept, model, values) for values in vals_list]


def write(kept: Database, model: str, ids: list[int], vals: dict[str, Any]) -> bool:
    for number in ids:
        if number not in kept.rows.get(model, {}):
            raise Trouble("Record does not exist or has been deleted.", "odoo.exceptions.MissingError", 404)
        _check(kept, model, kept.rows[model][number] | vals)
        kept.rows[model][number] |= vals
    return True


def unlink(kept: Database, model: str, ids: list[int]) -> bool:
    """Delete records, and with them their names."""
    for number in ids:
        kept.rows.get(model, {}).pop(number, None)
    kept.names = {name: at for name, at in kept.names.items() if at[0] != model or at[1] not in ids}
    return True


def repoint(kept: Database, name: str, number: int) -> bool:
    """A record was merged into another of its model: its name leads there from now on."""
    kept.names[name] = (kept.names[name][0], number)
    return True


def uninstall(kept: Database, model: str) -> bool:
    """An administrator removes the app of a model."""
    kept.uninstalled.add(model)
    return True


def search_read(
    kept: Database,
    model: str,
    domain: list[list[Any]] | None = None,
    fields: list[str] | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Records that fit every [field, "=" or "in", value] of `domain`. Archived ones only where it speaks of `active`."""
    rules = list(domain or [])
    if "active" in kept.fields[model] and not any(name == "active" for name, _is, _value in rules):
        rules.append(["active", "=", True])
    found = [each for each in _all(kept, model) if all(_fits(each.get(name, False), *rule) for name, *rule in rules)]
    names = fields or sorted(kept.fields[model])
    return [{"id": each["id"], **{name: _shown(kept, model, name, each) for name in names}} for each in found[:limit]]


def _all(kept: Database, model: str) -> list[dict[str, Any]]:
    if model == DATA:
        parts = [(name.partition("."), at) for name, at in sorted(kept.names.items())]
        return [
            {"id": number, "module": name[0], "name": name[2], "model": at[0], "res_id": at[1]}
            for number, (name, at) in enumerate(parts, 1)
        ]
    active = {"active": True} if "active" in kept.fields[model] else {}
    return [{"id": number, **active, **values} for number, values in sorted(kept.rows.get(model, {}).items())]


def _fits(value: Any, operator: str, wanted: Any) -> bool:
    return value in wanted if operator == "in" else bool(value == wanted)


def _shown(kept: Database, model: str, name: str, each: dict[str, Any]) -> Any:
    """A relation is shown as [id, name]."""
    value = each.get(name, False)
    target = _RELATED.get(model, {}).get(name)
    if target is None or not isinstance(value, int) or value is False:
        return value
    return [value, kept.rows.get(target, {}).get(value, {}).get("name", "")]


def load(kept: Database, model: str, fields: list[str], data: list[list[Any]]) -> dict[str, Any]:
    """Import rows: all of them, or none with messages."""
    before = kept.rows.get(model, {}), dict(kept.names), kept.last_id
    kept.rows[model] = {number: dict(values) for number, values in before[0].items()}
    ids, messages = list[int](), list[dict[str, Any]]()
    for at, cells in enumerate(data):
        try:
            ids.append(_import(kept, model, dict(zip(fields, cells, strict=True))))
        except Trouble as trouble:
            place = {"rows": {"from": at, "to": at}, "record": at}
            messages.append({"type": "error", "message": str(trouble), "field": trouble.name, **place})
    if messages:
        kept.rows[model], kept.names, kept.last_id = before
        return {"ids": False, "messages": messages, "nextrow": 0}
    return {"ids": ids, "messages": [], "nextrow": 0}


def _others(model: str, number: str) -> dict[str, dict[str, Any]]:
    related = {name: {"type": "many2one", "required": False} for name in _RELATED[model]}
    return related | {number: {"type": _NUMBERS[number], "required": False}}


def _import(kept: Database, model: str, row: dict[str, Any]) -> int:
    name = str(row.pop("id", ""))
    values = {column.partition("/")[0]: _value(kept, model, column, cell) for column, cell in row.items()}
    known = kept.names.get(name)
    whole = (kept.rows[model].get(known[1], {}) if known else {}) | values
    _check(kept, model, whole)
    if known is None:
        number = _insert(kept, model, whole)
        if name:
            kept.names[name if "." in name else f"__import__.{name}"] = (model, number)
        return number
    kept.rows[model][known[1]] = whole
    return known[1]


def _value(kept: Database, model: str, column: str, cell: Any) -> Any:
    field_name, _, path = column.partition("/")
    if field_name not in kept.fields[model]:
        raise Trouble(f"Invalid field name '{field_name}'", field_name)
    if cell in ("", False):
        return False
    if not isinstance(cell, str):
        raise Trouble(f"'{cell}' is no text", field_name)
    if path == "id":
        target = kept.names.get(cell)
        if target is None:
            raise Trouble(f"No matching record found for external id '{cell}' in field '{field_name}'", field_name)
        return target[1]
    return _typed(kept.fields[model][field_name]["type"], field_name, cell)


def _typed(kind: str, name: str, cell: str) -> Any:
    if kind == "boolean":
        return cell.lower() in ("1", "true", "yes")
    if kind == "float":
        try:
            return float(cell)
        except ValueError:
            raise Trouble(f"'{cell}' does not seem to be a number for field '{name}'", name) from None
    if kind == "many2one" and cell not in {land[0] for land in LANDS.values()}:
        raise Trouble(f"No matching record found for name '{cell}' in field '{name}'", name)
    return cell


def _check(kept: Database, model: str, values: dict[str, Any]) -> None:
    if not values.get("name"):
        raise Trouble(f"Missing required value for the field 'Name' on '{model}'", "name")
    unknown = [name for name in values if name not in kept.fields[model]]
    if unknown:
        raise Trouble(f"Invalid field '{unknown[0]}' on model '{model}'", "builtins.ValueError")
    address = values.get("email") or values.get("email_from")
    if address and "@" not in address:
        raise Trouble(f"The address {address} of {values['name']} is not valid", "email")
    if str(values.get("priority") or "0") not in ("0", "1", "2", "3"):
        raise Trouble(f"Value '{values['priority']}' not found in selection field 'Priority'", "priority")


def _insert(kept: Database, model: str, values: dict[str, Any]) -> int:
    kept.last_id += 1
    kept.rows.setdefault(model, {})[kept.last_id] = dict(values)
    return kept.last_id
