"""Scores of leads, as the API shows and is asked for them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.rules import Reason, Verdict
from contracts.scoring import Band


class ContributionRow(BaseModel):
    """What one rule, one missing answer or one feature adds to the score's log-odds, with what was known."""

    kind: Literal["rule", "missing", "model"]
    field: str
    log_odds: float
    words: str
    position: int | None = None


class LatestScore(BaseModel):
    """The score the product acts on. `base_log_odds` + the sum of the contributions = log(score / (1 - score)).

    `percentile`: the share of the tenant's newest scores that are lower, null while there are too few. The contributions are left
    out of lists.
    """

    id: UUID
    snapshot_id: UUID
    rule_set_id: UUID | None
    model_version_id: UUID | None
    band: Band
    score: float
    probability: float | None
    percentile: float | None
    fit: float | None
    coverage: float
    rejected: bool
    reasons: list[Reason]
    rationale: str | None
    scored_at: datetime
    base_log_odds: float = 0.0
    contributions: list[ContributionRow] | None = None


class ScoreRow(LatestScore):
    """One prediction. `decides`: the one the product acts on; the others were watched beside it, or are older."""

    decides: bool
    created_at: datetime


class SnapshotRow(BaseModel):
    """What was known at one moment. Its verdict is that of the rules that stood when it was taken."""

    id: UUID
    icp_profile_id: UUID | None
    snapshot_version: int
    source_version: str
    feature_vector_hash: str
    vector: dict[str, Any]
    verdict: Verdict
    reasons: list[Reason]
    created_at: datetime
    scores: list[ScoreRow]


class ScoreHistory(BaseModel):
    """The newest snapshots of a lead with every score of each."""

    lead_id: UUID
    items: list[SnapshotRow]


class ScoreLeads(BaseModel):
    """Body of POST /v1/leads/scores: these leads, or the newest that are enriched and have no score."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"limit": 20}]})

    lead_ids: Annotated[tuple[UUID, ...], Field(max_length=1000)] = ()
    limit: int = Field(
        default=100, strict=True, ge=1, le=1000, description="how many without a score, when none are named"
    )
    again: bool = Field(
        default=False, strict=True, description="with none named: also those that have a score, newest first"
    )


class ScoresAsked(BaseModel):
    """Which leads will be scored; the rest are unknown."""

    asked: list[UUID]
    left_out: list[UUID]
