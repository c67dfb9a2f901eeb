"""error, attempt -> what next. Pure; the worker's half of the error table (the API's half is `api/errors.py`)."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.errors import Hopeless, Rejected, TryLater, VendorBusy
from contracts.jobs import RetryPolicy


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again in `after_s` seconds. `counts`: it spends an attempt (a throttling vendor costs none)."""

    after_s: float
    counts: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """Give up. `alert`: a person must act; `bug`: it is ours."""

    reason: str
    alert: bool = False
    bug: bool = False


Verdict = Retry | Stop


def backoff_s(policy: RetryPolicy, failures: int, jitter: float) -> float:
    """Full jitter: `jitter` in [0, 1) times min(cap, base * 2**failures), in seconds."""
    ceiling: float = min(policy.cap_s, policy.base_s * 2.0 ** min(failures, 60))
    return jitter * ceiling


def of(error: BaseException, policy: RetryPolicy, failures: int, jitter: float) -> Verdict:
    """Judge an attempt that ended in `error` after `failures` failed ones."""
    match error:
        case VendorBusy():
            return Retry(max(error.after_s or 0.0, backoff_s(policy, failures, jitter)), counts=False)
        case TryLater() | TimeoutError():
            if failures + 1 >= policy.max_attempts:
                return Stop("exhausted")
            asked = getattr(error, "after_s", None) or 0.0
            return Retry(max(asked, backoff_s(policy, failures, jitter)), counts=True)
        case Rejected():
            return Stop("rejected")
        case Hopeless():
            return Stop("hopeless", alert=True)
        case _:
            return Stop("bug", alert=True, bug=True)
