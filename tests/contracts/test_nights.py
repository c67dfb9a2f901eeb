"""What a night reads from an enrichment: which steps were done, and why the others were not."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from contracts.enrichment import Learned, Person, StepTaken
from contracts.nights import DONE, STEPS, cause_of, marks_of, night_of


def taken(field: Any, outcome: Any, reason: str | None = None) -> StepTaken:
    return StepTaken(field=field, place=0, operation="x.y", outcome=outcome, reason=reason)


READ = {"outcome": "ok"}
THIN = {"outcome": "thin"}
SHUT = {"outcome": "blocked"}
FOUND = (taken("people", "miss"), taken("people", "accepted"), taken("verification", "accepted"))


@pytest.mark.parametrize(
    ("learned", "domain", "marks"),
    [
        (Learned(site=READ, steps=FOUND), True, (DONE, "site_read", DONE, DONE)),
        (Learned(site=THIN, notes=("web search: done",), steps=FOUND), True, (DONE, DONE, DONE, DONE)),
        (Learned(site=SHUT, notes=("web search: budget_spent",)), True, ("blocked", "budget_spent", "no_vendor", "no_address")),
        (Learned(), False, ("no_domain", "no_domain", "no_vendor", "no_address")),
        (Learned(site=READ, people=(Person(email="a@x.example"),)), True, (DONE, "site_read", "on_site", "no_vendor")),
        (
            Learned(
                site=READ, people=(Person(contact_id=uuid4(), email="a@x.example"),),
                steps=(taken("verification", "error", "vendor_down"),),
            ),
            True,
            (DONE, "site_read", "known", "vendor_down"),
        ),
        (Learned(site=READ, steps=(taken("people", "miss"),)), True, (DONE, "site_read", "not_found", "no_address")),
    ],
)  # fmt: skip
def test_each_step_was_done_or_has_a_reason(learned: Learned, domain: bool, marks: tuple[str, ...]) -> None:
    # S3.01 S3.04 S3.05
    assert tuple(marks_of(learned, domain=domain).values()) == marks


def test_a_step_that_was_switched_off_says_so() -> None:
    # S3.09
    marks = marks_of(Learned(site=READ), domain=True, asked_not=("verification",))
    assert (marks["verification"], marks["crawl"]) == ("asked", DONE)


def test_a_cause_names_its_night_and_nobody_elses_does() -> None:
    run_id = uuid4()
    assert night_of(cause_of(run_id)) == run_id
    assert [night_of(cause) for cause in (None, "1", "discovered", "night:", "night:1", f"asked:{run_id}")] == [
        None
    ] * 6
    assert len(STEPS) == len(set(STEPS)) == 9
