"""The console on a real socket, and people in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.server_fixture import Served, api, served
from tests.conftest import Databases
from tests.ui.visitors import Visitor

__all__ = ["api"]


@pytest.fixture(scope="module")
def shared_api(databases: Databases, template: str) -> Iterator[Served]:
    """One API for all tests of a module that leave it as they found it."""
    url = databases.create(template)
    with served(url) as running:
        yield running
    databases.drop(url)


@pytest.fixture
def visitor(shared_api: Served) -> Iterator[Visitor]:
    """Somebody who is not logged in yet."""
    with Visitor.at(shared_api) as made:
        yield made
