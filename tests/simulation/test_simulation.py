"""The protocol under every order of its statements that a seed can think of: nothing lost, nothing twice, nobody past the fence."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tests.simulation.checker import counted
from tests.simulation.conftest import Live

#: Seeds of the quick suite. `make soak` runs thousands.
QUICK = range(1, 15)


def of_all(traces: Iterable[list[str]], word: str) -> int:
    return sum(word in line for trace in traces for line in trace)


def test_some_seeds_break_nothing(run_seed: Live) -> None:
    # B.01 S2.04 S2.05 S2.15 R8 R9
    lives = [run_seed(seed) for seed in QUICK]
    traces = [life.trace for life in lives]
    # They are worth something only if they meet what they are about.
    for word in (
        "waits for",
        "(lost)",
        "(cut)",
        "is killed",
        "stalls",
        "outbox.handoff",
        "outbox.absorb",
        "outbox.redeliver",
    ):
        assert of_all(traces, word) >= 1, f"no seed has {word}"
    for word in (
        "queue.rescue",
        "queue.reconcile",
        "queue.finish",
        "jobs.complete",
        "jobs.put_off",
        "jobs.end",
        "webhooks.lease",
    ):
        assert of_all(traces, word) >= 1, f"no seed has {word}"
    for word in ("outbox.settle", "outbox.refuse", "jobs.request_cancel", "jobs.revive", "executions.show"):
        assert of_all(traces, word) >= 1, f"no seed has {word}"


def test_a_seed_is_the_same_schedule_every_time(run_seed: Live) -> None:
    first = {seed: run_seed(seed) for seed in (3, 4)}
    run_seed(5)
    for seed, before in first.items():
        again = run_seed(seed)
        assert again.trace == before.trace
        assert counted(again.changes) == counted(before.changes)
        assert [(c.by, c.thing) for c in again.changes] == [(c.by, c.thing) for c in before.changes]


def test_another_seed_is_another_schedule(run_seed: Live) -> None:
    bare = [[re.sub(r"#\d+", "", line[17:]) for line in run_seed(seed).trace[:60]] for seed in (3, 4)]
    assert bare[0] != bare[1]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_more_seeds_break_nothing(run_seed: Live) -> None:
    # B.01 S2.04 S2.05 S2.15 R8 R9
    for seed in range(1000, 1100):
        run_seed(seed)
