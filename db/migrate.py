"""Forward-only migrations: `migrations/NNNN_name.sql`, each in one transaction, locked and checksummed.

Lines in a file that mean something to the runner:

    -- headwater: no-transaction                    first line: each statement commits by itself. A statement
                                                    ends a line with `;`, and bears being run again
    -- headwater: include PACKAGE:PATH sha256=HEX   the text of a file of an installed package

Give it a direct connection: the locks are the session's, which a transaction-mode PgBouncer would tear apart.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import asyncpg
import structlog

from contracts.errors import Hopeless, Unavailable
from db import roles
from db.direct import direct
from db.transaction import DbRole, Tx

FOLDER = Path(__file__).with_name("migrations")
#: Names "migrations of this database" among its advisory locks.
MIGRATIONS_LOCK = 0x6865_6164_0002
#: How long to wait for another process that migrates, in seconds.
LOCK_S = 120
#: A migration that cannot get a table gives up, rather than making every reader queue behind it.
TABLE_LOCK_S = 15

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_INCLUDE = re.compile(r"^-- headwater: include (\w+):(\S+) sha256=([0-9a-f]{64})\s*$", re.MULTILINE)
_NO_TRANSACTION = "-- headwater: no-transaction"
_TABLE = """
CREATE TABLE IF NOT EXISTS app.schema_migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL CHECK (length(checksum) = 64),
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT USAGE ON SCHEMA app TO headwater_app, headwater_system;
GRANT SELECT ON app.schema_migrations TO headwater_app, headwater_system;
"""

log = structlog.get_logger("db.migrate")


@dataclass(frozen=True)
class MigrationState:
    """One migration: `changed` = applied from another text; `unknown` = applied by newer code."""

    name: str
    state: Literal["applied", "pending", "changed", "unknown"]
    applied_at: datetime | None = None


@dataclass(frozen=True)
class _Migration:
    name: str
    text: str
    checksum: str


async def migrate(url: str, folder: Path = FOLDER) -> list[str]:
    """Apply what is pending, in order; give the names applied. Any number of processes may call at once.

    Raises: Unavailable when the server is away or too old; Hopeless when an applied file was changed, the
    database is newer than the code, or a migration fails (nothing of the failed one is kept).
    """
    files = _read(folder)
    async with direct(url) as connection:
        await _lock(connection)
        await roles.prepare(connection, url)
        await connection.execute(f"SET ROLE {DbRole.OWNER.value}; SET lock_timeout = '{TABLE_LOCK_S}s'")
        await connection.execute(_TABLE)
        todo = _todo(files, await _states(connection, files))
        for migration in todo:
            await _apply(connection, migration)
        return [migration.name for migration in todo]


async def status(url: str, folder: Path = FOLDER) -> list[MigrationState]:
    """Every migration the code or the database knows, by name. Raises: Unavailable."""
    async with direct(url) as connection:
        return await _states(connection, _read(folder))


async def pending(target: str | Tx, folder: Path = FOLDER) -> list[str]:
    """Names not applied yet, by one query over a URL or an open connection; readiness asks this."""
    if isinstance(target, str):
        async with direct(target) as connection:
            return await pending(connection, folder)
    applied = await _applied(target)
    return [path.name for path in _files(folder) if path.name not in applied]


def _files(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.sql"))
    numbers: dict[str, Path] = {}
    for path in paths:
        named = _FILE.fullmatch(path.name)
        if not named:
            raise Hopeless(f"{path.name} is not called NNNN_name.sql: rename it", code="migration_name")
        if other := numbers.get(named[1]):
            raise Hopeless(f"{path.name} and {other.name} share a number: renumber one", code="migration_name")
        numbers[named[1]] = path
    return paths


def _read(folder: Path) -> list[_Migration]:
    found = []
    for path in _files(folder):
        text = path.read_text(encoding="utf-8")
        found.append(_Migration(path.name, text, hashlib.sha256(text.encode()).hexdigest()))
    return found


async def _applied(connection: Tx) -> dict[str, asyncpg.Record]:
    if await connection.fetchval("SELECT to_regclass('app.schema_migrations') IS NULL"):
        return {}
    rows = await connection.fetch("SELECT name, checksum, applied_at FROM app.schema_migrations")
    return {row["name"]: row for row in rows}


async def _states(connection: Tx, files: list[_Migration]) -> list[MigrationState]:
    applied = await _applied(connection)
    known = {migration.name: migration.checksum for migration in files}
    states = []
    for name in sorted(known.keys() | applied.keys()):
        row = applied.get(name)
        if row is None:
            states.append(MigrationState(name, "pending"))
        elif name not in known:
            states.append(MigrationState(name, "unknown", row["applied_at"]))
        else:
            same = row["checksum"] == known[name]
            states.append(MigrationState(name, "applied" if same else "changed", row["applied_at"]))
    return states


def _todo(files: list[_Migration], states: list[MigrationState]) -> list[_Migration]:
    by_state = {kind: [s.name for s in states if s.state == kind] for kind in ("unknown", "changed", "pending")}
    if by_state["unknown"]:
        names = ", ".join(by_state["unknown"])
        raise Hopeless(
            f"the database is newer than this code: it has {names}. Deploy the version that brought them",
            code="database_newer",
        )
    if by_state["changed"]:
        names = ", ".join(by_state["changed"])
        raise Hopeless(
            f"{names} was changed after being applied: restore the text and put the change into a new file, or, "
            "where the data may be lost, start on a new database (--data DIR)",
            code="migration_changed",
        )
    newest = max((s.name for s in states if s.state == "applied"), default="")
    if late := [name for name in by_state["pending"] if name < newest]:
        raise Hopeless(f"{late[0]} comes before {newest}, which is applied: renumber it", code="migration_order")
    return [migration for migration in files if migration.name in by_state["pending"]]


async def _apply(connection: asyncpg.Connection[asyncpg.Record], migration: _Migration) -> None:
    script = _INCLUDE.sub(_included, migration.text)
    began = time.monotonic()
    note = "INSERT INTO app.schema_migrations (name, checksum) VALUES ($1, $2)"
    try:
        if migration.text.startswith(_NO_TRANSACTION):
            for statement in filter(_says_something, re.split(r"(?<=;)[ \t]*\n", script)):
                await connection.execute(statement)
            await connection.execute(note, migration.name, migration.checksum)
        else:
            async with connection.transaction():
                await connection.execute(script)
                await connection.execute(note, migration.name, migration.checksum)
    except asyncpg.PostgresError as error:
        place = f" near line {script.count(chr(10), 0, int(error.position)) + 1}" if error.position else ""
        kept = "earlier statements stay" if migration.text.startswith(_NO_TRANSACTION) else "nothing of it is kept"
        raise Hopeless(
            f"{migration.name} failed{place}: {error}; {kept}. Mend it, then run `headwater db migrate`",
            code="migration_failed",
        ) from error
    log.info("migration_applied", name=migration.name, duration_ms=round((time.monotonic() - began) * 1000))


def _says_something(statement: str) -> bool:
    # asyncpg cannot run a text without any statement.
    return bool(re.sub(r"--.*", "", statement).strip())


def _included(directive: re.Match[str]) -> str:
    package, inner, expected = directive.groups()
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise Hopeless(
            f"package {package} is not installed: pip install -r requirements.lock", code="migration_include"
        )
    text = (Path(spec.submodule_search_locations[0]) / inner).read_text(encoding="utf-8")
    actual = hashlib.sha256(text.encode()).hexdigest()
    if actual != expected:
        raise Hopeless(
            f"{package}:{inner} is not the text this was written for (sha256 {actual}): install the pinned "
            f"version of {package}, or write a migration for what changed",
            code="migration_include",
        )
    return text


async def _lock(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.execute(f"SET lock_timeout = '{LOCK_S}s'")
    try:
        await connection.execute(f"SELECT pg_advisory_lock({MIGRATIONS_LOCK})")
    except asyncpg.LockNotAvailableError as error:
        raise Unavailable(
            f"another process has been migrating this database for {LOCK_S} s: look for it in "
            "pg_stat_activity (application_name = 'headwater direct')"
        ) from error
