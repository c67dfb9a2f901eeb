"""One database for all simulations of a test process: each seed empties it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import structlog

from tests.conftest import Databases
from tests.simulation.processes import Weather
from tests.simulation.seeds import Lived, live
from tests.simulation.world import World

#: Runs one seed; raises Violation.
Live = Callable[..., Lived]
Stage = tuple[World, asyncio.Runner]


def alive(stage: Stage, seed: int, weather: Weather | None = None) -> Lived:
    """Run one seed; what the product would log is left out. Raises: Violation."""
    world, runner = stage
    kept = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        return runner.run(live(world, seed, weather))
    finally:
        structlog.configure(**kept)


@pytest.fixture(scope="session")
def stage(databases: Databases, template: str) -> Iterator[Stage]:
    url = databases.create(template)
    with asyncio.Runner() as runner:
        world = runner.run(World.of(url))
        yield world, runner
        runner.run(world.close())
    databases.drop(url)


@pytest.fixture
def run_seed(stage: Stage) -> Live:
    return partial(alive, stage)
