"""Feedback about leads, the labels made of it, and model versions with how they do (S2.12)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from contracts.texts import Moment, NoNul

Verdict = Literal["accepted", "rejected", "contacted", "replied", "meeting", "won", "lost", "bad_data"]
Stage = Literal["SHADOW", "ACTIVE", "ARCHIVED"]
Decision = Literal["promoted", "stays", "kept", "rolled_back"]
#: The family of models that score leads.
LEAD_FAMILY: Final = "lead"
#: What a label is about -> what `value` 1 means. `contact` only says that the lead was worked; `icp` is the profile's word.
LABEL_KINDS: dict[str, str] = {
    "judgement": "a salesperson took it",
    "contact": "somebody wrote or called",
    "reply": "it answered, or met us",
    "outcome": "it was won",
    "data_quality": "what we knew was right",
    "icp": "the profile's hard filters let it pass",
}
_SAYS: dict[Verdict, tuple[str, float]] = {
    "accepted": ("judgement", 1.0), "rejected": ("judgement", 0.0), "contacted": ("contact", 1.0), "replied": ("reply", 1.0),
    "meeting": ("reply", 1.0), "won": ("outcome", 1.0), "lost": ("outcome", 0.0), "bad_data": ("data_quality", 0.0),
}  # fmt: skip


def label_of(verdict: Verdict) -> tuple[str, float]:
    """(kind, value) of the label a verdict makes."""
    return _SAYS[verdict]


def _both(name: str) -> AliasChoices:
    return AliasChoices(name, to_camel(name))


#: From this movement (PSI) since the training on a look is due, and from this on it is another population.
WARN_PSI, MOST_PSI = 0.1, 0.25
_Text = Annotated[str, Field(min_length=1, max_length=200), NoNul]


class GiveFeedback(BaseModel):
    """Body of POST /v1/leads/{id}/feedback. The same `source_event` of a source again is the same feedback."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"verdict": "meeting", "event_at": "2026-01-05T09:30:00Z", "note": "demo booked"},
                {"verdict": "won", "source": "crm", "source_event": "odoo:crm.lead:812:won"},
            ]
        },
    )

    verdict: Verdict
    event_at: Moment | None = Field(
        default=None, validation_alias=_both("event_at"), description="when it was so; absent: now"
    )
    known_at: Moment | None = Field(
        default=None, validation_alias=_both("known_at"), description="when we could have known; absent: now"
    )
    note: Annotated[str, Field(max_length=2000), NoNul] | None = None
    weight: float = Field(
        default=1.0, strict=True, gt=0, le=10, allow_inf_nan=False, description="how much it counts in training"
    )
    source: Annotated[str, Field(min_length=1, max_length=50), NoNul] = "user"
    source_event: _Text | None = Field(
        default=None, validation_alias=_both("source_event"), description="the source's own id of it"
    )


class FeedbackRow(BaseModel):
    id: UUID
    lead_id: UUID
    verdict: Verdict
    event_at: datetime
    known_at: datetime
    note: str | None
    weight: float
    source: str
    source_event: str
    given_by: str
    created_at: datetime


class LabelRow(BaseModel):
    """`event_at`: when it was so; `known_at`: when we could have known."""

    kind: str
    value: float
    weight: float
    source: str
    source_event: str
    event_at: datetime
    known_at: datetime


class FeedbackPage(BaseModel):
    """What was said about a lead, newest first, and the labels that were made of it."""

    items: list[FeedbackRow]
    labels: list[LabelRow]
    next_cursor: str | None


class TrainingConfig(BaseModel):
    """How a model is trained; stands on the run's row and on the version's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: Literal["lead"] = LEAD_FAMILY
    target: Literal["qualified", "won"] = Field(
        default="qualified", description="positive: taken, answered, met or won; or only won"
    )
    maturity_days: float = Field(
        default=90.0, strict=True, ge=0, le=3650, allow_inf_nan=False, validation_alias=_both("maturity_days")
    )
    holdout: float = Field(
        default=0.3, strict=True, gt=0, lt=0.9, description="newest share of the matured leads, kept for judging"
    )
    auto_promote: bool = Field(default=True, validation_alias=_both("auto_promote"))
    label_delay: Literal["mature", "weighted"] = Field(
        default="mature",
        validation_alias=_both("label_delay"),
        exclude_if=lambda chosen: chosen == "mature",
        description="mature: learn from leads older than maturity_days. weighted: from younger ones too, positives weighted by"
        " 1/F(age); nothing is held out, so the version waits in SHADOW until leads decided on after its training have matured",
    )


class TrainModelNow(TrainingConfig):
    """Body of POST /v1/models. Every field is optional."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"target": "qualified", "maturity_days": 90}]})


class ChangeModel(BaseModel):
    """Body of PATCH /v1/models/{id}: the share of leads a SHADOW version decides."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"traffic": 0.2}]})

    traffic: float = Field(strict=True, ge=0, le=1, allow_inf_nan=False)


class Decide(BaseModel):
    """Body of promote, archive and rollback. `force` goes past the gate, with the reason in the audit log."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"reason": "agreed with sales", "force": True}]}
    )

    reason: Annotated[str, Field(min_length=3, max_length=1000), NoNul] | None = None
    force: bool = False


class ModelRow(BaseModel):
    id: UUID
    family: str
    version: int
    kind: str
    stage: Stage
    reason: str | None = Field(description="why it stands where it stands")
    traffic: float
    trained_from: datetime | None
    trained_to: datetime | None
    training_run_id: UUID | None
    figures: dict[str, Any] = Field(
        description="auc, log_loss, base_log_loss, brier, ece, psi of its newest evaluation"
    )
    created_at: datetime
    stage_at: datetime
    active_at: datetime | None


class EvaluationRow(BaseModel):
    """One look at a version. `passed` is None when too little had matured to tell."""

    id: UUID
    cause: str
    window_from: datetime | None
    window_to: datetime | None
    passed: bool | None
    decision: Decision
    reason: str
    metrics: dict[str, Any]
    created_at: datetime


class ModelDetail(ModelRow):
    """With its coefficients, how it was made, and every look at it, newest first (curves stand in their metrics)."""

    model: dict[str, Any]
    config: dict[str, Any]
    metrics: dict[str, Any]
    data_hash: str | None
    evaluations: list[EvaluationRow]


class ModelPage(BaseModel):
    items: list[ModelRow]
    next_cursor: str | None


class TrainingAsked(BaseModel):
    """A run of kind `training`, accepted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"run_id": "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"}]})

    run_id: UUID


class EvaluationAsked(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"cause": "asked:01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"}]})

    cause: str = Field(description="under this the evaluation will stand on the version")
