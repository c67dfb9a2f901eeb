"""The file channel: the shipped extract, and files that users bring."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import BadAnswer, VendorRefused
from contracts.providers import Terms
from worker.providers.company_file import SHIPPED, CompanyFile


async def test_the_shipped_extract_stands_beside_its_licence_and_holds_real_companies() -> None:
    assert "CC0" in (SHIPPED.parent / "LICENCE-gleif.txt").read_text(encoding="utf-8")
    page = await CompanyFile().search("apparel South Africa", cursor=None, limit=5)
    assert page.companies[0].name == "TFG Apparel Supply Company (Pty) Ltd"
    assert page.companies[0].registry_id == "lei:37890071C44877420449"


async def test_a_query_with_only_a_country_lists_it_and_one_with_nothing_finds_nothing() -> None:
    search = CompanyFile()
    page = await search.search("companies in Botswana", cursor=None, limit=100)
    assert len(page.companies) == 21
    assert (await search.search("companies", cursor=None, limit=100)).companies == ()


async def test_a_users_own_file_needs_three_columns(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("country,legal_name,lei\nBW,Kgale Uniforms,K1\nXXX,Bad row,K2\nZA,,K3\n", encoding="utf-8-sig")
    page = await CompanyFile(path).search("uniforms Botswana", cursor=None, limit=10)
    assert [(c.external_id, c.name, c.country, c.registry_id) for c in page.companies] == [
        ("K1", "Kgale Uniforms", "BW", None)
    ]
    assert page.companies[0].terms is Terms.LICENSED, "nobody says that it may be given away"


async def test_a_file_that_is_not_there_or_not_readable_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(VendorRefused, match="COMPANY_FILE"):
        await CompanyFile(tmp_path / "none.csv").search("x", cursor=None, limit=1)
    (tmp_path / "names.csv").write_text("name,country\nA,ZA\n", encoding="utf-8")
    with pytest.raises(BadAnswer, match="lacks lei, legal_name"):
        await CompanyFile(tmp_path / "names.csv").search("x", cursor=None, limit=1)
    for name, raw in (
        ("a.csv.gz", b"no gzip"),
        ("b.csv.gz", SHIPPED.read_bytes()[:500]),
        ("c.csv", b"\xff\xff"),
    ):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(BadAnswer, match="damaged"):
            await CompanyFile(tmp_path / name).search("x", cursor=None, limit=1)
