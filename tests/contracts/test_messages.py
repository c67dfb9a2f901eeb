"""Facts and arguments on the wire: both spellings read, anything else refused with a reason (S2.06, S2.18, R24)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import events
from contracts.errors import Invalid
from contracts.events import Event, LeadDiscovered, Probed, Redelivery, RunFinished, RunRequested, SliceReady
from contracts.jobs import JOBS, QUEUES, JobState, Payload, RunDiscovery, arguments, job
from contracts.settings import Settings

ids = st.uuids()


def made(kind: Callable[..., Event], **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.fixed_dictionaries(parts).map(lambda values: kind(**values))


facts = st.one_of(
    made(RunRequested, run_id=ids, dry_run=st.booleans()),
    made(SliceReady, run_id=ids, slice_id=ids, page=st.integers(0, 1_000_000)),
    made(LeadDiscovered, lead_id=ids, discovery_record_id=st.none() | ids, provider=st.none() | st.text(max_size=50)),
    made(RunFinished, run_id=ids, status=st.sampled_from(["completed", "partial", "failed", "cancelled"])),
    made(Redelivery, execution_id=ids),
    made(Probed, probe_id=ids, key=st.text(max_size=200), framed=st.booleans()),
)


def body(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(events.payload_of(event))
    return found


@given(facts)
def test_a_fact_comes_back_as_it_went(fact: Event) -> None:
    assert events.parse(fact.type, fact.version, body(fact)) == fact
    assert "type" not in body(fact)


@given(facts)
def test_both_spellings_are_read_and_the_documents_is_written(fact: Event) -> None:
    # R24
    written = body(fact)
    assert all("_" not in name for name in written)
    snake = {re.sub("[A-Z]", lambda m: "_" + m[0].lower(), name): value for name, value in written.items()}
    assert events.parse(fact.type, fact.version, snake) == fact


@pytest.mark.parametrize(
    ("type_", "version", "payload", "code", "named"),
    [
        ("Nothing", 1, {}, "unknown_event", "RunRequested"),
        ("RunRequested", 2, {"runId": str(UUID(int=1))}, "unknown_version", "upgrade"),
        ("RunRequested", 0, {"runId": str(UUID(int=1))}, "unknown_version", "upgrade"),
        ("RunRequested", 1, {}, "bad_payload", "runId"),
        ("RunRequested", 1, {"runId": "1"}, "bad_payload", "runId"),
        ("RunRequested", 1, {"runId": str(UUID(int=1)), "surprise": 1}, "bad_payload", "surprise"),
        ("SliceReady", 1, {"runId": str(UUID(int=1)), "sliceId": str(UUID(int=1)), "page": -1}, "bad_payload", "page"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    type_: str, version: int, payload: dict[str, Any], code: str, named: str
) -> None:
    with pytest.raises(Invalid) as refused:
        events.parse(type_, version, payload)
    assert refused.value.code == code
    assert named in refused.value.detail


def test_every_fact_names_its_row() -> None:
    for kind in get_args(Event):
        assert kind.aggregate_type
        assert len(kind.__name__) <= 100
        assert kind.model_fields["type"].default == kind.__name__


@pytest.mark.parametrize("name", JOBS)
def test_each_job_has_limits_of_its_own(name: str) -> None:
    # S2.20
    spec = JOBS[name]
    assert spec.name == name
    assert spec.queue in QUEUES
    assert 1 <= spec.retry.max_attempts <= 10
    assert 0 < spec.retry.base_s <= spec.retry.cap_s
    assert spec.timeout_s > 0


def test_a_page_is_asked_for_again_three_times_at_most() -> None:
    # R17: three retries of a vendor; the five tries of the outbox are another layer's
    assert JOBS["discovery.fetch"].retry.max_attempts - 1 == 3
    assert Settings.model_fields["outbox_max_attempts"].default == 5


def test_arguments_are_checked_on_both_sides() -> None:
    # S2.18
    with pytest.raises(Invalid, match="known: "):
        arguments("discovery.walk", {})
    with pytest.raises(Invalid) as refused:
        arguments("discovery.fetch", {"runId": str(UUID(int=1))})
    assert refused.value.code == "bad_payload"
    assert "sliceId" in refused.value.detail
    assert arguments("discovery.run", {"run_id": str(UUID(int=1))}) == RunDiscovery(run_id=UUID(int=1))


def test_a_key_is_the_name_and_the_cause() -> None:
    # S2.15
    made = job("discovery.run", str(UUID(int=1)), RunDiscovery(run_id=UUID(int=1)), run_id=UUID(int=1))
    assert made.key == f"discovery.run:{UUID(int=1)}"
    assert isinstance(made.payload, Payload)


def test_our_states_are_the_documents_four() -> None:
    # S2.05
    assert {state.documented for state in JobState} == {"queued", "running", "completed", "failed"}
    expected = {"queued": "queued", "waiting": "queued", "running": "running", "done": "completed",
                "superseded": "completed", "dead": "failed", "cancelled": "failed", "quarantined": "failed"}  # fmt: skip
    assert {s.value: s.documented for s in JobState} == expected
