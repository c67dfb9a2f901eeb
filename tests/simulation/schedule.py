"""Who goes next. One statement at a time, in an order that follows from the seed alone.

Actors are ordinary coroutines of the product on connections that ask here before each statement. While one has its turn, everybody
else stands still: at its next statement, at an event of its own process, or before a lock. Whoever waits for a lock is stopped
(SIGSTOP) until everybody before it has come to rest, so that several who are woken by one commit go on in one order.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

from db import limited_fetch, outbox
from tests.simulation.processes import CALM, PROCESS, TICKS, Fate, Main, Process, Turn, Weather
from tests.simulation.sessions import Killed, Session
from tests.simulation.world import World, names

#: How long a statement may run before it is asked whether it waits for a lock, in seconds.
_LOOK_S = 0.004
#: Steps shown with a violation.
SHOWN = 60
_OFTEN = {"writer": 2.0, "worker": 2.0, "sweeper": 1.5}
_RUNNING_CLOCK = "clock_timestamp() + app.clock_shift()"
_sleep = asyncio.sleep


class Violation(AssertionError):
    """A promise is broken."""

    def __init__(self, sim: Simulation, what: str) -> None:
        self.seed, self.what, self.trace = sim.seed, what, sim.trace
        steps = "\n".join(sim.trace[-SHOWN:])
        again = f"make simulate SEED={sim.seed}"
        super().__init__(f"seed {sim.seed}: {what}\nthe last steps:\n{steps}\nthe same again, with every step: {again}")


class Simulation:
    """One seed. `cast` makes the actors; `run` is the storm, `drain` the calm after it."""

    def __init__(self, world: World, seed: int, weather: Weather | None = None) -> None:
        self.world, self.seed = world, seed
        self.draw = random.Random(seed)
        self.weather = weather or Weather.of(self.draw)
        self.turns: list[Turn] = []
        self.processes: list[Process] = []
        self.trace: list[str] = []
        self.owners: dict[int, str] = {}
        self.names = names()
        self.draining = False
        #: Worker rows of the living, by process.
        self.beating: dict[Process, int] = {}
        self._numbers: dict[str, int] = {}
        self._flying: list[Session] = []
        self._blocked: list[Session] = []
        self._dying: list[Session] = []
        self._landed = asyncio.Event()
        self._ids = 0

    # -- what sessions report

    def fly(self, session: Session) -> None:
        self._flying.append(session)

    def land(self, session: Session, outcome: str) -> None:
        self._flying.remove(session)
        if session in self._blocked:
            self._blocked.remove(session)
        if outcome not in ("ok", "0 rows"):
            session.process.idle = False
            self.note(session.process, f"  = {outcome}")
        self._landed.set()

    def leave(self, session: Session) -> None:
        if session.real is not None:
            self._dying.append(session)

    def note(self, process: Process | None, what: str) -> None:
        self.trace.append(
            f"{len(self.trace):5} {self.world.clock_ms / 1000:8.2f}s {process.name if process else '':14} {what}"
        )

    # -- processes

    def start(self, kind: str, main: Main) -> Process:
        """Begin a process of this kind."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        process = Process(self, kind, main, self._numbers[kind])
        self.processes.append(process)
        token = PROCESS.set(process)
        process.task = asyncio.get_running_loop().create_task(self._live(process))
        PROCESS.reset(token)
        return process

    async def _live(self, process: Process) -> None:
        with suppress(Killed):
            await process.turn("begins")
            await process.main(process)

    async def _end(self, process: Process) -> None:
        """SIGKILL: its sessions end, its memory is gone."""
        process.killed = True
        self.processes.remove(process)
        self.beating.pop(process, None)
        for turn in [t for t in self.turns if t.process is process]:
            self.turns.remove(turn)
            if not turn.given.done():
                turn.given.set_exception(Killed())
        for session in process.sessions:
            session.terminate()
        await self.settle()
        if process.task is not None:
            process.task.cancel()
            await asyncio.wait([process.task])

    # -- steps

    async def run(self, steps: int) -> None:
        """The storm."""
        for _ in range(steps):
            await self.step()

    async def step(self) -> None:
        await self.settle()
        await self._fail_with_whoever_failed()
        luck, weather = self.draw.random(), self.weather
        if luck < weather.tick:
            await self._tick()
        elif luck < weather.tick + weather.kill:
            await self._kill()
        elif luck < weather.tick + weather.kill + weather.stall:
            await self._stall()
        else:
            self._give(weather)
        await self.settle()

    def _give(self, weather: Weather) -> None:
        if not self.turns:
            raise Violation(
                self, "nobody can go on: " + ", ".join(s.process.name for s in self._blocked) + " wait for locks"
            )
        self._pass_on_stalls()
        turn = self.draw.choices(self.turns, [self._weight(t) for t in self.turns])[0]
        fate: Fate = "go"
        if turn.statement:
            luck = self.draw.random()
            fate = "cut" if luck < weather.cut else "lost" if luck < weather.cut + weather.lost else "go"
        self.turns.remove(turn)
        turn.process.idle |= turn.what == "looks"
        self.note(turn.process, turn.what + ("" if fate == "go" else f" ({fate})"))
        turn.given.set_result(fate)

    async def _stall(self) -> None:
        """Somebody hardly gets on for a while (SIGSTOP, a long pause), long enough to be taken for dead."""
        waiting = ("looks", "beats", "queue.beat", "begins")
        busy = [t.process for t in self.turns if t.process.kind in ("worker", "sink") and t.what not in waiting]
        process = self.draw.choice(busy or self.processes)
        process.stalled = self.draw.randint(10, 60)
        self.note(process, f"stalls for {process.stalled} steps")
        await self._tick((31_000,) if process.kind == "sink" else (1_000,))

    def _pass_on_stalls(self) -> None:
        """Whoever comes back meets its successor at work: now that one hardly gets on."""
        for process in [p for p in self.processes if p.stalled]:
            process.stalled -= 1
            others = [p for p in self.processes if p.kind == process.kind and p is not process and not p.stalled]
            if not process.stalled and others and self.draw.random() < 0.6:
                other = self.draw.choice(others)
                other.stalled = self.draw.randint(5, 30)
                self.note(other, f"stalls for {other.stalled} steps")

    def _weight(self, turn: Turn) -> float:
        """Who does something comes up more often than who looks whether there is something to do."""
        often = 0.1 if turn.what in ("beats", "queue.beat") else _OFTEN.get(turn.process.kind, 1.0)
        if turn.process.kind == "sweeper" and any(p.stalled for p in self.processes):
            return often * 2
        return (
            often
            * (0.02 if turn.process.stalled else 1.0)
            * (0.2 if turn.what == "looks" and turn.process.idle else 1.0)
        )

    async def _tick(self, ticks: tuple[int, ...] = TICKS) -> None:
        milliseconds = self.draw.choice(ticks)
        beating = [row for process, row in self.beating.items() if not process.stalled and self.draw.random() < 0.9]
        await self.world.move_clock(milliseconds, beating)
        self.note(None, f"{milliseconds / 1000} s pass")

    async def _kill(self) -> None:
        process = self.draw.choice(self.processes)
        self.note(process, "is killed")
        await self._end(process)
        self.start(process.kind, process.main)

    async def _fail_with_whoever_failed(self) -> None:
        for process in list(self.processes):
            if process.task is None or not process.task.done():
                continue
            self.processes.remove(process)
            self.beating.pop(process, None)
            if error := process.task.exception():
                raise Violation(self, f"{process.name} failed: {type(error).__name__}: {error}") from error
            for session in process.sessions:
                session.terminate()
            await self.settle()
            if not self.draining or process.kind != "writer":
                self.start(process.kind, process.main)

    async def drain(self, rounds: int, once_more: Callable[[], Awaitable[object]]) -> str:
        """Calm, with one process of each kind, until nothing is left to do and `once_more` adds nothing. Else: what is left."""
        self.draining, self.weather = True, CALM
        await self.settle()
        kinds = set[str]()
        for process in list(self.processes):
            process.stalled = 0
            if process.kind in kinds:
                await self._end(process)
            kinds.add(process.kind)
        for _ in range(rounds):
            for process in self.processes:
                process.idle = False
            for _ in range(60):
                await self.run(4)
                if all(process.idle for process in self.processes if process.kind != "sweeper"):
                    break
            if await self.world.at_rest() and not await once_more():
                return ""
            await self.world.move_clock(400_000, list(self.beating.values()))
        return "it does not come to rest: " + await self.world.left()

    async def settle(self) -> None:
        """Wait until everybody stands still."""
        while True:
            await self._idle()
            if self._dying:
                await self._bury()
                continue
            fresh = [s for s in self._flying if s not in self._blocked]
            if fresh:
                await self._land_or_block(fresh)
            elif not await self._wake_one():
                return

    async def _idle(self) -> None:
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        while True:
            await _sleep(0)
            if not ready:
                return

    async def _bury(self) -> None:
        """Dropped connections: whoever is in the middle of a statement ends with it, the others have only a transaction to lose."""
        dying, self._dying = self._dying, []
        busy = [s for s in dying if s in self._flying]
        for session in dying:
            if session not in busy:
                await self.world.give_back(session.kind, session.real)
        for session in busy:
            session.go_on()
        if busy:
            await self.world.end([s.pid for s in busy])
            for session in busy:
                session.real.terminate()

    async def _land_or_block(self, fresh: list[Session]) -> None:
        self._landed.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._landed.wait(), _LOOK_S)
            return
        waiting = await self.world.waiting([s.pid for s in self._flying if s.pid])
        for session in fresh:
            if session.pid in waiting and session in self._flying:
                session.stop()
                self._blocked.append(session)
                self.note(
                    session.process, "  = waits for " + ", ".join(self.owners.get(p, "?") for p in waiting[session.pid])
                )
                self._look_for_circles(waiting, session.pid)

    def _look_for_circles(self, waiting: dict[int, list[int]], start: int) -> None:
        seen, edge = set[int](), [start]
        while edge:
            for pid in waiting.get(edge.pop(), []):
                if pid == start:
                    raise Violation(self, f"a deadlock of {self.owners.get(start)} and {self.owners.get(pid)}")
                if pid not in seen:
                    seen.add(pid)
                    edge.append(pid)

    async def _wake_one(self) -> bool:
        """Let the first go on whose lock is there. False: nobody's is."""
        if not self._blocked:
            return False
        waiting = await self.world.waiting([s.pid for s in self._blocked])
        for session in self._blocked:
            if session.pid not in waiting:
                self._blocked.remove(session)
                session.go_on()
                return True
        return False

    async def close(self) -> None:
        """End everybody; unharmed sessions are kept for the next seed."""
        for process in list(self.processes):
            await self._end(process)
        await self.settle()

    # -- what is taken out of chance

    @contextmanager
    def in_hand(self) -> Iterator[None]:
        """Sleeps become turns, ids and jitter repeat."""
        names_of_outbox, names_of_asyncio = vars(outbox), vars(asyncio)
        kept, limited = names_of_outbox["new_id"], limited_fetch.SQL["take"]

        def new_id() -> UUID:
            self._ids += 1
            return UUID(int=0x7 << 76 | 0x2 << 62 | self._ids)

        async def sleep(delay: float, result: Any = None) -> Any:
            process = PROCESS.get()
            if process is None or delay == 0:
                return await _sleep(delay, result)
            await process.turn("sleeps")
            return result

        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, about: None)  # tasks of the killed are nobody's
        state = random.getstate()
        random.seed(self.seed)
        names_of_outbox["new_id"], names_of_asyncio["sleep"] = new_id, sleep
        # It reads a clock that runs on between two statements: here time stands still.
        assert _RUNNING_CLOCK in limited
        limited_fetch.SQL["take"] = limited.replace(_RUNNING_CLOCK, "app.now()")
        self.names = names()
        try:
            yield
        finally:
            limited_fetch.SQL["take"] = limited
            names_of_outbox["new_id"], names_of_asyncio["sleep"] = kept, _sleep
            random.setstate(state)
