"""What puts schema `queue` back as it was made: statements from the installed Procrastinate and from our own migrations."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

_STATEMENT = {
    "index": r"^CREATE (?:UNIQUE )?INDEX {name} ON [^;]+;",
    "function": r"^CREATE FUNCTION {name}\(.*?\$\$.*?\$\$;",
    "trigger": r"^CREATE TRIGGER {name}\s[^;]+;",
    "table": r"^CREATE TABLE {name}\s*\(.*?^\);",
}
#: Where the names in those statements are looked for, and who may make the objects.
_THERE = "SET ROLE headwater_owner; SET search_path = queue, pg_catalog"


def package_file(name: str) -> str | None:
    """A text of the installed Procrastinate: read, not imported. None: it is not installed."""
    found = find_spec("procrastinate")
    if found is None or found.origin is None:
        return None
    return (Path(found.origin).parent / "sql" / name).read_text(encoding="utf-8")


def mend(kind: str, name: str, word: str, tables: dict[str, list[str]], triggers: dict[str, str]) -> str:
    """SQL that mends one object that is missing, changed or unknown; where there is none, the command that shows it.

    `tables`: the columns of each; `triggers`: whose each is. Nothing here drops rows: what nobody knows may be ours under another
    name. Nor is a missing table made: it needs its grants, and the rows that it had.
    """
    name = name.partition("/")[0]
    quoted = _quoted(name)
    drop = f"DROP {kind.upper()} " + (f"{quoted} ON {triggers.get(name)}" if kind == "trigger" else f"queue.{quoted}")
    if word == "unknown" and kind == "table":
        return f"{_shown(quoted)}; whoever made it moves it away, once its rows are known"
    if word == "unknown":
        return f"SET ROLE headwater_owner; {drop}"
    made = _made(kind, name)
    if kind == "table":
        has = tables.get(name, [])
        strange = [c for c in has if made is not None and not re.search(rf"\b{re.escape(c)}\b", made)]
        if strange and _columns(made or "") <= set(has):
            gone = ", ".join(f"DROP COLUMN {_quoted(c)}" for c in strange)
            return f"SET ROLE headwater_owner; ALTER TABLE queue.{quoted} {gone}"
    elif made is not None and kind == "function":
        made = made.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
        return f"{_THERE}; {made} ALTER FUNCTION {name} SET search_path = queue, pg_temp"
    elif made is not None and word == "missing":
        return f"{_THERE}; {made}"
    elif made is not None:
        return f"{_THERE}; {drop}; {made}"
    return f"{_shown(quoted)}; `headwater db migrate` makes it in an empty database"


def _shown(quoted: str) -> str:
    return f"""psql "$(headwater db url)" -c '\\d queue.{quoted}' shows it"""


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


def _columns(made: str) -> set[str]:
    """The columns that a table is made with; those that are gone since leave it to whoever looks."""
    body, _, added = made.partition("\n);")
    found = re.findall(r"^\s+(\w+) \w", body, re.MULTILINE) + re.findall(r"ADD COLUMN (\w+)", added)
    return {c for c in found if c.upper() not in ("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK")}


@cache
def _sources() -> tuple[str, ...]:
    ours = [f for f in resources.files("db").joinpath("migrations").iterdir() if f.name.endswith(".sql")]
    return (package_file("schema.sql") or "", *(f.read_text(encoding="utf-8") for f in ours))


def _made(kind: str, name: str) -> str | None:
    """The statement that makes an object; of a table, with what our migrations added to it."""
    pattern = re.compile(_STATEMENT[kind].format(name=rf"(?:queue\.)?{re.escape(name)}"), re.MULTILINE | re.DOTALL)
    found = next((made[0] for text in _sources() if (made := pattern.search(text))), None)
    if kind == "table" and found is not None:
        added = re.compile(rf"^ALTER TABLE queue\.{re.escape(name)} ADD COLUMN [^;]+;", re.MULTILINE)
        found += "".join(each for text in _sources() for each in added.findall(text))
    return found
