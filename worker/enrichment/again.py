"""An enrichment worked out again from the answers it was given then, by today's rules. Pure.

The vendors are those of then, in the order of then: another order would want answers that nobody has paid for. What is of today is
how answers are read, which of them is good enough, whom to write to, and which value survives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from contracts.enrichment import WATERFALLS, Learned, Waterfall
from contracts.findings import CompanyProfile, Completion, EmailVerdict, FoundPeople, FoundPerson
from contracts.providers import Reply, Terms
from contracts.run_replays import LeadReason, StoredStep
from contracts.sites import SiteReport
from worker.enrichment import prompt
from worker.enrichment.draft import Draft
from worker.enrichment.fill import Filled
from worker.enrichment.questions import QUESTIONS, Row, rule

_ANSWERS: Mapping[Waterfall, type[BaseModel]] = {
    "company": CompanyProfile, "people": FoundPeople, "email": FoundPerson, "verification": EmailVerdict,
}  # fmt: skip
#: Of a question, what says whom or what it is about; the rest may have been filled in since.
_ABOUT: Mapping[Waterfall, tuple[str, ...]] = {"email": ("name",), "verification": ("email",)}


class NotAgain(Exception):
    """What is stored does not say what today's rules need. `operations`: whose answer is meant."""

    def __init__(self, reason: LeadReason, *operations: str) -> None:
        super().__init__(reason)
        self.reason, self.operations = reason, operations


def learned(
    row: Row,
    steps: Sequence[StoredStep],
    report: SiteReport | None,
    *,
    contact_id: UUID | None,
    terms_of: Callable[[str], Terms],
) -> Learned:
    """What the enrichment comes to today; `row` is what was known before it. Raises: NotAgain."""
    fields = {step.field for step in steps}
    draft = Draft(row, terms_of, contact_id)
    if report is not None:
        draft.take_site(report)
    for field in WATERFALLS:
        if field in fields and _wanted(field, draft.row):
            draft.take(field, _filled(field, [s for s in steps if s.field == field], draft.row))
    return draft.learned()


def _wanted(field: Waterfall, row: Row) -> bool:
    if field == "email":
        return row.email is None and row.person is not None
    return field != "verification" or row.email is not None


def _filled(field: Waterfall, steps: Sequence[StoredStep], row: Row) -> Filled:
    """Down the waterfall as it was asked, to the first answer that is good enough today."""
    out = Filled()
    for step in steps:
        if step.outcome in ("skipped", "error"):
            continue
        reply, value = _said(field, step, row)
        if reply.outcome == "found" and value is not None and rule(field, row, value).accepted:
            out.value, out.operation, out.reply = value, step.operation, reply
            break
    return out


def _said(field: Waterfall, step: StoredStep, row: Row) -> tuple[Reply[Any], Any]:
    if step.said is None or (step.said["note"] == "erased" and step.outcome == "accepted"):
        raise NotAgain("answer_gone", step.operation)
    question = QUESTIONS[field][step.operation](row) if field in _ABOUT else None
    asked = question.model_dump(mode="json") if question is not None else {}
    if any(step.request.get(name) != asked.get(name) for name in _ABOUT.get(field, ())):
        raise NotAgain("another_question", step.operation)
    kind = Completion if step.operation == "llm.complete" else _ANSWERS[field]
    answer = None if step.response is None else kind.model_validate(step.response)
    reply = Reply[Any](
        outcome=step.said["outcome"], value=answer, units=step.said["units_spent"], vendor_ref=step.said["vendor_ref"],
        note=step.said["note"], at=step.said["said_at"], estimated=step.said["estimated"],
    )  # fmt: skip
    value = prompt.read(reply.value, row.domain) if isinstance(reply.value, Completion) else reply.value
    return reply, value
