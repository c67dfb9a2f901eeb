"""An enrichment worked out again from the answers it was given then, by today's rules. Pure.

The vendors are those of then, in the order of then: another order would want answers that nobody has paid for. What is of today is
how answers are read, which of them is good enough, whom to write to, and which value survives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from contracts.enrichment import WATERFALLS, Learned, Waterfall
from contracts.findings import CompanyProfile, Completion, EmailVerdict, FoundPeople, FoundPerson
from contracts.providers import Reply, Terms
from contracts.run_replays import LeadReason
from contracts.sites import SiteReport
from db.enrichment_replays import StoredStep
from db.enrichments import Subject
from worker.enrichment import prompt
from worker.enrichment.draft import Draft
from worker.enrichment.fill import Filled
from worker.enrichment.questions import QUESTIONS, Row, rule
from worker.settling import stored_reply

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
    of: Subject,
    steps: Sequence[StoredStep],
    report: SiteReport | None,
    *,
    titles: tuple[str, ...],
    max_tokens: int,
    terms_of: Callable[[str], Terms],
) -> Learned:
    """What the enrichment comes to today. Raises: NotAgain."""
    fields = {step.field for step in steps}
    draft = Draft(_row(of, fields, titles, max_tokens), terms_of, of.contact_id)
    if report is not None:
        draft.take_site(report)
    for field in WATERFALLS:
        if field in fields and _wanted(field, draft.row):
            draft.take(field, _filled(field, [s for s in steps if s.field == field], draft.row))
    return draft.learned()


def _row(of: Subject, fields: set[Waterfall], titles: tuple[str, ...], max_tokens: int) -> Row:
    """What was known before: whoever was looked for then is not known yet."""
    row = Row(
        company_name=of.company_name, domain=of.domain, country=of.country, registry_id=of.registry_id, titles=titles,
        max_tokens=max_tokens,
    )  # fmt: skip
    if "people" not in fields and (of.contact_name or of.contact_email):
        row.email = None if "email" in fields else of.contact_email
        row.person = FoundPerson(name=of.contact_name, title=of.contact_title, email=row.email)
    return row


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
    if step.answer is None or (step.answer.row["note"] == "erased" and step.outcome == "accepted"):
        raise NotAgain("answer_gone", step.operation)
    question = QUESTIONS[field][step.operation](row) if field in _ABOUT else None
    asked = question.model_dump(mode="json") if question is not None else {}
    if any(step.request.get(name) != asked.get(name) for name in _ABOUT.get(field, ())):
        raise NotAgain("another_question", step.operation)
    kind = Completion if step.operation == "llm.complete" else _ANSWERS[field]
    reply: Reply[Any] = stored_reply(step.answer, kind)
    value = prompt.read(reply.value, row.domain) if isinstance(reply.value, Completion) else reply.value
    return reply, value
