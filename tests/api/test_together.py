"""Answers that are shared are never older than the question, and one reader's leaving or failing is not the next one's."""

from __future__ import annotations

import asyncio

import pytest

from api.together import Together


async def test_all_who_ask_at_once_cost_two_answers_and_none_is_older_than_its_question() -> None:
    # S4.06
    together, began, gates = Together[int](), 0, [asyncio.Event() for _ in range(3)]

    async def work() -> int:
        nonlocal began
        began += 1
        mine = began
        await gates[mine - 1].wait()
        return mine

    first = asyncio.create_task(together.ask("a", work))
    await asyncio.sleep(0)
    later = [asyncio.create_task(together.ask("a", work)) for _ in range(20)]
    other = asyncio.create_task(together.ask("b", work))
    await asyncio.sleep(0)
    for gate in gates:
        gate.set()
    assert await first == 1
    assert await other == 2  # another question does not wait
    assert {await each for each in later} == {3}, "what was begun before they asked is not theirs"
    assert began == 3


async def test_who_leaves_or_fails_takes_nothing_from_those_who_come_after() -> None:
    together, gate = Together[str](), asyncio.Event()

    async def breaks() -> str:
        await gate.wait()
        raise ValueError("broken")

    async def works() -> str:
        return "well"

    broken = asyncio.create_task(together.ask("a", breaks))
    await asyncio.sleep(0)
    impatient, patient = (asyncio.create_task(together.ask("a", works)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    gate.set()
    with pytest.raises(ValueError, match="broken"):
        await broken
    assert await patient == "well"
    assert await together.ask("a", works) == "well"
