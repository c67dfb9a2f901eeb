"""The register pulled from data.gov.sg: every data set once, whatever goes wrong on the way."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.findings import RegisterCatalog
from contracts.runs import RunStatus
from contracts.staging import DATASETS as REAL
from db import staging
from db.transaction import Pool
from tests.providers.sandbox_fixture import RunningSandbox
from tests.staging.house import House
from worker.providers.sandbox.data_gov_sg import DATASETS, register
from worker.providers.sandbox.world import World
from worker.staging import plan

ROWS = register(World(7))
ALL = sum(map(len, ROWS.values()))


@pytest.fixture
async def house(pool: Pool, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        made = House(pool, sandbox)
        yield made
        await made.close()
        assert left(folder) == [], "a file was left behind"


def left(folder: str) -> list[str]:
    return [path.name for path in Path(folder).iterdir()]


def test_what_is_pulled_is_what_the_run_names_else_the_settings_else_the_catalogue_else_all_letters() -> None:
    # S3.18
    catalog = RegisterCatalog(datasets=("d_new", "d_other"))
    assert plan.datasets(("a", "a"), ("b",), catalog) == ("a",)
    assert plan.datasets((), ("b",), catalog) == ("b",)
    assert plan.datasets((), (), catalog) == ("d_new", "d_other")
    assert plan.datasets((), (), None) == tuple(REAL.values())


async def test_a_pull_brings_every_letter_and_a_second_one_changes_nothing(
    house: House, sandbox: RunningSandbox
) -> None:
    """One letter's file is refused, another's takes a while: their rows come all the same."""
    # S3.18
    run = await house.pull()
    assert run.status is RunStatus.COMPLETED, (run.error, run.slices)
    assert run.kind == "maintenance"
    assert {s.query for s in run.slices or ()} == set(DATASETS.values())
    assert run.counts.discovered == ALL
    status = await staging.status(house.pool, 100)
    assert status.companies == run.counts.after_dedupe == len({r["uen"] for rows in ROWS.values() for r in rows})
    assert all(each.state == "done" for each in status.imports)
    pages = [s for s in run.slices or () if s.page > 1]
    assert [s.query for s in pages] == [DATASETS["Q"]], "only what was refused as a file was read in pages"
    again = await house.pull()
    assert (again.status, again.counts.discovered, again.counts.after_dedupe) == (RunStatus.COMPLETED, ALL, 0)
    assert (await staging.status(house.pool)).changed_at == status.changed_at


async def test_pages_bring_what_the_file_brings(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    # S3.18
    monkeypatch.setattr(staging, "PAGE_ROWS", 7)
    letter = max("ABCDEFGHIJKLMNOPRSTUVWXYZ", key=lambda each: len(ROWS[DATASETS[each]]))
    size = len(ROWS[DATASETS[letter]])
    run = await house.pull(DATASETS[letter], by_pages=True)
    assert (run.status, run.counts.discovered, run.counts.after_dedupe) == (RunStatus.COMPLETED, size, size)
    assert [s.page for s in run.slices or ()] == [-(-size // 7)]
    as_file = await house.pull(DATASETS[letter])
    assert (as_file.counts.discovered, as_file.counts.after_dedupe) == (size, 0)


async def test_a_walk_that_was_broken_off_goes_on_where_it_stopped(
    house: House, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S3.18
    monkeypatch.setattr(staging, "PAGE_ROWS", 10)
    sandbox.fault("503", vendor="data_gov_sg", times=1, skip=2)
    run = await house.pull(DATASETS["S"], by_pages=True)
    assert run.status is RunStatus.COMPLETED
    assert run.counts.discovered == len(ROWS[DATASETS["S"]])
    asked = [each for each in sandbox.requests() if each["vendor"] == "data_gov_sg"]
    assert [each["count"] for each in asked if each["count"] > 1] == [2], (
        "only the page that failed was asked for twice"
    )


async def test_a_data_set_that_cannot_be_had_ends_in_error_and_the_others_come(house: House) -> None:
    # S3.18
    run = await house.pull("d_gone", DATASETS["X"])
    assert run.status is RunStatus.PARTIAL
    assert [(s.query, s.state) for s in run.slices or ()] == [("d_gone", "error"), (DATASETS["X"], "done")]
    assert (await staging.status(house.pool)).companies == len(ROWS[DATASETS["X"]])


async def test_without_its_catalogue_the_register_is_pulled_by_the_ids_we_know(
    house: House, sandbox: RunningSandbox
) -> None:
    # S3.18
    sandbox.fault("html", path="/data_gov_sg/catalog", times=None)
    run = await house.pull(deliveries=1)
    assert {s.query for s in run.slices or ()} == set(REAL.values())
