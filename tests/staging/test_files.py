"""Files into the staging table: whole, once, and on from where they stopped."""

from __future__ import annotations

import asyncio
import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import Conflict, Invalid
from contracts.findings import RegisterEntity
from contracts.staging import Tally, read_row
from contracts.tenants import SYSTEM_TENANT
from db import staging, staging_files
from db.transaction import Pool, transaction
from tests.conftest import Connection
from tests.staging.rows import csv_file, row


async def counts(pool: Pool, path: Path, **how: Any) -> tuple[int, int, int, int]:
    found, _ = await staging_files.load(pool, path, **how)
    return found.rows_new, found.rows_changed, found.rows_unchanged, found.rows_dropped


async def test_a_file_is_read_into_staging_and_na_is_nothing(pool: Pool, conn: Connection, tmp_path: Path) -> None:
    # S3.18
    path = csv_file(tmp_path / "acra.csv.gz", [row(1), row(2, former_entity_name1="OLD ZEBRA", postal_code="123456")])
    found, worked = await staging_files.load(pool, path)
    assert worked
    assert (found.state, found.rows_read, found.rows_new, found.label) == ("done", 2, 2, "acra.csv.gz")
    stored = await conn.fetchrow("SELECT * FROM app.staging_acra_companies WHERE uen = '200000002K'")
    assert stored is not None
    assert stored["tenant_id"] == SYSTEM_TENANT
    assert stored["registration_incorporation_date"] == date(1999, 5, 1)
    assert (stored["postal_code"], stored["building_name"], stored["no_of_officers"]) == ("123456", None, 4)
    assert stored["former_entity_names"] == ["OLD ZEBRA"]


async def test_only_what_the_register_says_differently_counts_as_changed(pool: Pool, tmp_path: Path) -> None:
    # S3.18
    assert await counts(pool, csv_file(tmp_path / "1.csv", [row(1), row(2)])) == (2, 0, 0, 0)
    _, mark = await staging.changed(pool, staging.Mark(), limit=100)
    second = csv_file(tmp_path / "2.csv", [row(1), row(2, entity_status_description="Struck Off"), row(3)])
    assert await counts(pool, second) == (1, 1, 1, 0)
    fresh, _ = await staging.changed(pool, mark, limit=100)
    assert sorted((c.uen, c.entity_status_description) for c in fresh) == [
        ("200000002K", "Struck Off"),
        ("200000003K", "Live Company"),
    ]
    same = await staging.find(pool, "200000001k")
    assert same is not None
    assert same.first_seen_at == same.changed_at < same.last_seen_at


async def test_the_same_file_is_read_once_unless_it_is_wanted_again(pool: Pool, tmp_path: Path) -> None:
    # S3.18
    path = csv_file(tmp_path / "a.csv", [row(1)])
    await staging_files.load(pool, path)
    copy = csv_file(tmp_path / "copy of a.csv", [row(1)])
    found, worked = await staging_files.load(pool, copy)
    assert (worked, found.rows_new, found.label) == (False, 1, "a.csv")
    assert await counts(pool, copy, again=True) == (0, 0, 1, 0)


async def test_bad_rows_are_dropped_and_named_by_their_line(pool: Pool, tmp_path: Path) -> None:
    # S3.18
    rows = [row(1), row(2, uen="12"), row(3, entity_name="na"), row(4, registration_incorporation_date="2026-02-31")]
    found, _ = await staging_files.load(pool, csv_file(tmp_path / "a.csv", rows))
    assert (found.rows_read, found.rows_new, found.rows_dropped) == (4, 2, 2)
    assert found.bad == [
        "line 3: uen '12' is not 9 or 10 letters and digits",
        "line 4: 200000003K has no entity_name",
    ]
    odd = await staging.find(pool, "200000004K")
    assert odd is not None
    assert odd.registration_incorporation_date is None


async def test_a_file_goes_on_where_its_last_commit_ended(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S3.18
    monkeypatch.setattr(staging_files, "BATCH", 10)
    path = csv_file(tmp_path / "a.csv", [row(n) for n in range(35)])

    def die(_import: object, total: Tally) -> None:
        if total.read == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await staging_files.load(pool, path, progress=die)
    half = await staging.status(pool)
    assert (half.companies, half.imports[0].state, half.imports[0].rows_read) == (20, "open", 20)
    steps: list[int] = []
    found, _ = await staging_files.load(pool, path, progress=lambda _, total: steps.append(total.read))
    assert steps == [30, 35]
    assert (found.state, found.rows_read, found.rows_new) == ("done", 35, 35)


async def test_two_who_read_one_file_count_each_row_once(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S3.18
    monkeypatch.setattr(staging_files, "BATCH", 10)
    path = csv_file(tmp_path / "a.csv", [row(n) for n in range(100)])
    ends = await asyncio.gather(*(staging_files.load(pool, path) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(end, tuple | Conflict) for end in ends), ends
    told = await staging.status(pool)
    assert told.companies == 100
    assert [(i.state, i.rows_read, i.rows_new, i.rows_unchanged) for i in told.imports] == [("done", 100, 100, 0)]


async def test_writers_beside_each_other_count_every_change_once(pool: Pool, conn: Connection) -> None:
    """Batches that overlap, in any order: rows are locked in key order, so nobody waits in a circle."""
    # S3.18
    chance = random.Random(7)
    batches = [[read_row(row(n)) for n in chance.sample(range(60), 40)] for _ in range(24)]

    async def write(batch: list[RegisterEntity]) -> Tally:
        async with transaction(pool, SYSTEM_TENANT) as tx:
            return await staging.upsert(tx, batch, "webhook")

    tallies = await asyncio.gather(*map(write, batches))
    assert sum(tally.new for tally in tallies) == len({e.uen for batch in batches for e in batch})
    assert sum(tally.changed for tally in tallies) == 0
    assert sum(tally.read for tally in tallies) == 24 * 40
    assert await conn.fetchval("SELECT count(DISTINCT changed_at) FROM app.staging_acra_companies") <= 24


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name,number\r\nx,1\r\n", "no column entity_name and no column uen"),
        (b"", "no column entity_name"),
        (b"uen,entity_name\r\n200000001K,\xff\xfe\r\n", "UTF-8"),
        (b"\x1f\x8bnot really gzip", "cannot be read"),
    ],
)
async def test_what_is_no_such_file_says_what_to_do(pool: Pool, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=said):
        await staging_files.load(pool, path)
