"""From a vector to a score (S2.11): hard filters, weighted rules and, where there is one, a model. Pure.

Every score is explained in its own log-odds: `base_log_odds` + the sum of the contributions = logit(score).

Rules only: each known rule adds STEEPNESS * w * (+1 or -1) / sum(w known), which sums to STEEPNESS * (2 fit - 1); each unknown one
takes its share w / sum(w) of that sum away again: together STEEPNESS * (2 fit - 1) * coverage. Nothing known is 0.5.
With a model: contributions are its own; base = logit(p) of the average row less logit(base rate) (R10), so that logit(p) is the
score's log-odds plus logit(base rate).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from contracts.features import model_row
from contracts.fields import FIELDS, Known
from contracts.models import Model, logit, sigmoid
from contracts.profiles import Profile
from contracts.rules import Judged, OnMissing, Reason, Rule, Ruler, Verdict, shown

Band = Literal["LOW", "MEDIUM", "HIGH"]
BANDS: tuple[Band, ...] = ("LOW", "MEDIUM", "HIGH")
MEDIUM_FROM = 0.33
HIGH_FROM = 0.66
#: Below it a band is MEDIUM at most: too little is known to be sure.
LEAST_COVERAGE = 0.5
#: Where everything is known, a fit at the threshold of HIGH is a score at that threshold.
STEEPNESS = math.log(HIGH_FROM / (1 - HIGH_FROM)) / (2 * HIGH_FROM - 1)
#: The family of models that score leads.
FAMILY = "lead"


@dataclass(slots=True)  # not frozen: thousands a second are made
class Contribution:
    """What one rule, one missing answer or one feature of a model adds to the score's log-odds."""

    kind: Literal["rule", "missing", "model"]
    field: str
    log_odds: float
    words: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A score with all that explains it. `probability` only where a model gave one."""

    verdict: Verdict
    score: float
    band: Band
    fit: float | None
    coverage: float
    base_log_odds: float = 0.0
    probability: float | None = None
    contributions: tuple[Contribution, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @property
    def rejected(self) -> bool:
        return self.verdict == "REJECTED"

    def export(self, least: Band) -> bool:
        """May it go to the CRM of a tenant that takes `least` and above? Nothing that a hard filter has not passed."""
        return self.verdict == "PASSED" and BANDS.index(self.band) >= BANDS.index(least)


@dataclass(frozen=True, slots=True)
class Scorer:
    """Rules and thresholds made ready. `rule_set_id` None: the profile's own filters, of its version `implied`."""

    ruler: Ruler
    medium_from: float = MEDIUM_FROM
    high_from: float = HIGH_FROM
    rule_set_id: UUID | None = None
    implied: int | None = None

    def score(self, vector: Mapping[str, Known], model: Model | None = None) -> Scored:
        judged = self.ruler.judge(vector)
        if model is None:
            base, usual, contributions = 0.0, None, _by_rules(self.ruler, judged, vector)
        else:
            usual = logit(model.base_rate)
            base, contributions = model.base_log_odds() - usual, _by_model(model, vector)
        log_odds = base + math.fsum(c.log_odds for c in contributions)
        value, probability = sigmoid(log_odds), None if usual is None else sigmoid(log_odds + usual)
        return Scored(
            verdict=judged.verdict, score=value, band=self._band(value, judged), fit=judged.fit, coverage=judged.coverage,
            base_log_odds=base, probability=probability, contributions=contributions, reasons=judged.reasons,
        )  # fmt: skip

    def _band(self, value: float, judged: Judged) -> Band:
        if judged.verdict == "REJECTED" or value < self.medium_from:
            return "LOW"
        unsure = judged.verdict == "DEFERRED" or judged.coverage < LEAST_COVERAGE
        return "MEDIUM" if unsure or value < self.high_from else "HIGH"


def _by_rules(ruler: Ruler, judged: Judged, vector: Mapping[str, Known]) -> tuple[Contribution, ...]:
    if judged.fit is None:
        return ()
    pull = STEEPNESS * (2 * judged.fit - 1)
    known = ruler.weight * judged.coverage
    found: list[Contribution] = []
    for n, answer in judged.answers:
        rule = ruler.rules[n]
        value = vector.get(rule.field_key)
        words = ruler.said(n, value)
        if answer is None:
            by = -pull * rule.weight / ruler.weight
            found.append(Contribution("missing", rule.field_key, by, words, n))
        else:
            by = STEEPNESS * rule.weight * (1 if answer else -1) / known
            found.append(Contribution("rule", rule.field_key, by, words, n))
    return tuple(found)


def _by_model(model: Model, vector: Mapping[str, Known]) -> tuple[Contribution, ...]:
    found = model.contributions(model_row(vector))
    return tuple(Contribution("model", name, by, _feature(name, vector.get(name))) for name, by in found.items())


def _feature(name: str, value: Any) -> str:
    words = FIELDS[name].words if name in FIELDS else name
    return f"{words}: {'not known' if value is None else shown(value)}"


def implied_rules(profile: Profile | None) -> tuple[Rule, ...]:
    """The rules of a profile without a rule set: its own filters (S2.08). Without a profile: can anybody be reached?

    Country and size are hard filters that wait for what is missing. Technologies and NAICS codes filter where they are known, which
    they seldom are: missing, they pass. All four are weighed as well, so that what is known counts; industries are weighed only,
    since every source has its own words for them.
    """
    if profile is None:
        return _REACHABLE
    asked: list[tuple[str, str, Any, OnMissing | None]] = []
    low, high = profile.min_company_size, profile.max_company_size
    if profile.target_countries:
        asked.append(("companyCountry", "IN", profile.target_countries, "DEFER"))
    if low is not None and high is not None:
        asked.append(("companyEmployees", "BETWEEN", [low, high], "DEFER"))
    elif low is not None or high is not None:
        asked.append(("companyEmployees", "LTE" if low is None else "GTE", high if low is None else low, "DEFER"))
    if profile.naics_codes:
        asked.append(("companyNaics", "NAICS_PREFIX", profile.naics_codes, "PASS"))
    if profile.required_technologies:
        asked.append(("companyTechnologies", "CONTAINS_ALL", profile.required_technologies, "PASS"))
    if profile.target_industries:
        asked.append(("companyIndustry", "CONTAINS_ANY", profile.target_industries, None))
    filters = [_rule("HARD_FILTER", *each[:3], on_missing=each[3]) for each in asked if each[3]]
    rules = filters + [_rule("WEIGHTED", *each[:3]) for each in asked]
    return tuple(rules) if asked else _REACHABLE


def _rule(kind: str, field_key: str, operator: str, value: Any = None, weight: float = 1.0, **more: Any) -> Rule:
    given = {"type": kind, "field_key": field_key, "operator": operator, "value": value, "weight": weight}
    return Rule.model_validate(given | more)


_REACHABLE = (
    _rule("WEIGHTED", "contactEmailStatus", "EQ", "valid", 2.0),
    _rule("WEIGHTED", "contactHasName", "EQ", True),
    _rule("WEIGHTED", "contactHasPhone", "EQ", True),
    _rule("WEIGHTED", "siteOutcome", "EQ", "ok"),
)


@dataclass(frozen=True, slots=True)
class Version:
    """A model version that scores. `traffic`: the share of leads a SHADOW one decides."""

    id: UUID
    model: Model
    active: bool
    traffic: float = field(default=0.0)


def decide(
    scorer: Scorer, versions: Sequence[Version], lead_id: UUID, vector: Mapping[str, Known]
) -> tuple[Scored, Version | None]:
    """The score that decides about a lead, and the version it is by."""
    chosen = decider(lead_id, versions)
    return scorer.score(vector, chosen.model if chosen else None), chosen


def decider(lead_id: UUID, versions: Sequence[Version]) -> Version | None:
    """Which version decides about a lead: always the same while the split stands. None: the rules alone."""
    drawn = int.from_bytes(hashlib.sha256(b"headwater.split" + lead_id.bytes).digest()[:8]) / 2**64
    upto = 0.0
    for version in versions:
        if not version.active and version.traffic > 0:
            upto += version.traffic
            if drawn < upto:
                return version
    return next((v for v in versions if v.active), None)
