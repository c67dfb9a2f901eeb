"""`headwater nightly` and `headwater shortlists` as somebody in a shell has them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.nightly.house import NightHouse

pytestmark = pytest.mark.slow


async def headwater(url: str, *arguments: object, expect: int = 0) -> str:
    """Run a command; gives what it printed, or its complaint when it fails."""
    environment = {**os.environ, "DATABASE_URL": url, "COLUMNS": "200"}
    command = [sys.executable, "-m", "headwater", *map(str, arguments)]
    ran = await asyncio.to_thread(
        lambda: subprocess.run(command, capture_output=True, text=True, env=environment, timeout=90)
    )
    assert ran.returncode == expect, ran.stderr + ran.stdout
    return ran.stdout if ran.stdout else ran.stderr


@pytest.mark.timeout(240)
async def test_a_night_from_a_shell(house: NightHouse, db_url: str) -> None:
    # S3.11 S3.15
    slug = await house.conn.fetchval("SELECT slug FROM app.tenants WHERE id = $1", house.tenant)
    for n in range(3):
        await house.found(f"c{n}", None)

    async def nightly(*words: object, expect: int = 0) -> Any:
        said: Any = json.loads(await headwater(db_url, "nightly", *words, "--json", expect=expect))
        return said["items"]

    (dry,) = await nightly("--tenant", slug, "--dry-run", "--limit", 2)
    (night,) = await nightly("--limit", 2)
    assert (night["tenant"], night["new"], dry["new"]) == (slug, True, True), "every tenant whose nights run"
    await house.work()
    (again,) = await nightly("--tenant", slug)
    assert (again["id"], again["new"], again["status"]) == (night["id"], False, "completed")
    assert again["steps"]["scoring"] == {"in": 2, "done": 2, "skipped": {}}
    (resumed,) = await nightly("--tenant", slug, "--from-manifest", night["id"])
    assert resumed["new"]
    shown = json.loads(await headwater(db_url, "shortlists", "show", again["night"], "--tenant", slug, "--json"))
    assert len(shown["items"]) == 2 <= shown["cap"]
    assert (await headwater(db_url, "shortlists", "show", again["night"], "--tenant", slug, "--csv")).startswith(
        "rank,"
    )
    assert "over_cap" in await headwater(db_url, "shortlists", "why", night["id"], "--tenant", slug)
    assert "no step 'sleep' can be skipped" in await headwater(
        db_url, "nightly", "--tenant", slug, "--skip", "sleep", expect=2
    )
    assert "there is no tenant 'nobody'" in await headwater(db_url, "nightly", "--tenant", "nobody", expect=1)
