"""Rule sets of an ICP profile, as the API takes and shows them: immutable versions, one ACTIVE, one SHADOW beside it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from contracts.operators import Operator
from contracts.rules import OnMissing, Reason, Rule
from contracts.scoring import HIGH_FROM, MEDIUM_FROM, Band
from contracts.texts import NoNul

Stage = Literal["SHADOW", "ACTIVE", "ARCHIVED"]
CandidateVerdict = Literal["CANDIDATE", "REJECTED", "DEFERRED"]
MAX_RULES = 100
#: A pattern may take a tenth of a second of a worker that others share.
MAX_PATTERNS = 10

_EXAMPLE: dict[str, Any] = {
    "rules": [
        {"type": "HARD_FILTER", "field_key": "companyCountry", "operator": "IN", "value": ["ZA", "US"]},
        {"field_key": "companyEmployee", "operator": "GTE", "value": 100, "weight": 0.3},
        {"field_key": "companyNaics", "operator": "NAICS_PREFIX", "value": ["5617"], "weight": 0.7},
    ],
    "medium_from": 0.4,
}
_Reason = Annotated[str, Field(max_length=2000), NoNul]
_Threshold = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


def _both(name: str) -> AliasChoices:
    return AliasChoices(name, to_camel(name))


class _Proposed(BaseModel):
    """Rules and thresholds that belong together."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [_EXAMPLE]})

    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=MAX_RULES)]
    medium_from: _Threshold = Field(default=MEDIUM_FROM, validation_alias=_both("medium_from"))
    high_from: _Threshold = Field(default=HIGH_FROM, validation_alias=_both("high_from"))

    @model_validator(mode="after")
    def _in_order(self) -> _Proposed:
        if self.medium_from > self.high_from:
            raise ValueError("medium_from is above high_from: swap them")
        if sum(rule.operator == "MATCHES" for rule in self.rules) > MAX_PATTERNS:
            raise ValueError(f"more than {MAX_PATTERNS} rules ask MATCHES: use CONTAINS_ANY or IN for some")
        return self


class CreateRuleSet(_Proposed):
    """Body of POST …/rule-sets: a new version. SHADOW is scored beside the ACTIVE one; ACTIVE decides at once."""

    stage: Literal["SHADOW", "ACTIVE"] = "SHADOW"
    reason: _Reason | None = None


class PreviewRules(_Proposed):
    """Body of POST …/rule-sets/preview: what these rules would make of the newest companies. Nothing is stored."""

    newest: int = Field(default=1000, strict=True, ge=1, le=5000, description="how many companies to look at")
    examples: int = Field(
        default=5, strict=True, ge=0, le=50, description="companies shown for each outcome and reason"
    )


class MoveRuleSet(BaseModel):
    """Body of …/promote. `rescore`: have the profile's leads scored again, at most `limit`, newest first."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"rescore": True, "limit": 1000}]}
    )

    rescore: bool = Field(default=False, strict=True)
    limit: int = Field(default=1000, strict=True, ge=1, le=10_000)


class RuleRow(BaseModel):
    """A rule as it stands in its set."""

    id: UUID | None
    position: int
    type: Literal["WEIGHTED", "HARD_FILTER"]
    field_key: str
    operator: Operator
    value: Any
    weight: float
    on_missing: OnMissing


class RuleSet(BaseModel):
    """A version of a profile's rules. `id` null and version 0: none was made, the profile's own filters stand in."""

    id: UUID | None
    icp_profile_id: UUID
    version: int
    stage: Stage
    medium_from: float
    high_from: float
    made_by: str
    reason: str | None
    created_at: datetime
    stage_at: datetime
    rules: list[RuleRow]


class RuleSetList(BaseModel):
    """Every version, newest first; at the end the one that stands in for none, as long as none is ACTIVE."""

    items: list[RuleSet]


class RuleSetMoved(BaseModel):
    """`archived`: the set whose place it took. `rescoring`: leads that were asked for; `left`: more than the limit took."""

    rule_set: RuleSet
    archived: UUID | None = None
    rescoring: int = 0
    left: int = 0


class ExampleCompany(BaseModel):
    company_id: UUID
    name: str
    fit: float | None
    coverage: float
    reasons: list[Reason]


class ReasonCount(BaseModel):
    """How many companies a filter put out (or off). One company may be counted under several."""

    position: int
    field: str
    outcome: Literal["FAILED", "MISSING"]
    rule: str
    companies: int
    examples: list[ExampleCompany]


class Preview(BaseModel):
    """What rules make of stored companies. `more`: there are older ones that were not looked at."""

    companies: int
    more: bool
    candidates: int
    rejected: int
    deferred: int
    by_reason: list[ReasonCount]
    examples: list[ExampleCompany]
    mean_fit: float | None
    mean_coverage: float | None


class BandChange(BaseModel):
    """How many leads are in band `now` and would be in `then`."""

    now: Band
    then: Band
    leads: int


class LeadChange(BaseModel):
    lead_id: UUID
    company_name: str
    now: Band
    then: Band
    score_now: float
    score_then: float
    reasons: list[Reason]


class Comparison(BaseModel):
    """A rule set held beside the ACTIVE one, on the leads' newest snapshots and with the model that decides."""

    rule_set_id: UUID
    active_id: UUID | None
    leads: int
    more: bool
    changed: int
    exported_now: int
    exported_then: int
    bands: list[BandChange]
    examples: list[LeadChange]


class CandidateRow(BaseModel):
    """A company held against a profile. `gone_at`: it was deleted or merged since."""

    id: UUID
    company_id: UUID
    company_name: str
    verdict: CandidateVerdict
    fit: float | None
    coverage: float
    reasons: list[Reason]
    rule_set_id: UUID | None
    refreshed_at: datetime
    gone_at: datetime | None


class CandidatePage(BaseModel):
    items: list[CandidateRow]
    next_cursor: str | None


class Refreshed(BaseModel):
    """What a refresh of a profile's candidates came to."""

    companies: int
    candidates: int
    rejected: int
    deferred: int
    gone: int
    changed: int = Field(default=0, description="of how many companies something else is said than before")
