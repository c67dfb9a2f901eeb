"""Fixtures of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.db.conftest import pool, tenant  # noqa: F401
from tests.fuzz.door import Door, standing


@pytest.fixture
def door(db_url: str, tmp_path: Path) -> Iterator[Door]:
    """An API process of the test's own."""
    with standing(db_url, tmp_path / "api.log") as opened:
        yield opened
