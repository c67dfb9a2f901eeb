"""Names alike, by trigram: quick as the app role, and never another tenant's."""

from __future__ import annotations

from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.conftest import Connection
from tests.db.rows import fill
from tests.db.test_walls import acting

ADD = """
INSERT INTO app.companies (tenant_id, name, name_core, country) SELECT $1, n, n, $3 FROM unnest($2::text[]) n RETURNING id
"""
ASK = "SELECT s.*, c.name FROM app.similar_companies($1, $2, $3, $4) s JOIN app.companies c USING (id) ORDER BY place"


@pytest.fixture
async def two(conn: Connection) -> tuple[UUID, UUID]:
    ours, theirs = uuid4(), uuid4()
    for tenant in (ours, theirs):
        await fill(conn, tenant)
    await conn.execute(ADD, ours, ["karoo workwear", "karoo workware", "cape fishing"], "ZA")
    await conn.execute(ADD, theirs, ["karoo workwear", "karoo workwear south"], "ZA")
    return ours, theirs


async def ask(conn: Connection, name: str, country: str | None = None, most: int = 5) -> list[str]:
    rows = await conn.fetch(
        "SELECT id, likeness FROM app.similar_companies($1, $2, $3, $4)", [name], [country], [None], most
    )
    names = await conn.fetch("SELECT id, name FROM app.companies")
    by_id = {r["id"]: r["name"] for r in names}
    return [by_id[r["id"]] for r in rows]


async def test_only_the_callers_own_companies_are_given(conn: Connection, two: tuple[UUID, UUID]) -> None:
    # R18
    ours, theirs = two
    async with acting(conn, ours):
        assert await ask(conn, "karoo workwear") == ["karoo workwear", "karoo workware"]
    async with acting(conn, theirs):
        assert await ask(conn, "karoo workwear") == ["karoo workwear", "karoo workwear south"]
    for nobody in (None, uuid4()):
        async with acting(conn, nobody):
            assert await conn.fetch(ASK, ["karoo workwear"], [None], [None], 50) == []


async def test_a_tenant_that_is_none_is_given_nothing(conn: Connection, two: tuple[UUID, UUID]) -> None:
    # R18
    for setting in ("x", "' OR true --", f"{two[1]}x"):
        async with acting(conn, None):
            await conn.execute("SELECT set_config('request.tenant_id', $1, true)", setting)
            with pytest.raises(asyncpg.InvalidTextRepresentationError):
                await conn.fetch(
                    "SELECT * FROM app.similar_companies($1, $2, $3, 5)", ["karoo workwear"], [None], [None]
                )


async def test_country_own_id_and_merged_ones_are_left_out(conn: Connection, two: tuple[UUID, UUID]) -> None:
    ours, _ = two
    (foreign,) = await conn.fetch(ADD, ours, ["karoo workwears"], "DE")
    async with acting(conn, ours):
        assert "karoo workwears" in await ask(conn, "karoo workwear")
        assert "karoo workwears" not in await ask(conn, "karoo workwear", "ZA")
        rows = await conn.fetch(
            "SELECT id FROM app.similar_companies($1, $2, $3, 5)", ["karoo workwears"], [None], [foreign["id"]]
        )
        assert foreign["id"] not in {r["id"] for r in rows}
        assert await ask(conn, "karoo workwear", most=1) == ["karoo workwear"]
    await conn.execute("UPDATE app.companies SET merged_into = gen_random_uuid() WHERE id = $1", foreign["id"])
    async with acting(conn, ours):
        assert "karoo workwears" not in await ask(conn, "karoo workwear")


@pytest.mark.parametrize(("country", "index"), [(None, "companies_name_trgm"), ("ZA", "companies_moved_name")])
async def test_it_uses_a_trigram_index(
    conn: Connection, two: tuple[UUID, UUID], country: str | None, index: str
) -> None:
    # R13. Only its owner may: the operator is not leakproof, so that a tenant's own query would read every row.
    ours, _ = two
    await conn.execute(
        "INSERT INTO app.companies (tenant_id, name, name_core)"
        " SELECT $1, md5(n::text), md5(n::text) FROM generate_series(1, 5000) n",
        ours,
    )
    await conn.execute("ANALYZE app.companies")
    async with acting(conn, ours):
        before = await conn.fetchval("SELECT idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'companies'")
        scanned = await conn.fetchval("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'companies'")
        found = await conn.fetch(
            "SELECT id FROM app.similar_companies($1, $2, $3, 5)", ["karoo workwaer"], [country], [None]
        )
        assert len(found) == 2
        assert await conn.fetchval("SELECT idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'companies'") > before
        assert await conn.fetchval("SELECT pg_stat_get_xact_numscans($1::regclass)", f"app.{index}") > 0
        assert (
            await conn.fetchval("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'companies'") == scanned
        )


async def test_the_trigram_functions_themselves_are_out_of_reach(conn: Connection, two: tuple[UUID, UUID]) -> None:
    # R18
    async with acting(conn, two[0]):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.fetchval("SELECT trgm.similarity('a', 'b')")


async def test_a_known_country_finds_what_any_country_would(conn: Connection, two: tuple[UUID, UUID]) -> None:
    # R13: the index that is cut by country gives the same companies with the same likeness, those of no known country among them.
    ours, theirs = two
    names = [
        f"{a} {b} {c}"
        for a in ("karoo", "kalahari 24", "größe", "株式会社")
        for b in ("trading", "textil", "9to5")
        for c in ("sa", "ab")
    ]
    for tenant in (ours, theirs):
        for country in ("ZA", "DE", "AZ", None):
            await conn.execute(ADD, tenant, names, country)
    ask = "SELECT id, likeness FROM app.similar_companies($1, $2, $3, 50)"
    home = {
        r["id"]: r["country"]
        for r in await conn.fetch("SELECT id, country FROM app.companies WHERE tenant_id = $1", ours)
    }
    async with acting(conn, ours):
        for name in ("karoo tradng sa", "kalahari 2 textil", "grosse 9to5 ab", "株式会社 textil", "", "z"):
            anywhere = {tuple(r) for r in await conn.fetch(ask, [name], [None], [None])}
            for country in ("ZA", "DE", "AZ", "NA"):
                here = {tuple(r) for r in await conn.fetch(ask, [name], [country], [None])}
                assert here == {r for r in anywhere if home[r[0]] in (country, None)}
