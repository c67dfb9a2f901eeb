"""The fixtures of the database tests, and ground for machines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.db.conftest import pool, tenant  # noqa: F401
from tests.machines.ground import Ground, ground_at


@pytest.fixture
def ground(db_url: str) -> Iterator[Ground]:
    with ground_at(db_url) as made:
        yield made
