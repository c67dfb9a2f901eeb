"""One installation a module, a desk of its own for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.conftest import Databases
from tests.flows.installation import Desk, Installation, desk_at, installed
from tests.providers.sandbox_fixture import RunningSandbox, sandbox, sandbox_server  # noqa: F401


@pytest.fixture(scope="module")
def idle(
    databases: Databases,
    template: str,
    sandbox_server: RunningSandbox,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    """An installation without a worker."""
    url = databases.create(template)
    with installed(url, sandbox_server, tmp_path_factory.mktemp("installation")) as house:
        yield house
    databases.drop(url)


@pytest.fixture(scope="module")
def house(idle: Installation) -> Installation:
    """An installation with two workers side by side."""
    idle.worker()
    idle.worker()
    return idle


@pytest.fixture
async def desk(idle: Installation, sandbox: RunningSandbox) -> AsyncIterator[Desk]:  # noqa: F811
    """A new tenant at that installation; the sandbox behaves."""
    async with desk_at(idle.url) as made:
        yield made
