"""The protocol under every order of its statements that a seed can think of: nothing lost, nothing twice, nobody past the fence."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tests.simulation.checker import counted
from tests.simulation.conftest import Live, Stage, alive
from tests.simulation.seeds import Lived

#: Seeds of the quick suite. `make soak` runs thousands.
QUICK = range(1, 31)
#: Statements that they come by.
MET = (
    *("outbox.handoff", "outbox.absorb", "outbox.redeliver", "outbox.settle", "outbox.refuse", "webhooks.lease"),
    *("queue.rescue", "queue.reconcile", "queue.finish", "jobs.complete", "jobs.put_off", "jobs.end"),
    *("turns.advance", "limited_fetch.take"),
)


def of_all(traces: Iterable[list[str]], word: str) -> int:
    return sum(word in line for trace in traces for line in trace)


@pytest.fixture(scope="module")
def lives(stage: Stage) -> list[Lived]:
    """The quick seeds, lived through once."""
    return [alive(stage, seed) for seed in QUICK]


def test_some_seeds_break_nothing(lives: list[Lived]) -> None:
    # B.01 S2.04 S2.05 S2.15 R8 R9
    traces = [life.trace for life in lives]
    # They are worth something only if they meet what they are about.
    for word in ("waits for", "(lost)", "(cut)", "is killed", "stalls", *MET):
        assert of_all(traces, word) >= 1, f"no seed has {word}"


def test_a_seed_is_the_same_schedule_every_time(lives: list[Lived], run_seed: Live) -> None:
    for before in (lives[3], lives[1]):
        again = run_seed(before.seed)
        assert again.trace == before.trace
        assert counted(again.changes) == counted(before.changes)
        assert [(c.by, c.thing) for c in again.changes] == [(c.by, c.thing) for c in before.changes]


def test_another_seed_is_another_schedule(lives: list[Lived]) -> None:
    bare = [[re.sub(r"#\d+", "", line[17:]) for line in life.trace[:60]] for life in lives[:2]]
    assert bare[0] != bare[1]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_more_seeds_break_nothing(run_seed: Live) -> None:
    # B.01 S2.04 S2.05 S2.15 R8 R9
    for seed in range(1000, 1100):
        run_seed(seed)
