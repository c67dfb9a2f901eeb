"""What a simulated installation is made of: processes that stand still until they have a turn, and how rough their world is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from db.transaction import Pool
from tests.simulation.sessions import GatedPool, Killed, Session

if TYPE_CHECKING:
    from tests.simulation.schedule import Simulation

#: What becomes of a statement: it runs; its connection breaks before it; it runs, and its answer is lost.
Fate = Literal["go", "cut", "lost"]
Main = Callable[["Process"], Awaitable[None]]
#: Whose code runs.
PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


@dataclass(frozen=True)
class Weather:
    """How rough a seed is: chances a step."""

    cut: float
    lost: float
    kill: float
    tick: float
    stall: float

    @classmethod
    def of(cls, draw: random.Random) -> Weather:
        pick = draw.choice
        return cls(
            pick([0, 0.01, 0.03]),
            pick([0, 0.01, 0.03]),
            pick([0, 0.005, 0.015]),
            pick([0.05, 0.1]),
            pick([0, 0.02, 0.05]),
        )


CALM = Weather(0, 0, 0, 0, 0)
#: Many who are taken for dead, and come back.
ZOMBIES = Weather(0, 0.01, 0, 0.03, 0.06)
#: How far the clock moves at a time, in milliseconds.
TICKS = (100, 100, 300, 300, 1_000, 1_000, 31_000, 31_000, 400_000)


@dataclass(eq=False)
class Turn:
    process: Process
    what: str
    statement: bool
    given: asyncio.Future[Fate]


@dataclass(eq=False)
class Process:
    """One operating system process: it is killed as a whole, and another of its kind starts."""

    sim: Simulation
    kind: str
    main: Main
    number: int
    killed: bool = False
    sessions: list[Session] = field(default_factory=list)
    #: For how many steps it hardly gets on.
    stalled: int = 0
    #: Its last look found nothing to do.
    idle: bool = False
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.name = f"{self.kind}#{self.number}"
        self.draw = random.Random(f"{self.sim.seed}/{self.name}")

    def pool(self, kind: str) -> Pool:
        return cast(Pool, GatedPool(self, kind))

    def luck(self) -> float:
        return round(self.draw.uniform(-1, 1), 6)

    async def turn(self, what: str, *, statement: bool = False) -> Fate:
        """Stand still until it is our turn."""
        if self.killed:
            raise Killed
        mine = Turn(self, what, statement, asyncio.get_running_loop().create_future())
        self.sim.turns.append(mine)
        try:
            return await mine.given
        finally:
            if mine in self.sim.turns:
                self.sim.turns.remove(mine)
