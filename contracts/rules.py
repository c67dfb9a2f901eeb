"""Qualification rules (S2.09): what they ask of a vector, in three-valued logic, and what they come to. Pure.

An answer is True, False or None: not known (Kleene). A HARD_FILTER that is False rejects; one that is None does what its
`on_missing` says. WEIGHTED rules give `fit` = sum(w * m) / sum(w known), and `coverage` = sum(w known) / sum(w all); 1.0 where
nothing is weighed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from contracts.fields import FieldSpec, Known, field_of
from contracts.operators import BARE, MAX_ITEMS, OPERATORS, Answer, Operator, check_value, frozen, question
from contracts.texts import NoNul

OnMissing = Literal["FAIL", "PASS", "DEFER"]
Verdict = Literal["PASSED", "REJECTED", "DEFERRED"]

_Text = Annotated[str, Field(max_length=500), NoNul]
_Number = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
_Item = bool | _Number | _Text
_WORDS: Mapping[str, str] = {
    "EQ": "to be", "NEQ": "not to be", "GT": "above", "GTE": "at least", "LT": "below", "LTE": "at most", "BETWEEN": "between",
    "IN": "one of", "NOT_IN": "none of", "CONTAINS": "to contain", "CONTAINS_ANY": "to contain one of",
    "CONTAINS_ALL": "to contain all of", "STARTS_WITH": "to start with", "MATCHES": "to match", "EXISTS": "to be known",
    "NOT_EXISTS": "to be absent", "NAICS_PREFIX": "under one of",
}  # fmt: skip


class Rule(BaseModel):
    """One rule. `value` fits the operator: a number or text, a list of them, two numbers for BETWEEN, nothing for EXISTS."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"field_key": "companyEmployee", "operator": "GTE", "value": 100, "weight": 0.3}]
        },
    )

    type: Literal["WEIGHTED", "HARD_FILTER"] = "WEIGHTED"
    field_key: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        validation_alias=AliasChoices("field_key", "fieldKey")
    )
    operator: Operator
    value: _Item | Annotated[list[_Item], Field(max_length=MAX_ITEMS)] | None = None
    weight: float = Field(default=1.0, gt=0, le=1000, allow_inf_nan=False)
    on_missing: OnMissing = Field(default="DEFER", validation_alias=AliasChoices("on_missing", "onMissing"))

    @field_validator("field_key")
    @classmethod
    def _known_field(cls, value: str) -> str:
        return field_of(value).key

    @model_validator(mode="after")
    def _makes_sense(self) -> Rule:
        spec = field_of(self.field_key)
        allowed = OPERATORS[spec.kind] + (("NAICS_PREFIX",) if spec.key == "companyNaics" else ())
        if self.operator not in allowed:
            raise ValueError(
                f"{spec.key} is a {spec.kind}: {self.operator} does not fit; use one of {', '.join(allowed)}"
            )
        check_value(spec, self.operator, self.value)
        return self

    @property
    def spec(self) -> FieldSpec:
        return field_of(self.field_key)


class Reason(BaseModel):
    """Why a filter rejected or deferred. `position` is the rule's place in its set, `rule_id` its row's, where it has one."""

    rule_id: UUID | None = None
    position: int
    field: str
    outcome: Literal["FAILED", "MISSING"]
    words: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a set says about one vector. `answers`: of its WEIGHTED rules, by position."""

    verdict: Verdict
    fit: float | None
    coverage: float
    answers: tuple[tuple[int, Answer], ...]
    reasons: tuple[Reason, ...]


class Ruler:
    """A set of rules made ready to judge many vectors. `ids` are those of the rules' rows, by position."""

    def __init__(self, rules: Sequence[Rule], ids: Sequence[UUID] = ()) -> None:
        self.rules = tuple(rules)
        self._ids: tuple[UUID | None, ...] = tuple(ids) or (None,) * len(self.rules)
        asked = [(n, r, r.spec.key, question(r.spec, r.operator, frozen(r.value))) for n, r in enumerate(self.rules)]
        self._filters = [each for each in asked if each[1].type == "HARD_FILTER"]
        self._weighted = [each for each in asked if each[1].type == "WEIGHTED"]
        self.weight = sum(rule.weight for _, rule, _, _ in self._weighted)
        self._words = [(rule.spec.words, wanted(rule)) for rule in self.rules]

    def judge(self, vector: Mapping[str, Known]) -> Judged:
        known = matched = 0.0
        answers: list[tuple[int, Answer]] = []
        for n, rule, key, asks in self._weighted:
            answer = asks(vector.get(key))
            answers.append((n, answer))
            if answer is not None:
                known += rule.weight
                matched += rule.weight if answer else 0.0
        verdict, reasons = self._filter(vector)
        fit = min(1.0, matched / known) if known else None
        coverage = min(1.0, known / self.weight) if self.weight else 1.0
        return Judged(verdict, fit, coverage, tuple(answers), reasons)

    def asks(self, position: int) -> str:
        """A rule in words: `employees: at least 100`."""
        return ": ".join(self._words[position])

    def said(self, position: int, value: Known) -> str:
        """What is known beside what a rule wants: `employees: 40, wanted at least 100`."""
        what, wants = self._words[position]
        return f"{what}: {'not known' if value is None else shown(value)}, wanted {wants}"

    def _filter(self, vector: Mapping[str, Known]) -> tuple[Verdict, tuple[Reason, ...]]:
        verdict: Verdict = "PASSED"
        reasons: list[Reason] = []
        for n, rule, key, asks in self._filters:
            answer = asks(vector.get(key))
            if answer or (answer is None and rule.on_missing == "PASS"):
                continue
            if answer is False or rule.on_missing == "FAIL":
                verdict = "REJECTED"
            elif verdict == "PASSED":
                verdict = "DEFERRED"
            outcome: Literal["FAILED", "MISSING"] = "MISSING" if answer is None else "FAILED"
            reasons.append(
                Reason(
                    rule_id=self._ids[n], position=n, field=key, outcome=outcome, words=self.said(n, vector.get(key))
                )
            )
        return verdict, tuple(reasons)


def wanted(rule: Rule) -> str:
    """What a rule asks for, in words: `at least 100`."""
    words = _WORDS[rule.operator]
    return words if rule.operator in BARE else f"{words} {shown(rule.value)}"


def shown(value: Any) -> str:
    """A value as a person reads it; long lists and texts are cut."""
    if isinstance(value, str):
        return value if len(value) <= 80 else f"{value[:79]}…"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | int):
        return f"{value:,.6g}" if isinstance(value, float) and not value.is_integer() else f"{int(value)}"
    if isinstance(value, list | tuple):
        more = f" and {len(value) - 5} more" if len(value) > 5 else ""
        return ", ".join(shown(each) for each in value[:5]) + more
    return "" if value is None else str(value)
