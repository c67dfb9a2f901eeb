"""What a worker gets of a shared pace: slots to ask at, and permits for how many requests at once. Pure.

A permit may be used for `fresh_s` seconds; then the worker asks anew, and learns what the others have learnt. A worker that dies
keeps its permits until a request begun at the last moment must have ended. `holders`: worker -> [permits, until, wants until].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts.errors import HeadwaterError
from db.pace import Standing
from worker import breaker
from worker.timetable import Rhythm, Timetable

#: Longest wait for a turn that is slept, in seconds; longer ones are VendorBusy.
PATIENCE_S = 2.0
#: How long permits may be used before they are asked for anew: alone, and while others want some.
FRESH_S, FRESH_CONTENDED_S = 3.0, 0.5
#: How much longer than its timeout a request may take (connecting, the ledger's commit) before its permit is given to another.
GRACE_S = 2.0
#: How long a worker that got no permit is known to want one.
WANTS_S = 3.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a worker asks for: `starting` requests want to leave within `patience_s`, `flying` are under way; `ahead` more are to be
    expected. `first`: it has not asked for this operation before. `again`: of those
    under way, so many need another slot.
    """

    holder: str
    starting: int
    flying: int
    ahead: int = 0
    patience_s: float = PATIENCE_S
    first: bool = False
    again: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """What it got. `slots` are times (seconds since 1970, the database's clock); `blocked_until`: no slot before then; `refused`:
    the vendor is not asked at all. `trying`: the one slot is to see whether the vendor is back. `sharers`: how many workers ask.
    """

    permits: int = 0
    slots: tuple[float, ...] = ()
    fresh_s: float = 0.0
    contended: bool = False
    blocked_until: float | None = None
    refused: HeadwaterError | None = None
    trying: bool = False
    sharers: int = 1


def lease(at: Standing, pace: Rhythm | None, concurrency: int, timeout_s: float, wish: Wish) -> Lease:
    """Fulfil a wish as far as it goes, and write it into `at`. `pace` None: as fast as permits allow."""
    door = breaker.door(at.breaker, at.now, first=wish.first)
    if door == "shut":
        _hold(at, wish, wish.flying, timeout_s, wants=False)
        return Lease(wish.flying, refused=breaker.complaint(at.operation, at.breaker, at.now))
    permits, contended = _permits(at, concurrency, wish)
    if door == "try":
        permits, wish = min(permits, wish.flying + 1), replace(wish, ahead=0)
    _hold(at, wish, permits, timeout_s, wants=permits <= wish.flying and wish.starting > 0)
    fresh_s = FRESH_CONTENDED_S if contended else FRESH_S
    if permits <= wish.flying and not wish.again:
        return Lease(permits, (), fresh_s, contended)
    times = Timetable.read(at.timetable)
    slots, blocked_until = _slots(times, pace, at.now, wish, permits)
    at.timetable = times.write()
    if slots and pace is not None:  # a permit is good for the slots that come with it
        fresh_s = min(FRESH_S, max(fresh_s, slots[-1] - at.now + pace.lateness_s))
    if slots and door == "try":
        at.breaker = breaker.trying(at.breaker, slots[0] + timeout_s + GRACE_S)
    trying, sharers = bool(slots) and door == "try", max(1, len(at.holders))
    return Lease(permits, slots, fresh_s, contended, blocked_until, trying=trying, sharers=sharers)


def give_back(at: Standing, holder: str, flying: int, timeout_s: float) -> None:
    """An idle worker keeps no permits beyond its requests under way."""
    _hold(at, Wish(holder, 0, flying), flying, timeout_s, wants=False)


def _permits(at: Standing, concurrency: int, wish: Wish) -> tuple[int, bool]:
    """How many this worker may have, its requests under way included, and whether others want some too."""
    at.holders = {who: held for who, held in at.holders.items() if max(held[1], held[2]) > at.now}
    others = {who: held for who, held in at.holders.items() if who != wish.holder}
    left = concurrency - sum(int(held[0]) for held in others.values() if held[1] > at.now)
    contended = any(held[2] > at.now for held in others.values())
    most = min(wish.flying + wish.starting, left)
    if contended:
        mine = at.holders.get(wish.holder, [0])[0]
        share = concurrency // (len(others) + 1)
        # More workers than permits: who had one lets another one have it.
        most = min(most, share or (0 if mine else 1))
    return max(most, wish.flying), contended


def _hold(at: Standing, wish: Wish, permits: int, timeout_s: float, *, wants: bool) -> None:
    until = at.now + FRESH_S + timeout_s + GRACE_S if permits else 0.0
    wanted = at.holders.get(wish.holder, [0, 0.0, 0.0])[2]
    if not wants:
        wanted = 0.0
    elif wanted < at.now + WANTS_S / 2:  # said anew only now and then: each time is a write
        wanted = at.now + WANTS_S
    if permits or wants:
        at.holders[wish.holder] = [permits, until, wanted]
    else:
        at.holders.pop(wish.holder, None)


def _slots(
    times: Timetable, pace: Rhythm | None, now: float, wish: Wish, permits: int
) -> tuple[tuple[float, ...], float | None]:
    starting = min(wish.starting, permits - wish.flying) + wish.again
    if pace is None:
        at = max(now, times.not_before, times.last + times.gap_s if now < times.gap_until else now)
        if at > now + wish.patience_s:
            return (), at
        times.last = max(times.last, at)
        return (at,) * (1 if now < times.gap_until else starting), None
    slots = times.take(pace, now, max(starting, min(starting + wish.ahead, pace.chunk)), now + wish.patience_s)
    return tuple(slots), None if slots else times.next(pace, now)
