"""Named queries from the `.sql` twin of a module. Blocks start with `-- name --`; a line of description follows."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from uuid import UUID

_DESCRIPTION = re.compile(r"^--.*\n", re.MULTILINE)
_NUMBERED = re.compile(r"\$(\d+)")
_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@cache
def load(module: str) -> dict[str, str]:
    """Read `db/<module>.sql` into {name: query}. Raises KeyError at the caller when a name is misspelt."""
    text = resources.files("db").joinpath(f"{module}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    return {name: query.strip().rstrip(";") for name, query in zip(parts[1::2], parts[2::2], strict=True)}


def filled(module: str, name: str, *values: UUID | int) -> str:
    """A query with its values written into it, for a message of several statements; its name stands before it as a comment.

    Raises: TypeError for a value that is neither a UUID nor an int, whose text needs no escaping.
    """
    return _template(module, name).format(*map(_literal, values))


@cache
def _template(module: str, name: str) -> str:
    query = _DESCRIPTION.sub("", load(module)[name]).replace("{", "{{").replace("}", "}}")
    return f"/* {module}.{name} */ " + _NUMBERED.sub(lambda n: f"{{{int(n[1]) - 1}}}", query)


def _literal(value: UUID | int) -> str:
    if type(value) is int:
        return str(value)
    if isinstance(value, UUID):
        return f"'{value}'"
    raise TypeError(f"{type(value).__name__} cannot be written into a query")


def modules() -> list[str]:
    """All modules that have a twin, for the test that PREPAREs every query."""
    return sorted(
        p.name.removesuffix(".sql")
        for p in resources.files("db").iterdir()
        if p.name.endswith(".sql") and p.name != "schema.sql"
    )
