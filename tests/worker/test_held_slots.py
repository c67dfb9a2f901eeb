"""What one worker does not use of a pace, others get (over a real Postgres; each pool stands for a process)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from contracts.errors import VendorBusy
from contracts.providers import Window
from tests.worker.test_pace import KEY, spec, workers
from worker.pace import Pacer

__all__ = ["workers"]


async def turns(pacer: Pacer, most: int) -> int:
    """Ask one after the other until nothing is left; gives how often it went."""
    for count in range(most):
        try:
            async with pacer.turn(spec(Window(60, 60)), KEY):
                pass
        except VendorBusy:
            return count
    return most


async def test_what_was_leased_ahead_of_a_demand_that_ended_is_not_lost(
    workers: Callable[[], Awaitable[Pacer]],
) -> None:
    # S2.02: of a minute's sixty requests all can be made, whoever makes them
    made = 0
    for _ in range(6):
        pacer = await workers()
        made += await turns(pacer, 7)
        await pacer.close()
    assert made == 42
    assert await turns(await workers(), 60) == 18
