"""`headwater icp` and `headwater opportunities`, in this process on a database of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from typer.testing import CliRunner

from contracts.tenants import SYSTEM_TENANT
from db.opportunity_commands import opportunities_app
from db.profile_commands import icp_app

Ask = Callable[..., Any]


@pytest.fixture
def headwater(db_url: str, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs a command: its JSON, or what it said when it was to fail."""
    monkeypatch.setenv("DATABASE_URL", db_url)

    def ask(group: str, *words: str, status: int = 0) -> Any:
        # Beside it stands what is logged: only the front door sends that elsewhere.
        app = {"icp": icp_app, "opportunities": opportunities_app}[group]
        done = CliRunner().invoke(app, [*words, *([] if status else ["--json"])])
        assert done.exit_code == status, done.output + done.stderr
        return done.output + done.stderr if status else json.loads(done.stdout[done.stdout.index("{") :])

    return ask


def test_a_profile_is_made_found_by_name_changed_and_closed(headwater: Ask) -> None:
    # S2.08
    made = headwater("icp", "create", "Cleaning", "--naics", "561720", "--country", "US", "--min-size", "10")
    assert (made["naics_codes"], made["target_countries"], made["version"]) == (["561720"], ["US"], 1)
    changed = headwater("icp", "change", "Cleaning", "--naics", "5617", "--naics", "8123")
    assert (changed["naics_codes"], changed["version"]) == (["5617", "8123"], 2)
    assert headwater("icp", "show", made["id"]) == headwater("icp", "show", "Cleaning") == changed
    assert [p["id"] for p in headwater("icp", "list")["items"]] == [made["id"]]
    assert headwater("icp", "close", "Cleaning")["closed_at"] is not None
    assert headwater("icp", "list")["items"] == []
    assert len(headwater("icp", "list", "--closed")["items"]) == 1
    assert "headwater icp list" in headwater("icp", "show", "Cleaning", status=1)
    assert "naics_codes" in headwater("icp", "create", "Wrong", "--naics", "x", status=2)
    assert "swap them" in headwater("icp", "create", "Wrong", "--min-size", "5", "--max-size", "2", status=2)


def test_a_fetch_is_asked_for_and_tenders_are_listed(headwater: Ask, db_url: str) -> None:
    # S1.05
    assert headwater("opportunities", "last") == {"last_success": None, "latest": None}
    made = headwater("opportunities", "fetch")
    assert (made["status"], made["opportunities_found"], made["api_calls_made"]) == ("pending", 0, 0)
    assert headwater("opportunities", "fetch")["id"] == made["id"]
    assert headwater("opportunities", "last")["latest"]["id"] == made["id"]

    async def owner() -> UUID:
        connection = await asyncpg.connect(db_url)
        try:
            found: UUID = await connection.fetchval("SELECT tenant_id FROM app.runs")
            return found
        finally:
            await connection.close()

    assert asyncio.run(owner()) == SYSTEM_TENANT
    assert headwater("opportunities", "list", "--naics", "5617", "--since", "2026-01-01")["items"] == []
    assert "no ICP profile" in headwater("opportunities", "list", "--profile", "Nobody", status=1)
