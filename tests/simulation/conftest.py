"""One database for all simulations of a test process: each seed empties it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
import structlog

from tests.conftest import Databases
from tests.simulation.processes import Weather
from tests.simulation.seeds import Lived, live
from tests.simulation.world import World

#: Runs one seed; raises Violation.
Live = Callable[..., Lived]


@pytest.fixture(scope="session")
def stage(databases: Databases, template: str) -> Iterator[tuple[World, asyncio.Runner]]:
    url = databases.create(template)
    with asyncio.Runner() as runner:
        world = runner.run(World.of(url))
        yield world, runner
        runner.run(world.close())
    databases.drop(url)


@pytest.fixture
def run_seed(stage: tuple[World, asyncio.Runner]) -> Iterator[Live]:
    world, runner = stage
    kept = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))

    def run(seed: int, weather: Weather | None = None) -> Lived:
        return runner.run(live(world, seed, weather))

    yield run
    structlog.configure(**kept)
