"""Whether a vendor is asked at all: closed -> open (it failed or refused) -> half open (one request tries) -> closed | open. Pure.

It opens after `FAILURES` failures in a row, and after `REFUSED` when the last is a refusal that only an operator can mend (key,
credits, address): a thousand jobs need not each hear it. Each opening in a row is twice as long as the one before. There is one
for each operation and credential: a key may be refused for one operation and serve another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from contracts.errors import BadAnswer, HeadwaterError, VendorBusy, VendorDown, VendorRefused
from db.pace import Breaker

FAILURES, REFUSED = 5, 3
FAILED_S, MAX_FAILED_S = 5.0, 300.0
REFUSED_S, MAX_REFUSED_S = 60.0, 3600.0
#: How long a job is put off that wants a paused vendor: it goes on so soon after the pause ends.
PAUSED_S = 15.0
#: Refusals that the next request would hear too. Others are about this one request, or are ours (a budget).
REFUSALS = frozenset({"vendor_auth", "vendor_quota", "vendor_moved"})

#: What a call told about its vendor. `nothing`: it was not the vendor who spoke (a timeout that is
#: no VendorDown is the database's or the job's).
Lesson = Literal["worked", "throttled", "failed", "refused", "nothing"]
Door = Literal["open", "try", "shut"]


def lesson_of(error: BaseException | None) -> Lesson:
    """What the way a call ended tells about the vendor."""
    match error:
        case None:
            return "worked"
        case VendorBusy(code="vendor_busy"):
            return "throttled"
        case VendorBusy(code="pending"):
            return "worked"
        case VendorDown() | BadAnswer():
            return "failed"
        case VendorRefused(code=code) if code in REFUSALS:
            return "refused"
        case VendorRefused(code="vendor_rejected_request"):
            return "worked"
    return "nothing"


def door(breaker: Breaker, now: float, *, first: bool = False) -> Door:
    """May a request pass? "try": one may, to see whether the vendor is back. `first`: it is a new worker's first one; after a
    refusal it tries, because its settings may be new.
    """
    if breaker.paused is not None:
        return "shut"
    if breaker.state == "closed":
        return "open"
    if first and breaker.state == "open" and breaker.code is not None:
        return "try"
    return "shut" if now < (breaker.until or 0.0) else "try"


def trying(breaker: Breaker, until: float) -> Breaker:
    """One request tries; the others wait for it until then."""
    return replace(breaker, state="half_open", until=until)


def learned(breaker: Breaker, lesson: Lesson, now: float, error: BaseException | None, *, tried: bool) -> Breaker:
    """The breaker after a call. `tried`: it was the one that tried; what others say meanwhile comes from before."""
    if lesson in ("worked", "throttled"):
        return Breaker() if tried or breaker.state == "closed" else breaker
    if lesson == "nothing":
        # The one that tried did not get to ask: the next one may.
        return replace(breaker, state="open", until=now) if tried and breaker.state == "half_open" else breaker
    if breaker.state != "closed" and not tried and not (lesson == "refused" and breaker.code is None):
        return breaker
    refused = lesson == "refused"
    said = replace(
        breaker,
        failures=min(breaker.failures + 1, 1_000_000),
        code=error.code if refused and isinstance(error, HeadwaterError) else None,
        error=(str(error) or type(error).__name__)[:500],
        error_at=now,
    )
    enough = tried or said.failures >= (REFUSED if refused else FAILURES)
    return _opened(said, now, refused) if enough else said


def _opened(breaker: Breaker, now: float, refused: bool) -> Breaker:
    first, longest = (REFUSED_S, MAX_REFUSED_S) if refused else (FAILED_S, MAX_FAILED_S)
    lasts = min(longest, first * 2.0 ** min(breaker.opens, 20))
    return replace(breaker, state="open", opens=min(breaker.opens + 1, 1000), until=now + lasts)


def complaint(name: str, breaker: Breaker, now: float) -> HeadwaterError:
    """What a request that may not pass is told. A refusal is said again: to wait would not mend it."""
    if breaker.paused is not None:
        return VendorBusy(breaker.paused, after_s=PAUSED_S, code="vendor_paused")
    wait = max(0.5, (breaker.until or now) - now)
    if breaker.code is not None and breaker.state == "open":
        said = f"{breaker.error} · again in {wait:.0f} s, or after `headwater vendors reset {name}`"
        return VendorRefused(said, code=breaker.code, pace=name)
    if breaker.state == "half_open":
        return VendorBusy(f"{name} is being tried after an outage", after_s=min(wait, 1.0), code="breaker_open")
    return VendorBusy(
        f"{name} has failed {breaker.failures} times in a row: it is left alone", after_s=wait, code="breaker_open"
    )
