"""The nightly run: its nine steps, what it is asked for, and how a job knows for which night it works (S3.01). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.enrichment import Learned, StepTaken, Waterfall

Step = Literal[
    "refresh_companies", "refresh_candidates", "select_targets", "crawl", "search_fallback", "contacts", "verification",
    "scoring", "crm_push",
]  # fmt: skip
STEPS: tuple[Step, ...] = (
    "refresh_companies", "refresh_candidates", "select_targets", "crawl", "search_fallback", "contacts", "verification",
    "scoring", "crm_push",
)  # fmt: skip
#: What the enrichment of a lead does.
OF_ENRICHMENT: tuple[Step, ...] = ("crawl", "search_fallback", "contacts", "verification")
#: What each company goes through.
PER_COMPANY: tuple[Step, ...] = (*OF_ENRICHMENT, "scoring", "crm_push")
#: Without targets there is no night.
SKIPPABLE: tuple[Step, ...] = tuple(step for step in STEPS if step != "select_targets")

_PREFIX = "night:"
#: Waterfall -> the step it belongs to.
STEP_OF: Mapping[Waterfall, Step] = {
    "company": "search_fallback", "people": "contacts", "email": "contacts", "verification": "verification",
}  # fmt: skip


def cause_of(run_id: UUID) -> str:
    """The cause under which a night's leads are enriched, scored and pushed."""
    return f"{_PREFIX}{run_id}"


def night_of(cause: str | None) -> UUID | None:
    """The night's run behind a cause; None: somebody else asked."""
    if cause is None or not cause.startswith(_PREFIX):
        return None
    try:
        return UUID(cause.removeprefix(_PREFIX))
    except ValueError:
        return None


#: Who said how many companies a night chooses.
CapSource = Literal["policy", "environment", "default", "limit", "manifest"]


class NightParams(BaseModel):
    """What a night was asked for, frozen on its run. `resume`: the run whose manifest it takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    night: date
    skip: tuple[Step, ...] = ()
    resume: UUID | None = None
    cap_source: CapSource = "default"


class StepCount(BaseModel):
    """What a step had to do and what came of it. `skipped`: reason -> how many. What is in neither is still to be done."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    taken: int = Field(0, alias="in", ge=0)
    done: int = Field(0, ge=0)
    skipped: dict[str, int] = {}


Mark = Annotated[str, Field(max_length=100)]
#: Step -> `done`, or the reason why it was skipped.
Marks = dict[Step, str]
DONE = "done"
#: What is said of a step that has no mark yet.
TO_DO = "to_do"


def all_skipped(steps: Sequence[Step], reason: str) -> Marks:
    return dict.fromkeys(steps, reason)


def marks_of(learned: Learned, *, domain: bool, asked_not: Sequence[Step] = ()) -> Marks:
    """What an enrichment did of steps 4 to 7, read from what it stored. `asked_not`: steps that were switched off."""
    site = learned.site.get("outcome")
    crawl = DONE if site in ("ok", "thin") else site or ("no_domain" if not domain else "no_crawler")
    searched = next((n.removeprefix("web search: ") for n in learned.notes if n.startswith("web search: ")), None)
    if not domain:
        search = "no_domain"
    elif site == "ok":
        search = "site_read"
    else:
        search = searched or ("no_vendor" if site else "no_crawler")
    by_field: dict[str, list[StepTaken]] = {}
    for step in learned.steps:
        by_field.setdefault(step.field, []).append(step)
    contacts = _tried([*by_field.get("people", ()), *by_field.get("email", ())])
    if contacts is None:
        contacts = (
            "known" if any(p.contact_id for p in learned.people) else "on_site" if learned.people else "no_vendor"
        )
    checked = _tried(by_field.get("verification", ()))
    if checked is None:
        checked = "no_vendor" if any(p.email for p in learned.people) else "no_address"
    marks: Marks = {"crawl": crawl, "search_fallback": search, "contacts": contacts, "verification": checked}
    return marks | all_skipped([s for s in OF_ENRICHMENT if s in asked_not], "asked")


def _tried(steps: Sequence[StepTaken]) -> str | None:
    """What became of the vendors asked for something: done, or why not; None: nobody was there to ask."""
    if any(step.outcome in ("accepted", "rejected") for step in steps):
        return DONE
    if any(step.outcome == "miss" for step in steps):
        return "not_found"
    said = next((step for step in steps if step.outcome == "error"), None) or next(iter(steps), None)
    return (said.reason or said.outcome)[:100] if said is not None else None


def counters(steps: Mapping[Step, StepCount]) -> dict[str, Any]:
    """Step counters as `runs.counters` holds them."""
    return {step: count.model_dump(by_alias=True) for step, count in steps.items()}


class Manifest(BaseModel):
    """What a night works on, frozen before it begins (S3.02). `caps`: every bound and where it came from (S3.19)."""

    night: date
    company_ids: list[UUID]
    cap: int
    cap_source: CapSource
    caps: dict[str, Any]
    budgets: list[dict[str, Any]]
    from_run_id: UUID | None = None
    frozen_at: datetime


class NightForecast(BaseModel):
    """What a night would cost and when it would end (S3.11). `basis`: the tenant's own latest enrichments, else `assumed`."""

    companies: int
    to_enrich: int
    cost_usd: float
    at_most_usd: float
    seconds: float
    finishes_at: datetime
    basis: Literal["history", "assumed"]


class NightCompany(BaseModel):
    """One candidate of a night: chosen and how far it came, or passed over and why."""

    company_id: UUID
    name: str | None
    lead_id: UUID | None
    place: int | None
    reason: str
    detail: str | None
    stage: str
    status: str | None
    steps: dict[str, str]
    error_code: str | None


class NightView(BaseModel):
    """A night as it is shown. `steps` are the nine of S3.01 in order; `new` is false when it was there already."""

    id: UUID
    tenant: str
    status: Literal["pending", "running", "completed", "partial", "failed", "cancelled"]
    dry_run: bool
    night: date | None
    new: bool = False
    steps: dict[Step, StepCount]
    manifest: Manifest | None
    passed_over: dict[str, int]
    forecast: NightForecast | None
    open_companies: int
    error_code: str | None
    error: str | None
    stop_reason: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None


class NightList(BaseModel):
    items: list[NightView]
