"""Fixtures of this folder."""

from __future__ import annotations

from uuid import UUID

import pytest

from db.transaction import Pool
from tests.db.conftest import pool, tenant
from tests.scoring.house import House

__all__ = ["house", "pool", "tenant"]


@pytest.fixture
def house(pool: Pool, tenant: UUID) -> House:
    return House(pool, tenant)
