"""error, attempt -> what next: the whole table (S2.14)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from contracts import errors
from contracts.jobs import JOBS, RetryPolicy
from worker import verdict
from worker.verdict import Retry, Stop

POLICY = RetryPolicy(max_attempts=3, base_s=1, cap_s=10)
TABLE = [
    # S2.14: retryable again and again, but not for ever
    (errors.VendorDown("x"), 0, Retry(0.5, counts=True)),
    (errors.VendorDown("x"), 1, Retry(1.0, counts=True)),
    (errors.VendorDown("x"), 2, Stop("exhausted")),
    (errors.Unavailable("x"), 0, Retry(0.5, counts=True)),
    (errors.TryLater("x", after_s=7), 0, Retry(7, counts=True)),
    (TimeoutError(), 0, Retry(0.5, counts=True)),
    (TimeoutError(), 2, Stop("exhausted")),
    # a provider's rate limit is retryable and costs no attempt, however often it comes
    (errors.VendorBusy("x", after_s=30), 0, Retry(30, counts=False)),
    (errors.VendorBusy("x"), 99, Retry(5.0, counts=False)),
    # permanent: recorded and swallowed
    (errors.Invalid("x"), 0, Stop("rejected")),
    (errors.NotFound("x"), 0, Stop("rejected")),
    (errors.VendorRefused("x"), 0, Stop("hopeless", alert=True)),
    (errors.BadAnswer("x"), 0, Stop("hopeless", alert=True)),
    # ours
    (ValueError("x"), 0, Stop("bug", alert=True, bug=True)),
    (KeyError("x"), 2, Stop("bug", alert=True, bug=True)),
]


@pytest.mark.parametrize(("error", "failures", "expected"), TABLE, ids=[f"{type(e).__name__}-{n}" for e, n, _ in TABLE])
def test_every_error_has_its_next_move(error: Exception, failures: int, expected: verdict.Verdict) -> None:
    assert verdict.of(error, POLICY, failures, 0.5) == expected


@pytest.mark.parametrize("name", JOBS)
def test_backoff_doubles_under_a_cap_with_full_jitter(name: str) -> None:
    # S2.20 S3.10
    policy = JOBS[name].retry
    ceilings = [verdict.backoff_s(policy, n, 1.0) for n in range(70)]
    assert ceilings[0] == min(policy.base_s, policy.cap_s)
    assert all(later >= earlier for earlier, later in pairwise(ceilings))
    assert ceilings[-1] == policy.cap_s
    assert verdict.backoff_s(policy, 5, 0.0) == 0


def test_the_error_tree_is_named_for_the_catchers_move() -> None:
    leaves = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.HeadwaterError)]
    moves = (errors.Rejected, errors.TryLater, errors.Hopeless)
    roots = {errors.HeadwaterError, errors._Delayed}
    assert [e.__name__ for e in leaves if not issubclass(e, moves) and e not in roots] == []
    codes = [e.code for e in leaves if e not in roots]
    assert len(codes) == len(set(codes))
