"""Pools on a fresh database: `pool` as the product's code uses it, `queue_pool` as its worker does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from db.pool import open_pool
from db.transaction import Pool
from worker.queue.pool import open_queue_pool


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    opened = await open_pool(db_url, name="test", size=4)
    yield opened
    opened.terminate()


@pytest.fixture
async def queue_pool(db_url: str) -> AsyncIterator[Pool]:
    opened = await open_queue_pool(db_url)
    yield opened
    opened.terminate()
