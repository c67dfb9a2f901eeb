"""Does an answer fit the schema that was asked for? The part of JSON Schema that strict answers of language models are written in.

Known: type, enum, const, anyOf, $ref to #/$defs, properties, required, additionalProperties, items, minItems, maxItems, minLength,
maxLength, minimum, maximum. Words that only describe (title, description, default, format) bind nobody. Anything else is refused
when the schema is read, not passed over when an answer is.
"""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 50
_KNOWN = frozenset({
    "type", "enum", "const", "anyOf", "$ref", "$defs", "properties", "required", "additionalProperties", "items", "minItems",
    "maxItems", "minLength", "maxLength", "minimum", "maximum", "title", "description", "default", "format", "examples", "$schema",
})  # fmt: skip
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "null": (type(None),), "number": (int, float),
}  # fmt: skip


def unknown_words(schema: Any) -> set[str]:
    """The words of `schema` that are not known here, so that an answer could not be checked against it."""
    if not isinstance(schema, dict):
        return set()
    found = set(schema) - _KNOWN
    for inner in (*_members(schema, "properties").values(), *_members(schema, "$defs").values(), schema.get("items")):
        found |= unknown_words(inner)
    for inner in schema.get("anyOf") or ():
        found |= unknown_words(inner)
    return found


def problem(value: Any, schema: dict[str, Any]) -> str | None:
    """The first thing about `value` that does not fit `schema`, as "$.path: what"; None when it fits."""
    return _problem(value, schema, schema, "$", 0)


def _problem(value: Any, schema: Any, root: dict[str, Any], at: str, depth: int) -> str | None:
    if not isinstance(schema, dict):
        return f"{at}: nothing is allowed here" if schema is False else None
    if depth > MAX_DEPTH:
        return f"{at}: nested too deeply"
    if "$ref" in schema:
        target = _members(root, "$defs").get(str(schema["$ref"]).removeprefix("#/$defs/"))
        if not isinstance(target, dict):
            return f"{at}: the schema points nowhere ({schema['$ref']})"
        return _problem(value, target, root, at, depth + 1)
    if "anyOf" in schema:
        said = [_problem(value, each, root, at, depth + 1) for each in schema["anyOf"]]
        if all(said):
            return said[0] if len(said) == 1 else f"{at}: fits none of {len(said)} forms"
    return (
        _wrong_kind(value, schema, at)
        or _out_of_bounds(value, schema, at)
        or _wrong_members(value, schema, root, at, depth)
        or _wrong_items(value, schema, root, at, depth)
    )


def _wrong_kind(value: Any, schema: dict[str, Any], at: str) -> str | None:
    kinds = schema.get("type")
    allowed = [kinds] if isinstance(kinds, str) else kinds
    if allowed is not None and not any(_is(value, kind) for kind in allowed):
        return f"{at}: must be {' or '.join(allowed)}"
    if "enum" in schema and not any(_same(value, each) for each in schema["enum"]):
        return f"{at}: must be one of {', '.join(map(str, schema['enum']))}"[:200]
    if "const" in schema and not _same(value, schema["const"]):
        return f"{at}: must be {schema['const']}"[:200]
    return None


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return isinstance(value, _TYPES.get(kind, ()))


def _same(value: Any, other: Any) -> bool:
    # True == 1 in Python, not in JSON.
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def _out_of_bounds(value: Any, schema: dict[str, Any], at: str) -> str | None:
    if isinstance(value, str):
        return _beyond(len(value), schema, "minLength", "maxLength", at, "characters")
    if isinstance(value, list):
        return _beyond(len(value), schema, "minItems", "maxItems", at, "items")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _beyond(value, schema, "minimum", "maximum", at, "")
    return None


def _beyond(size: float, schema: dict[str, Any], least: str, most: str, at: str, what: str) -> str | None:
    if least in schema and size < schema[least]:
        return f"{at}: must be at least {schema[least]} {what}".rstrip()
    if most in schema and size > schema[most]:
        return f"{at}: must be at most {schema[most]} {what}".rstrip()
    return None


def _wrong_members(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str, depth: int) -> str | None:
    if not isinstance(value, dict):
        return None
    for name in schema.get("required") or ():
        if name not in value:
            return f"{at}.{name}: is missing"
    known, others = _members(schema, "properties"), schema.get("additionalProperties", True)
    for name, each in value.items():
        rule = known.get(name, others)
        if rule is False:
            return f"{at}: {name[:80]!r} is not a member"
        if (found := _problem(each, rule, root, f"{at}.{name[:80]}", depth + 1)) is not None:
            return found
    return None


def _wrong_items(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str, depth: int) -> str | None:
    if not isinstance(value, list) or "items" not in schema:
        return None
    said = (_problem(each, schema["items"], root, f"{at}[{place}]", depth + 1) for place, each in enumerate(value))
    return next((each for each in said if each is not None), None)


def _members(schema: dict[str, Any], name: str) -> dict[str, Any]:
    found = schema.get(name)
    return found if isinstance(found, dict) else {}
