"""Named queries from the `.sql` twin of a module. Blocks start with `-- name --`; a line of description follows."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@cache
def load(module: str) -> dict[str, str]:
    """Read `db/<module>.sql` into {name: query}. Raises KeyError at the caller when a name is misspelt."""
    text = resources.files("db").joinpath(f"{module}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    return {name: query.strip().rstrip(";") for name, query in zip(parts[1::2], parts[2::2], strict=True)}


def modules() -> list[str]:
    """All modules that have a twin, for the test that PREPAREs every query."""
    return sorted(
        p.name.removesuffix(".sql")
        for p in resources.files("db").iterdir()
        if p.name.endswith(".sql") and p.name != "schema.sql"
    )
