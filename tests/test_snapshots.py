"""What is committed for people to read is what the code makes: `make snapshot` writes both anew."""

from __future__ import annotations

import json
from difflib import unified_diff
from pathlib import Path

import asyncpg
import pytest
from openapi_spec_validator import validate

from api.openapi import document
from db import snapshot

ROOT = Path(__file__).resolve().parents[1]
#: pg_dump of another major version words the same schema differently.
MAJOR = 18


def _unchanged(path: str, made: str) -> None:
    committed = (ROOT / path).read_text(encoding="utf-8")
    changes = list(unified_diff(committed.splitlines(), made.splitlines(), path, "made now", lineterm="", n=1))
    assert not changes, f"{path} is out of date: run `make snapshot` and commit it\n" + "\n".join(changes[:40])


async def test_the_schema_is_the_committed_one(db_url: str) -> None:
    connection = await asyncpg.connect(db_url)
    try:
        major = connection.get_server_version().major
    finally:
        await connection.close()
    if major != MAJOR:
        pytest.skip(f"db/schema.sql is written by PostgreSQL {MAJOR}, this server is {major}")
    _unchanged("db/schema.sql", await snapshot.dump(db_url))


@pytest.mark.slow
def test_the_api_is_the_committed_one() -> None:
    made = json.dumps(document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    _unchanged("docs/openapi.json", made)


@pytest.mark.slow
def test_the_committed_api_is_valid_openapi() -> None:
    committed = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
    assert committed["openapi"].startswith("3.1")
    validate(committed)
