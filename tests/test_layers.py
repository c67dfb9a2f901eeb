"""Rules of the house that the import linter cannot say, read from the source."""

from __future__ import annotations

import ast
import importlib.util
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from worker.activities import ACTIVITIES

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("contracts", "db", "worker", "api", "front")
VAGUE = {"utils", "helpers", "common", "base", "core", "service", "manager"}
_SQL = re.compile(r"\s*(--|SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|TRUNCATE)\s", re.DOTALL)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def files(*under: str) -> Iterator[tuple[str, ast.Module]]:
    """(path from the root, syntax tree) of every module of these packages."""
    for package in under or PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), _tree(path)


@cache
def _imports() -> dict[str, set[str]]:
    return {path: {name.split(".")[0] for name in imported(tree)} for path, tree in files()}


def imported(tree: ast.Module) -> set[str]:
    """Modules named by any import in a file, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def users(library: str, *allowed: str) -> list[str]:
    """Files that import a library though they are none of those which may."""
    return [path for path, names in _imports().items() if library in names and not path.startswith(allowed)]


def test_each_library_stays_in_its_place() -> None:
    # C.01: a new module cannot slip past a list of names.
    assert users("procrastinate", "worker/queue/", "worker/bench") == []
    assert users("httpx", "worker/providers/") == []
    assert users("psycopg") == []
    assert users("fastapi", "api/") == []
    assert users("opentelemetry", "db/tracing.py") == []


def test_each_library_of_the_card_is_used() -> None:
    # C.01: testcontainers by the file that chooses the tests' Postgres, pytest-asyncio by every asynchronous test
    for library, home in (
        ("asyncpg", "db/pool.py"), ("procrastinate", "worker/queue/app.py"), ("pydantic", "contracts/runs.py"),
        ("httpx", "worker/providers/http.py"), ("structlog", "worker/perform.py"), ("testcontainers", "db/engines.py"),
    ):  # fmt: skip
        assert home in users(library), f"{home} does not import {library}"
    pytest_settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"][
        "ini_options"
    ]
    assert pytest_settings["asyncio_mode"] == "auto"
    assert importlib.util.find_spec("pytest_asyncio")


def test_the_top_of_the_tree_is_the_cards() -> None:
    # C.02
    for name in ("api", "worker", "contracts", "db", "tests", "Makefile", "pyproject.toml", "compose.yaml"):
        assert (ROOT / name).exists(), name


def test_only_db_speaks_sql() -> None:
    """A probe of a connection that is only listened on names no table."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in files("contracts", "worker", "api", "front")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("execute", "fetch", "fetchrow", "fetchval", "executemany")
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and _SQL.match(node.args[0].value + " ")
        and node.args[0].value != "SELECT 1"
    ]
    assert found == [], "move the statement into a .sql twin under db/"


def test_in_an_activity_only_files_of_job_bodies_touch_the_database() -> None:
    bodies = {ACTIVITIES[name].run.__module__ for name in ACTIVITIES}
    folders = {module.rpartition(".")[0].replace(".", "/") + "/" for module in bodies}
    strangers = [
        path
        for path, tree in files("worker")
        if path.startswith(tuple(folders))
        and path.removesuffix(".py").replace("/", ".") not in bodies
        and any(name.split(".")[0] == "db" or name.startswith("worker.context") for name in imported(tree))
    ]
    assert strangers == [], "in an activity, only files with a job's body load and write; their neighbours are pure"


def test_activities_meet_only_in_events() -> None:
    homes = {ACTIVITIES[name].run.__module__.rsplit(".", 1)[0] for name in ACTIVITIES}
    for path, tree in files("worker"):
        own = next((h for h in homes if path.startswith(h.replace(".", "/") + "/")), None)
        if own is not None:
            others = homes - {own}
            assert not [n for n in imported(tree) for o in others if n == o or n.startswith(o + ".")], path


def test_names_say_something() -> None:
    assert [path for path, _ in files() if VAGUE & set(Path(path).with_suffix("").parts)] == []


def test_files_stay_short_enough_to_hold_one_thing() -> None:
    lengths = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path, _ in files()}
    assert {path: n for path, n in lengths.items() if n > 400} == {}, "a second noun is hiding in these"
