"""One dispatching process and one worker that may be killed at any time; the next worker takes over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.conftest import Databases
from tests.crash.breaking import Stage
from tests.flows.installation import Desk, Installation, desk_at, installed
from tests.providers.sandbox_fixture import RunningSandbox, sandbox, sandbox_server  # noqa: F401


@pytest.fixture(scope="module")
def house(
    databases: Databases,
    template: str,
    sandbox_server: RunningSandbox,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installation]:
    url = databases.create(template)
    with installed(url, sandbox_server, tmp_path_factory.mktemp("crash")) as made:
        yield made
    databases.drop(url)


@pytest.fixture(scope="module")
def stage(house: Installation) -> Stage:
    return Stage(house)


@pytest.fixture
async def desk(house: Installation, sandbox: RunningSandbox) -> AsyncIterator[Desk]:  # noqa: F811
    async with desk_at(house.url) as made:
        yield made
