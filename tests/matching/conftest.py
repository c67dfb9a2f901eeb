"""The fixtures of these tests."""

from __future__ import annotations

import pytest

from db.transaction import Pool
from tests.conftest import Connection
from tests.db.conftest import pool, tenant  # noqa: F401
from tests.matching.ground import Ground


@pytest.fixture
def ground(conn: Connection, pool: Pool, tenant: object) -> Ground:  # noqa: F811
    return Ground(conn, pool, tenant)  # type: ignore[arg-type]
