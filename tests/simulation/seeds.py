"""One seed from its first step to the judgement of its history."""

from __future__ import annotations

from dataclasses import dataclass

from db.pool import open_pool
from tests.simulation.actors import Cast, mend
from tests.simulation.checker import Change, check
from tests.simulation.processes import Weather
from tests.simulation.schedule import Simulation, Violation
from tests.simulation.world import Limit, World

#: Share of seeds in which one tenant's jobs are held to limits.
LIMITED = 0.4
#: Steps of the storm, and how often the calm after it may begin anew.
STEPS, ROUNDS = 200, 40


@dataclass(frozen=True, slots=True)
class Lived:
    """How a seed went that broke nothing."""

    seed: int
    trace: list[str]
    changes: list[Change]


async def live(world: World, seed: int, weather: Weather | None = None) -> Lived:
    """Run one seed. Raises: Violation."""
    await world.clear()
    sim = Simulation(world, seed, weather)
    cast = Cast(world.tenants, world.endpoints)
    if sim.draw.random() < LIMITED:
        cast.limit = Limit(sim.draw.choice([1, 2, 3]), sim.draw.choice([0.5, 2.0]), sim.draw.choice([3, 6]))
        await world.limit(world.tenants[0], cast.limit)
    pool = await open_pool(world.url, name="simulation", size=2)
    try:
        with sim.in_hand():
            for kind, least, most, main in (
                ("writer", 1, 2, cast.writer), ("dispatcher", 1, 2, cast.dispatcher), ("worker", 2, 3, cast.worker),
                ("sweeper", 1, 2, cast.sweeper), ("sink", 2, 2, cast.sink),
            ):  # fmt: skip
                for _ in range(sim.draw.randint(least, most)):
                    sim.start(kind, main)
            try:
                await sim.run(STEPS)
                restless = await sim.drain(ROUNDS, lambda: mend(pool, world.tenants))
            finally:
                await sim.close()
        found, changes = await check(world, cast, pool)
        if restless:
            found = [f for f in found if f.startswith("fence")] + [restless]
    finally:
        pool.terminate()
    if found:
        raise Violation(sim, "; ".join(found[:5]))
    return Lived(seed, sim.trace, changes)
