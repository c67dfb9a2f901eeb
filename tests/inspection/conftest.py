"""The stage for every test of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.server_fixture import api
from tests.inspection.scene import Scene, scene_on

__all__ = ["api"]


@pytest.fixture
async def scene(db_url: str) -> AsyncIterator[Scene]:
    async with scene_on(db_url) as made:
        yield made
