"""What a worker gets of a shared pace: slots to ask at, and permits for how many requests at once. Pure.

A permit may be used for `fresh_s` seconds; then the worker asks anew, and learns what the others have learnt. A worker that dies
keeps its permits until a request begun at the last moment must have ended. `holders`: worker -> [permits, until, wants until].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.errors import HeadwaterError
from db.pace import Standing
from worker import breaker
from worker.timetable import Rhythm, Timetable, next_together, take_together

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
    expected. `first`: it has not asked for this operation before. `again`: of those under way, so many need another slot.
    `unused`: slots that it got earlier and that met no request.
    """

    holder: str
    starting: int
    flying: int
    ahead: int = 0
    patience_s: float = PATIENCE_S
    first: bool = False
    again: int = 0
    unused: tuple[float, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Within:
    """A pace that is kept together with the vendor's own: what operators allow it. `pace` None: as fast as permits allow."""

    at: Standing
    pace: Rhythm | None
    concurrency: int


#: The rhythm of a pace without windows, beside one that has some.
FREE = Rhythm(0.0, PATIENCE_S, (), 1_000_000)


def lease(
    at: Standing,
    pace: Rhythm | None,
    concurrency: int,
    timeout_s: float,
    wish: Wish,
    within: Sequence[Within] = (),
) -> Lease:
    """Fulfil a wish as far as it goes in all paces, and write it into each. `pace` None: as fast as permits allow."""
    door = breaker.door(at.breaker, at.now, first=wish.first)
    kept = [Within(at, pace, concurrency), *within]
    for each in kept:
        _forget(each.at, each.pace, wish.unused)
    if door == "shut":
        for each in kept:
            _hold(each.at, wish, wish.flying, timeout_s, wants=False)
        return Lease(wish.flying, refused=breaker.complaint(at.operation, at.breaker, at.now))
    shares = [_permits(each.at, each.concurrency, wish) for each in kept]
    permits, contended = min(most for most, _ in shares), any(wanted for _, wanted in shares)
    if door == "try":
        permits, wish = min(permits, wish.flying + 1), replace(wish, ahead=0)
    for each, (most, _) in zip(kept, shares, strict=True):
        _hold(each.at, wish, permits, timeout_s, wants=most <= wish.flying and wish.starting > 0)
    fresh_s = FRESH_CONTENDED_S if contended else FRESH_S
    if permits <= wish.flying and not wish.again:
        return Lease(permits, (), fresh_s, contended)
    slots, blocked_until = _slots(kept, wish, permits)
    paced = [each.pace.lateness_s for each in kept if each.pace is not None]
    if slots and paced:  # a permit is good for the slots that come with it
        fresh_s = min(FRESH_S, max(fresh_s, slots[-1] - at.now + min(paced)))
    if slots and door == "try":
        at.breaker = breaker.trying(at.breaker, slots[0] + timeout_s + GRACE_S)
    trying, sharers = bool(slots) and door == "try", max(1, len(at.holders))
    return Lease(permits, slots, fresh_s, contended, blocked_until, trying=trying, sharers=sharers)


def give_back(
    at: Standing, holder: str, flying: int, timeout_s: float, pace: Rhythm | None = None, unused: Sequence[float] = ()
) -> None:
    """An idle worker keeps no permits beyond its requests under way, and none of the slots that it got by `pace`."""
    _forget(at, pace, unused)
    _hold(at, Wish(holder, 0, flying), flying, timeout_s, wants=False)


def _forget(at: Standing, pace: Rhythm | None, unused: Sequence[float]) -> None:
    if unused and pace is not None:
        times = Timetable.read(at.timetable)
        for slot in unused:
            times.forget(pace, slot)
        at.timetable = times.write()


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


def _slots(kept: Sequence[Within], wish: Wish, permits: int) -> tuple[tuple[float, ...], float | None]:
    """Slots that all the paces allow; without any, when the next one comes. A pace without windows beside others bars none."""
    now, starting = kept[0].at.now, min(wish.starting, permits - wish.flying) + wish.again
    bound = [each for each in kept if each.pace is not None or each is kept[0]]
    tables = [(Timetable.read(each.at.timetable), each.pace or FREE) for each in bound]
    if len(bound) == 1 and kept[0].pace is None:
        found = _at_will(tables[0][0], now, wish, starting)
    else:
        want = max(starting, min(starting + wish.ahead, *(pace.chunk for _, pace in tables)))
        slots = tuple(take_together(tables, now, want, now + wish.patience_s))
        found = slots, None if slots else next_together(tables, now)
    for each, (times, _) in zip(bound, tables, strict=True):
        each.at.timetable = times.write()
    return found


def _at_will(times: Timetable, now: float, wish: Wish, starting: int) -> tuple[tuple[float, ...], float | None]:
    """Without windows all start at once, unless the vendor has asked for distance."""
    at = max(now, times.not_before, times.last + times.gap_s if now < times.gap_until else now)
    if at > now + wish.patience_s:
        return (), at
    times.last = max(times.last, at)
    return (at,) * (1 if now < times.gap_until else starting), None
