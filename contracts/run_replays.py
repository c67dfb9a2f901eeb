"""A run done again from stored answers (B.03): what may be asked for, and the difference it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.runs import RunView, SliceView
from contracts.scoring import Scored

DifferenceKind = Literal["company", "contact", "lead", "record", "score"]
Change = Literal["created", "changed", "placed"]
#: Error code of a slice whose stored answers are gone.
NOT_REPLAYABLE = "not_replayable"
#: Scores nearer to each other than this are one: sums of floating-point numbers.
SAME_SCORE = 1e-9


class AskReplay(BaseModel):
    """Body of POST /v1/discovery/runs/{id}/replays. Look first: `apply` writes what differs."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"apply": False}]})

    apply: bool = False


class Difference(BaseModel):
    """One thing that today's code and rules would have otherwise.

    `created`: it would be there; `changed`: `fields` has {name: {"from", "to"}}; `placed`: a hit of the run belongs to another
    company than it was given then. `entity_id` is None for what a replay only showed. Of persons no value is kept.
    """

    kind: DifferenceKind
    change: Change
    entity_id: UUID | None = None
    subject: dict[str, Any] = Field(default_factory=dict)
    fields: dict[str, Any] = Field(default_factory=dict)


class DifferenceCount(BaseModel):
    kind: DifferenceKind
    change: Change
    count: int


class NotReplayable(BaseModel):
    """A slice whose stored answers are not all there: nothing of it is replayed, and nothing is asked again."""

    slice_id: UUID
    channel: str
    query: str
    pages: list[int] = Field(description="those whose answer is gone, from 0")


class ReplayView(BaseModel):
    """A replay: its own run, and once that has ended, what differs. `entities` and `scores` are one page of it."""

    run: RunView
    replay_of: UUID
    apply: bool
    pages: int = Field(description="stored pages that were read again")
    summary: list[DifferenceCount]
    entities: list[Difference]
    scores: list[Difference] = Field(description="leads whose snapshot scores otherwise under today's rules and model")
    scores_left: int = Field(default=0, description="scored leads of the run that were too many to score again")
    not_replayable: list[NotReplayable]
    next_cursor: str | None = None


class ReplayPage(BaseModel):
    """Replays of a run, newest first, as runs."""

    items: list[RunView]
    next_cursor: str | None


#: {id: {field: value}} of each kind of thing that stands.
Images = dict[DifferenceKind, dict[UUID, dict[str, Any]]]
_SUBJECT: dict[str, tuple[str, ...]] = {
    "company": ("name", "country", "domain"),
    "contact": ("company_id", "title"),
    "lead": ("company_id", "icp_profile_id", "source"),
}
_PERSONAL = frozenset({"name", "email", "linkedin_url", "phone"})


def differences(before: Images, after: Images, *, keep_ids: bool) -> list[Difference]:
    """What stands after that did not before, field by field. Pure. `keep_ids`: what was created stays."""
    found: list[Difference] = []
    for kind in ("company", "contact", "lead"):
        known = before.get(kind, {})
        for entity_id, now in sorted(after.get(kind, {}).items()):
            was = known.get(entity_id)
            subject = {name: now[name] for name in _SUBJECT[kind] if now.get(name) is not None}
            if was is None:
                held = entity_id if keep_ids else None
                found.append(Difference(kind=kind, change="created", entity_id=held, subject=subject))
            elif fields := _changed(kind, was, now):
                found.append(
                    Difference(kind=kind, change="changed", entity_id=entity_id, subject=subject, fields=fields)
                )
    return found


def _changed(kind: str, was: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    hidden = _PERSONAL if kind == "contact" else frozenset[str]()
    return {
        name: {} if name in hidden else {"from": was.get(name), "to": value}
        for name, value in now.items()
        if value != was.get(name)
    }


@dataclass(frozen=True, slots=True)
class ScoredLead:
    """A lead's snapshot, and the score of it that decides."""

    lead_id: UUID
    company: str
    icp_profile_id: UUID | None
    vector: dict[str, Any]
    score: float
    band: str
    rejected: bool


def score_difference(was: ScoredLead, now: Scored) -> Difference | None:
    """What of a lead's score is another one; None when nothing is. Pure."""
    fields: dict[str, Any] = {}
    if abs(now.score - was.score) > SAME_SCORE:
        fields["score"] = {"from": was.score, "to": now.score}
    for name, before, after in (("band", was.band, now.band), ("rejected", was.rejected, now.rejected)):
        if before != after:
            fields[name] = {"from": before, "to": after}
    if not fields:
        return None
    return Difference(
        kind="score", change="changed", entity_id=was.lead_id, subject={"name": was.company}, fields=fields
    )


def replayed_slices(slices: Sequence[SliceView], gone: Sequence[NotReplayable]) -> list[SliceView]:
    """How a run's slices stand in its replay."""
    missing = {each.slice_id: each.pages for each in gone}
    views: list[SliceView] = []
    for view in slices:
        bare: dict[str, Any] = {
            "error": None,
            "error_code": None,
            "stop_reason": None,
            "companies_created": 0,
            "companies_skipped": 0,
        }
        if view.id in missing:
            pages = ", ".join(map(str, missing[view.id][:20]))
            words = f"the stored answer of page {pages} is gone; a new run asks for it again"
            bare |= {"state": "error", "error_code": NOT_REPLAYABLE, "error": words, "found": 0}
        else:
            bare |= {"state": "done"}
        views.append(view.model_copy(update=bare))
    return views
