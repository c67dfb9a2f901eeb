"""The register at data.gov.sg: pages, files, the catalogue, and what goes wrong on the way."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.errors import BadAnswer, VendorBusy, VendorDown, VendorRefused
from contracts.findings import (
    RegisterCatalog,
    RegisterCatalogQuery,
    RegisterEntity,
    RegisterFile,
    RegisterFileQuery,
    RegisterPage,
    RegisterQuery,
)
from contracts.providers import Operation, Reply
from contracts.settings import Settings
from contracts.staging import DATASETS as REAL
from contracts.staging import read_row
from db.pool import open_pool
from tests.providers.sandbox_fixture import RunningSandbox
from worker.pace import Pacer
from worker.providers import acra, acra_files
from worker.providers.sandbox.data_gov_sg import DATASETS

Ops = dict[str, Operation[Any, Any]]


@pytest.fixture
async def register(sandbox: RunningSandbox) -> AsyncIterator[Ops]:
    made = {op.spec.operation: op for op in acra.make(sandbox.settings(data_gov_sg_api_key=SecretStr("k-123")))}
    yield made
    for op in made.values():
        await op.close()  # type: ignore[attr-defined]


async def page(register: Ops, letter: str, offset: int = 0, limit: int = 1000) -> RegisterPage:
    query = RegisterQuery(dataset=DATASETS[letter], offset=offset, limit=limit)
    (reply,) = await register["page"].ask([query], key="k")
    found: Reply[RegisterPage] = reply
    assert found.value is not None
    return found.value


async def download(register: Ops, letter: str) -> RegisterFile:
    (reply,) = await register["download"].ask([RegisterFileQuery(dataset=DATASETS[letter])], key="k")
    assert isinstance(reply.value, RegisterFile)
    return reply.value


def taken(file: RegisterFile) -> tuple[RegisterEntity, ...]:
    """The rows of a file, which is gone afterwards."""
    path = Path(file.path)
    try:
        assert file.size == path.stat().st_size
        with path.open(newline="") as lines:
            return tuple(read_row(row) for row in csv.DictReader(lines))
    finally:
        path.unlink()


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_data_set_is_read_page_by_page_to_its_end(register: Ops) -> None:
    # S3.18
    whole = await page(register, "S")
    assert whole.next_offset is None
    assert whole.total == len(whole.entities) > 10
    walked: list[RegisterEntity] = []
    offset: int | None = 0
    while offset is not None:
        part = await page(register, "S", offset, 7)
        walked += part.entities
        offset = part.next_offset
    assert tuple(walked) == whole.entities
    first = whole.entities[0]
    assert first.name.startswith("S")
    assert first.building is None, "na is nothing"
    assert (await page(register, "S", whole.total + 5)).entities == ()


async def test_the_catalogue_names_27_data_sets(register: Ops) -> None:
    # S3.18
    (reply,) = await register["catalog"].ask([RegisterCatalogQuery()], key="k")
    assert isinstance(reply.value, RegisterCatalog)
    assert set(reply.value.datasets) == set(DATASETS.values())
    assert len(reply.value.datasets) == len(REAL) == len(set(REAL.values())) == 27


async def test_a_file_has_the_rows_of_the_pages(register: Ops) -> None:
    # S3.18
    file = await download(register, "C")
    assert taken(file) == (await page(register, "C")).entities


async def test_a_file_that_is_still_made_is_asked_for_again(register: Ops) -> None:
    # S3.18
    with pytest.raises(VendorBusy) as busy:
        await download(register, "B")
    assert busy.value.code == "pending"
    assert taken(await download(register, "B"))


@pytest.mark.slow
async def test_a_file_comes_at_the_vendors_own_pace(register: Ops, db_url: str) -> None:
    # S3.18: its link takes two requests, 2 of which are allowed in 10 seconds
    pool = await open_pool(db_url, name="headwater test", size=2)
    pacer = Pacer(pool, Settings())
    with pytest.raises(VendorBusy) as busy:
        async with pacer.turn(acra_files.DOWNLOAD, "k"):
            await download(register, "B")
    assert busy.value.code == "pending"  # it came as far as to ask for the link
    async with pacer.turn(acra_files.DOWNLOAD, "k", patience_s=15):
        assert taken(await download(register, "B"))
    await pacer.close()
    await pool.close()


async def test_a_forbidden_download_is_refused_and_leaves_nothing(register: Ops, tmp_path: Path) -> None:
    # S3.18
    with pytest.raises(VendorRefused):
        await download(register, "Q")


async def test_a_429_waits_for_the_window_that_it_does_not_name(register: Ops, sandbox: RunningSandbox) -> None:
    # S3.18
    limit = {"vendor": "data_gov_sg", "operation": "datastore_search", "limit": 2, "seconds": 10}
    sandbox._call("/__control/limit", limit)
    for _ in range(2):
        await page(register, "X")
    with pytest.raises(VendorBusy) as busy:
        await page(register, "X")
    assert busy.value.after_s == acra.WINDOW_S


async def test_a_key_only_raises_the_limits(sandbox: RunningSandbox) -> None:
    for none in (None, SecretStr(""), SecretStr("  ")):
        made = {op.spec.operation: op for op in acra.make(sandbox.settings(data_gov_sg_api_key=none))}
        assert (await page(made, "S")).entities
        for op in made.values():
            await op.close()  # type: ignore[attr-defined]
    for unusable in ("a key", "schlüssel"):
        with pytest.raises(VendorRefused, match=r"DATA_GOV_SG_API_KEY.*copy it again") as absent:
            acra.make(sandbox.settings(data_gov_sg_api_key=SecretStr(unusable)))
        assert absent.value.code == "vendor_absent"


async def test_an_unknown_data_set_is_refused(register: Ops) -> None:
    for name, query in (("page", RegisterQuery(dataset="d_0")), ("download", RegisterFileQuery(dataset="d_0"))):
        with pytest.raises(VendorRefused):
            await register[name].ask([query], key="k")
    with pytest.raises(VendorRefused) as refused:
        await register["download"].ask([RegisterFileQuery(dataset="../../x")], key="k")
    assert refused.value.code == "bad_dataset"


@pytest.mark.parametrize("kind", ["garbage", "html", "shape", "truncate"])
async def test_what_cannot_be_read_is_a_bad_answer(register: Ops, sandbox: RunningSandbox, kind: str) -> None:
    sandbox.fault(kind, vendor="data_gov_sg")
    with pytest.raises(BadAnswer):
        await page(register, "S", limit=3)


async def test_a_hostile_page_loses_only_what_is_bad(register: Ops, sandbox: RunningSandbox) -> None:
    sandbox.fault("hostile", vendor="data_gov_sg")
    found = await page(register, "S", limit=5)
    assert len(found.entities) + found.dropped == 5


@pytest.mark.parametrize(("kind", "error"), [("503", VendorDown), ("403", VendorRefused), ("reset", Exception)])
async def test_a_file_store_that_fails_leaves_no_file(
    register: Ops,
    sandbox: RunningSandbox,
    kind: str,
    error: type[Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sandbox.fault(kind, path="/data_gov_sg/files/")
    with pytest.raises(error) as failed:
        await download(register, "C")
    assert left(tmp_path) == []
    assert "Signature" not in f"{failed.value!r} {failed.value.__context__!r}"


async def test_a_file_that_is_too_large_is_not_taken(
    register: Ops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(register["download"]._files, "_max_bytes", 1000)  # type: ignore[attr-defined]
    with pytest.raises(BadAnswer, match="1000 bytes"):
        await download(register, "C")
    assert left(tmp_path) == []


OPEN = "https://api-open.data.gov.sg"


@pytest.mark.parametrize(
    "link",
    [
        "https://s3.ap-southeast-1.amazonaws.com/blobs.data.gov.sg/d_1.csv?X-Amz-Signature=x",
        "https://s3.ap-southeast-1.amazonaws.com/table-downloads-ingest.data.gov.sg/d_1.csv",
        "https://blobs.data.gov.sg/d_1.csv",
        "https://blobs.data.gov.sg.s3.ap-southeast-1.amazonaws.com/d_1.csv",
    ],
)
def test_links_to_the_vendors_own_hosts_are_followed(link: str) -> None:
    acra_files.check_link(link, OPEN)


@pytest.mark.parametrize(
    "link",
    [
        "http://blobs.data.gov.sg/d_1.csv",
        "https://data.gov.sg.example.com/d_1.csv",
        "https://notdata.gov.sg.evil.example/d.csv",
        "https://xdata.gov.sg/d_1.csv",
        "https://s3.ap-southeast-1.amazonaws.com/somebody-else/d_1.csv",
        "https://s3.ap-southeast-1.amazonaws.com/data.gov.sg.evil/d_1.csv",
        "https://user@blobs.data.gov.sg/d_1.csv",
        "https://blobs.data.gov.sg:8443/d_1.csv",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "https://[bad",
        "",
    ],
)
def test_links_elsewhere_are_not_followed(link: str) -> None:
    # S3.18
    with pytest.raises(VendorRefused) as refused:
        acra_files.check_link(link, OPEN)
    assert refused.value.code == "vendor_moved"
