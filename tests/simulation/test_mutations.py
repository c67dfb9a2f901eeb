"""The checker sees what it is there for: the product, broken on purpose, does not get past a few seeds."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulation.conftest import Live
from tests.simulation.mutations import MUTATIONS, Mutation
from tests.simulation.processes import ZOMBIES
from tests.simulation.schedule import Violation
from tests.simulation.world import World

#: Within so many seeds each must be seen.
FEW = 60


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_a_broken_protocol_is_caught(mutation: Mutation, run_seed: Live, stage: tuple[World, asyncio.Runner]) -> None:
    world, runner = stage
    whole = runner.run(world.watch.fetchval("SELECT pg_get_functiondef('app.complete'::regproc)"))
    if mutation.database:
        runner.run(world.watch.execute(mutation.database))
    try:
        with mutation.made(), pytest.raises(Violation) as seen:
            _live_through(run_seed)
    finally:
        runner.run(world.watch.execute(whole))
    assert seen.value.what.startswith(mutation.caught_as)
    assert f"make simulate SEED={seen.value.seed}" in str(seen.value)
    assert len(seen.value.trace) > 10


def _live_through(run_seed: Live) -> None:
    for seed in range(1, FEW + 1):
        run_seed(seed, ZOMBIES)
