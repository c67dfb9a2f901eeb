"""`headwater icp rules`, `refresh`, `candidates` and `headwater leads score`, in this process on a database of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.settings import Settings
from db import profiles, tenants
from db.lead_commands import leads_app
from db.pool import open_pool
from db.profile_commands import icp_app
from db.transaction import transaction
from tests.scoring.house import House

Ask = Callable[..., Any]
RULES = {
    "rules": [
        {"type": "HARD_FILTER", "field_key": "companyCountry", "operator": "IN", "value": ["ZA"]},
        {"field_key": "companyEmployee", "operator": "GTE", "value": 100},
    ],
    "high_from": 0.7,
}


@pytest.fixture
def headwater(db_url: str, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs a command: its JSON, or what it said."""
    monkeypatch.setenv("DATABASE_URL", db_url)
    monkeypatch.setenv("LOG_LEVEL", "ERROR")

    def ask(group: str, *words: object, status: int = 0, as_json: bool = True) -> Any:
        app = {"icp": icp_app, "leads": leads_app}[group]
        done = CliRunner().invoke(app, [*map(str, words), *(["--json"] if as_json and not status else [])])
        assert done.exit_code == status, done.output + done.stderr
        if status or not as_json:
            return done.output + done.stderr
        return json.loads(done.stdout[done.stdout.index("{") :])

    return ask


def scene(url: str, *, rescored: bool = False) -> list[str]:
    """The default tenant with a profile's leads from three countries, scored; or what is due done."""

    async def work() -> list[str]:
        pool = await open_pool(url, name="tests", size=4)
        try:
            house = House(pool, (await tenants.ensure_default(pool, Settings.model_construct())).id)
            if rescored:
                await house.work()
                return []
            async with transaction(pool, house.tenant) as tx:
                profile = await profiles.named(tx, house.tenant, "Near")
            made = [await house.lead(profile, country=c, employees=400) for c in ("ZA", "DE", "US")]
            await house.score(*made)
            return [str(lead) for lead in made]
        finally:
            await pool.close()

    return asyncio.run(work())


def test_rules_from_a_file_are_tried_watched_and_promoted(headwater: Ask, db_url: str, tmp_path: Path) -> None:
    # S2.09 B.05 B.08
    headwater("icp", "create", "Near")
    leads = scene(db_url)
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(RULES))
    assert headwater("icp", "rules", "preview", "Near", file)["rejected"] == 2
    said = headwater("icp", "rules", "preview", "Near", file, as_json=False)
    assert "3 companies: 1 candidates, 2 rejected, 0 deferred" in said
    made = headwater("icp", "rules", "create", "Near", file, "--reason", "only at home")["rule_set"]
    assert (made["stage"], made["version"], made["high_from"], made["reason"]) == ("SHADOW", 1, 0.7, "only at home")
    held = headwater("icp", "rules", "compare", "Near", made["id"])
    assert (held["leads"], held["changed"]) == (3, 3)
    assert "of 3 leads would change band" in headwater("icp", "rules", "compare", "Near", made["id"], as_json=False)
    moved = headwater("icp", "rules", "promote", "Near", made["id"], "--rescore", "--limit", 2)
    assert (moved["rescoring"], moved["left"]) == (2, 1)
    scene(db_url, rescored=True)
    shown = headwater("leads", "show", leads[2])["lead"]["latest_score"]
    assert (shown["rejected"], shown["band"]) == (True, "LOW")
    assert "Rejected: country: US, wanted one of ZA." in headwater("leads", "show", leads[2], as_json=False)
    assert [r["id"] for r in headwater("leads", "list", "--band", "LOW")["items"]] == [leads[2], leads[1]]
    assert "LOW" in headwater("leads", "list", as_json=False)
    assert headwater("leads", "score", leads[0])["asked"] == [leads[0]]
    assert headwater("leads", "score", "--again")["asked"] == [], "none of them is enriched"
    assert headwater("icp", "rules", "archive", "Near", made["id"])["stage"] == "ARCHIVED"
    assert [s["version"] for s in headwater("icp", "rules", "list", "Near")["items"]] == [1, 0]
    assert "companyCountry" in headwater("icp", "rules", "show", "Near", made["id"], as_json=False)


def test_candidates_are_refreshed_and_say_why(headwater: Ask, db_url: str) -> None:  # R19 B.05
    headwater("icp", "create", "Near", "--country", "ZA")
    scene(db_url)
    assert headwater("icp", "refresh", "Near") == {
        "companies": 3, "candidates": 1, "rejected": 2, "deferred": 0, "gone": 0, "changed": 3,
    }  # fmt: skip
    first = headwater("icp", "candidates", "Near", "--verdict", "REJECTED", "--limit", 1)
    rest = headwater("icp", "candidates", "Near", "--verdict", "REJECTED", "--cursor", first["next_cursor"])
    assert {r["reasons"][0]["words"] for r in first["items"] + rest["items"]} == {
        "country: DE, wanted one of ZA", "country: US, wanted one of ZA",
    }  # fmt: skip
    assert "country: DE, wanted one of ZA" in headwater("icp", "candidates", "Near", as_json=False)


def test_a_file_that_makes_no_sense_is_refused_in_words(headwater: Ask, tmp_path: Path) -> None:
    headwater("icp", "create", "Near")
    file = tmp_path / "rules.json"
    for text in ("[", "[]", json.dumps({"rules": [{"field_key": "companySnark", "operator": "EQ", "value": 1}]})):
        file.write_text(text)
        done = CliRunner().invoke(icp_app, ["rules", "create", "Near", str(file)])
        assert done.exit_code != 0
        assert str(file) in str(getattr(done.exception, "detail", done.output))
    assert "headwater icp list" in headwater("icp", "refresh", "Nobody", status=1)
