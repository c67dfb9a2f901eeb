"""A run done again from stored answers (B.03): what may be asked for, and the difference it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from contracts.enrichment import StepOutcome, Waterfall
from contracts.runs import RunView, SliceView
from contracts.scoring import Scored

DifferenceKind = Literal["company", "contact", "lead", "record", "score", "opportunity", "evaluation"]
Change = Literal["created", "changed", "placed"]
LeadReason = Literal["not_enriched", "under_way", "lead_merged", "answer_gone", "another_question"]
#: Error code of a slice whose stored answers are gone.
NOT_REPLAYABLE = "not_replayable"
#: Leads of one replay of enrichments.
MOST_LEADS = 500
#: For what is no run of stored answers: what does the like.
INSTEAD = {
    "training": "a training reads labels, not vendors: `headwater models train` learns anew",
    "rollup": "daily figures are worked out from what stands: `headwater analytics rollup` does it anew",
    "maintenance": "a register is read from its files: `headwater staging pull` reads it again",
    "nightly": "a night does what its jobs do: `headwater nightly --tenant SLUG --from-manifest RUN` does what it left undone",
    "job": "a business job works on what stands: `headwater jobs run NAME` does it on what stands today",
    "replay": "this is a replay: replay the run that it does again (`headwater runs show` names it)",
}
#: Scores nearer to each other than this are one: sums of floating-point numbers.
SAME_SCORE = 1e-9


class AskReplay(BaseModel):
    """Body of POST /v1/discovery/runs/{id}/replays. Look first: `apply` writes what differs."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"apply": False}]})

    apply: bool = False


class ReplayLeads(BaseModel):
    """Body of POST /v1/leads/replays: the newest enrichments of these leads, or of the leads a run made, at most 500."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"lead_ids": ["01936f3e-9a41-7e22-9c0d-1e2f3a4b5c6f"], "apply": False}]},
    )

    lead_ids: Annotated[tuple[UUID, ...], Field(max_length=MOST_LEADS)] = Field(
        default=(), validation_alias=AliasChoices("lead_ids", "leadIds")
    )
    run_id: UUID | None = Field(default=None, validation_alias=AliasChoices("run_id", "runId"))
    apply: bool = Field(default=False, strict=True)

    @model_validator(mode="after")
    def _one_of_both(self) -> ReplayLeads:
        if bool(self.lead_ids) == (self.run_id is not None):
            raise ValueError("say whose enrichments: give lead_ids or run_id, and not both")
        return self


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


class LeadNotReplayable(BaseModel):
    """A lead whose enrichment cannot be done again from what is stored. Nothing of it is replayed, and nobody is asked.

    `reason`: not_enriched, under_way, lead_merged, answer_gone, another_question (today's rules would ask something else).
    `operations`: whose answers are meant, as far as any are.
    """

    lead_id: UUID
    company: str
    reason: LeadReason
    operations: list[str] = []


class ReplayView(BaseModel):
    """A replay: its own run, and once that has ended, what differs. `entities` and `scores` are one page of it.

    `replay_of` is None for a replay of enrichments, which are no run.
    """

    run: RunView
    replay_of: UUID | None
    apply: bool
    pages: int = Field(description="stored pages that were read again")
    summary: list[DifferenceCount]
    entities: list[Difference]
    scores: list[Difference] = Field(description="leads whose snapshot scores otherwise under today's rules and model")
    scores_left: int = Field(default=0, description="scored leads of the run that were too many to score again")
    evaluations_left: int = Field(default=0, description="pairs of notice and profile that were too many to hold again")
    not_replayable: list[NotReplayable]
    leads_not_replayable: list[LeadNotReplayable] = []
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
#: Begins the name of what a vendor says of a company or person, beside its columns: `fact hunter.industry`.
FACT = "fact "


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
    def hidden(name: str) -> bool:
        return kind == "contact" and (name in _PERSONAL or name.startswith(FACT))

    return {
        name: {} if hidden(name) else {"from": was.get(name), "to": now.get(name)}
        for name in dict.fromkeys([*now, *was])
        if now.get(name) != was.get(name)
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


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A stored answer of a run of tenders. `slice_id` None: not known for which. `response` None: no notices, or `erased`."""

    slice_id: UUID | None
    page: int
    request: Mapping[str, Any]
    response: Any
    outcome: str
    erased: bool


@dataclass(frozen=True, slots=True)
class StoredStep:
    """A vendor that an enrichment asked, or not. `said` None: nothing was said, or it is not stored any more; else its members
    outcome, units_spent, vendor_ref, note, said_at, estimated. `request` as it was sent.
    """

    field: Waterfall
    operation: str
    outcome: StepOutcome
    request: dict[str, Any]
    response: Any
    said: dict[str, Any] | None


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
