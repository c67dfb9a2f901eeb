"""Migrations: in order, once, all or nothing, by many processes at once, and never over an unknown schema."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from contracts.errors import Hopeless, Unavailable
from db import direct, engines, migrate, snapshot
from tests.conftest import Connection, Databases


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE app.first (id int PRIMARY KEY);\n")
    (tmp_path / "0002_second.sql").write_text("INSERT INTO app.first VALUES (1);\n")
    return tmp_path


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_pending_files_are_applied_once_and_in_order(empty_db_url: str, folder: Path) -> None:
    assert await migrate.pending(empty_db_url, folder) == ["0001_first.sql", "0002_second.sql"]
    assert await migrate.migrate(empty_db_url, folder) == ["0001_first.sql", "0002_second.sql"]
    assert await migrate.migrate(empty_db_url, folder) == []
    assert await migrate.pending(empty_db_url, folder) == []
    (folder / "0003_third.sql").write_text("INSERT INTO app.first VALUES (3);\n")
    states = {state.name: state.state for state in await migrate.status(empty_db_url, folder)}
    assert states == {"0001_first.sql": "applied", "0002_second.sql": "applied", "0003_third.sql": "pending"}
    assert await migrate.migrate(empty_db_url, folder) == ["0003_third.sql"]
    assert await ask(empty_db_url, "SELECT array_agg(id ORDER BY id) FROM app.first") == [1, 3]


async def test_the_product_migrates_from_nothing_and_the_owner_owns_it(empty_db_url: str) -> None:
    applied = await migrate.migrate(empty_db_url)
    assert applied
    assert await migrate.pending(empty_db_url) == []
    schemas = "SELECT count(*) FROM pg_namespace WHERE nspname IN ('app', 'queue')"
    assert await ask(empty_db_url, f"{schemas} AND nspowner = 'headwater_owner'::regrole") == 2
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'app' AND tableowner <> 'headwater_owner'"
    assert await ask(empty_db_url, tables) == 0


async def test_the_roles_may_not_log_in_nor_pass_the_tenant_wall(conn: Connection) -> None:
    rows = await conn.fetch(
        "SELECT rolcanlogin OR rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = ANY($1)",
        ["headwater_owner", "headwater_system", "headwater_app"],
    )
    assert [row[0] for row in rows] == [False] * 3


async def test_both_daily_roles_can_ask_what_is_pending(conn: Connection) -> None:
    for role in ("headwater_app", "headwater_system"):
        async with conn.transaction():
            await conn.execute(f"SET LOCAL ROLE {role}")
            assert await migrate.pending(conn) == []


async def test_a_failed_migration_leaves_nothing_and_is_named(empty_db_url: str, folder: Path) -> None:
    (folder / "0002_second.sql").write_text("INSERT INTO app.first VALUES (1);\nSELECT 1/0;\n")
    with pytest.raises(Hopeless, match=r"0002_second.sql failed.*division by zero.*headwater db migrate"):
        await migrate.migrate(empty_db_url, folder)
    assert await ask(empty_db_url, "SELECT count(*) FROM app.first") == 0
    assert await migrate.pending(empty_db_url, folder) == ["0002_second.sql"]


async def test_a_syntax_error_is_shown_with_its_line(empty_db_url: str, folder: Path) -> None:
    (folder / "0002_second.sql").write_text("SELECT 1;\n\nSELEKT 2;\n")
    with pytest.raises(Hopeless, match=r"0002_second.sql failed near line 3"):
        await migrate.migrate(empty_db_url, folder)


async def test_a_changed_file_is_refused_by_name(empty_db_url: str, folder: Path) -> None:
    await migrate.migrate(empty_db_url, folder)
    with (folder / "0001_first.sql").open("a") as file:
        file.write("-- an afterthought\n")
    with pytest.raises(Hopeless, match=r"0001_first.sql was changed") as refused:
        await migrate.migrate(empty_db_url, folder)
    assert refused.value.code == "migration_changed"
    assert (await migrate.status(empty_db_url, folder))[0].state == "changed"


async def test_a_database_newer_than_the_code_is_left_alone(empty_db_url: str, folder: Path) -> None:
    # S1.10
    await migrate.migrate(empty_db_url, folder)
    (folder / "0002_second.sql").unlink()
    (folder / "0003_other.sql").write_text("SELECT 1;\n")
    with pytest.raises(Hopeless, match=r"newer than this code.*0002_second.sql"):
        await migrate.migrate(empty_db_url, folder)
    assert await ask(empty_db_url, "SELECT count(*) FROM app.schema_migrations") == 2


async def test_a_file_that_comes_too_late_is_refused(empty_db_url: str, folder: Path) -> None:
    (folder / "0002_second.sql").rename(folder / "0004_second.sql")
    await migrate.migrate(empty_db_url, folder)
    (folder / "0003_late.sql").write_text("SELECT 1;\n")
    with pytest.raises(Hopeless, match=r"0003_late.sql comes before 0004_second.sql.*renumber"):
        await migrate.migrate(empty_db_url, folder)


@pytest.mark.parametrize(("name", "complaint"), [("0002_twin.sql", "share a number"), ("third.sql", "NNNN_name")])
async def test_a_bad_name_is_refused(empty_db_url: str, folder: Path, name: str, complaint: str) -> None:
    (folder / name).write_text("SELECT 1;\n")
    with pytest.raises(Hopeless, match=complaint):
        await migrate.migrate(empty_db_url, folder)


async def test_a_file_may_ask_to_run_outside_a_transaction(empty_db_url: str, folder: Path) -> None:
    (folder / "0003_index.sql").write_text(
        "-- headwater: no-transaction\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS first_id ON app.first (id);\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS first_id_again ON app.first (id);\n"
    )
    await migrate.migrate(empty_db_url, folder)
    assert await ask(empty_db_url, "SELECT count(*) FROM pg_indexes WHERE schemaname = 'app'") == 4


def including(checksum: str) -> str:
    return (
        "SET LOCAL search_path = queue, public;\n"
        f"-- headwater: include procrastinate:sql/schema.sql sha256={checksum}\n"
        "COMMENT ON TABLE queue.procrastinate_jobs IS 'included';\n"
    )


def queue_checksum() -> str:
    import procrastinate

    schema = Path(procrastinate.__file__).parent / "sql" / "schema.sql"
    return hashlib.sha256(schema.read_bytes()).hexdigest()


async def test_an_included_file_of_a_package_runs_in_the_same_transaction(empty_db_url: str, folder: Path) -> None:
    (folder / "0003_queue.sql").write_text(including(queue_checksum()))
    await migrate.migrate(empty_db_url, folder)
    assert await ask(empty_db_url, "SELECT obj_description('queue.procrastinate_jobs'::regclass)") == "included"


async def test_a_changed_package_is_not_run(empty_db_url: str, folder: Path) -> None:
    (folder / "0003_queue.sql").write_text(including("0" * 64))
    with pytest.raises(Hopeless, match=r"procrastinate:sql/schema.sql is not the text.*pinned"):
        await migrate.migrate(empty_db_url, folder)
    assert await ask(empty_db_url, "SELECT to_regclass('queue.procrastinate_jobs')") is None


async def test_many_processes_migrate_one_database_once(empty_db_url: str, folder: Path) -> None:
    results = await asyncio.gather(*(migrate.migrate(empty_db_url, folder) for _ in range(6)))
    assert sorted(results, key=len)[:5] == [[]] * 5
    assert await ask(empty_db_url, "SELECT count(*) FROM app.first") == 1


@pytest.mark.slow
async def test_several_databases_of_one_cluster_make_the_roles_at_once(
    databases: Databases, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from db import server

    # A cluster of its own: here the roles do not exist yet.
    with server.start(tmp_path_factory.mktemp("cluster") / "pg", durable=False) as cluster:
        urls = []
        admin = await asyncpg.connect(cluster.url)
        for number in range(5):
            await admin.execute(f"CREATE DATABASE d{number}")
            urls.append(urlunsplit(urlsplit(cluster.url)._replace(path=f"/d{number}")))
        await admin.close()
        results = await asyncio.gather(*(migrate.migrate(url, folder) for url in urls))
    assert results == [["0001_first.sql", "0002_second.sql"]] * 5


async def test_a_login_user_without_superuser_can_migrate(databases: Databases, folder: Path) -> None:
    url = databases.create()
    name = urlsplit(url).path[1:]
    role = f"{name}_deployer"
    try:
        databases.execute(f"CREATE ROLE {role} LOGIN CREATEROLE PASSWORD 'x'; ALTER DATABASE {name} OWNER TO {role}")
        databases.execute(f"GRANT headwater_owner, headwater_system, headwater_app TO {role}")
        parts = urlsplit(url)
        theirs = urlunsplit(parts._replace(netloc=f"{role}:x@{parts.hostname}:{parts.port}"))
        assert await migrate.migrate(theirs, folder) == ["0001_first.sql", "0002_second.sql"]
    finally:
        databases.drop(url)
        databases.execute(f"DROP ROLE IF EXISTS {role}")


async def test_a_user_who_may_not_is_told_what_the_administrator_has_to_run(
    databases: Databases, template: str, folder: Path
) -> None:
    url = databases.create()
    role = f"{urlsplit(url).path[1:]}_guest"
    try:
        databases.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        parts = urlsplit(url)
        theirs = urlunsplit(parts._replace(netloc=f"{role}:x@{parts.hostname}:{parts.port}"))
        with pytest.raises(Hopeless, match=rf"GRANT headwater_owner TO {role};"):
            await migrate.migrate(theirs, folder)
    finally:
        databases.drop(url)
        databases.execute(f"DROP ROLE IF EXISTS {role}")


async def test_a_server_that_is_away_is_reported_within_the_bound(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "CONNECT_S", 0.3)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(Unavailable, match=r"no Postgres answers.*start it.*DATABASE_URL"):
            await migrate.migrate(f"postgresql://x@127.0.0.1:{port}/x", folder)


async def test_a_database_that_does_not_exist_is_named(databases: Databases, folder: Path) -> None:
    url = urlunsplit(urlsplit(databases.url)._replace(path="/no_such_place"))
    with pytest.raises(Unavailable, match="no_such_place"):
        await migrate.migrate(url, folder)


async def test_an_old_server_is_refused_with_the_version_required(
    empty_db_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "OLDEST_MAJOR", 99)
    with pytest.raises(Unavailable, match="version 99 or newer is required"):
        await migrate.migrate(empty_db_url, folder)


async def test_the_dump_is_the_same_for_two_databases_and_leaves_months_out(
    new_db_url: Callable[[], str],
) -> None:
    first, second = new_db_url(), new_db_url()
    month = (
        "CREATE TABLE app.outbox_history_2031_01 PARTITION OF app.outbox_history "
        "FOR VALUES FROM ('2031-01-01') TO ('2031-02-01')"
    )
    connection = await asyncpg.connect(first)
    await connection.execute(month)
    await connection.close()
    text = await snapshot.dump(first)
    assert text == await snapshot.dump(second)
    assert "CREATE TABLE app.outbox_events" in text
    assert "CREATE POLICY tenant ON app.outbox_events TO headwater_app" in text
    assert not re.search(r"2031|^--|^SET |restrict", text, re.MULTILINE)


async def test_the_dump_can_be_run(db_url: str, empty_db_url: str) -> None:
    connection = await asyncpg.connect(empty_db_url)
    await connection.execute(await snapshot.dump(db_url))
    await connection.close()
    everything = """
        SELECT array_agg(format('%s %s', relkind, oid::regclass) ORDER BY relname) FROM pg_class
        WHERE relnamespace = 'app'::regnamespace
    """
    policies = """
        SELECT array_agg(format('%s %s %s', tablename, policyname, qual) ORDER BY tablename, policyname)
        FROM pg_policies
    """
    for query in (everything, policies):
        assert await ask(empty_db_url, query) == await ask(db_url, query)


def test_a_missing_pg_dump_says_what_to_install() -> None:
    with pytest.raises(Unavailable, match="apt install postgresql-client-99"):
        engines.program("pg_dump", at_least=99)
