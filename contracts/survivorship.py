"""Which of several values of a field survives: by a rule for each field. Pure.

The four rules are those of Salesforce Data Cloud's reconciliation (last updated, most frequent, source sequence), and
highest confidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic_core import to_json

Rule = Literal["source_order", "latest", "most_frequent", "highest_confidence"]


class Said(Protocol):
    """What the rules look at."""

    @property
    def field(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def vendor(self) -> str: ...
    @property
    def confidence(self) -> float: ...
    @property
    def verified(self) -> bool | None: ...
    @property
    def observed_at(self) -> datetime: ...


S = TypeVar("S", bound=Said)


class Survivorship(BaseModel):
    """A tenant's policy `survivorship`. `source_order`: vendors, the most trusted first; those not named come last."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    default: Rule = "highest_confidence"
    fields: dict[str, Rule] = {}
    source_order: tuple[str, ...] = ()

    def rule(self, field: str) -> Rule:
        return self.fields.get(field, self.default)


_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,49}$")]


class SetSurvivorship(BaseModel):
    """Body of PUT /v1/survivorship: all of the policy; what is left out goes back to its default.

    `fields`: fact name (`phone`, `industry`, …) -> rule; `source_order`: vendors by their names in the facts (`hunter`, `site`, …).
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "default": "highest_confidence",
                    "fields": {"phone": "source_order", "employees": "latest"},
                    "source_order": ["site", "hunter", "pdl"],
                }
            ]
        },
    )

    default: Rule = "highest_confidence"
    fields: Annotated[dict[_Name, Rule], Field(max_length=100)] = {}
    source_order: Annotated[tuple[_Name, ...], Field(max_length=50)] = Field(
        default=(), validation_alias=AliasChoices("source_order", "sourceOrder")
    )


def survivor(said: Sequence[S], rule: Rule, source_order: Sequence[str] = ()) -> S | None:
    """The one that survives among the current values of one field; None of none. What somebody found wrong loses to all others."""
    if not said:
        return None
    if rule == "latest":
        return max(said, key=lambda s: (s.verified is not False, s.observed_at, s.confidence))
    if rule == "most_frequent":
        votes = Counter(_text(s) for s in said)
        return max(said, key=lambda s: (s.verified is not False, votes[_text(s)], *_surest(s)))
    if rule == "source_order":
        places = {vendor: -n for n, vendor in enumerate(source_order)}
        return max(said, key=lambda s: (s.verified is not False, places.get(s.vendor, -len(places)), *_surest(s)))
    return max(said, key=lambda s: (s.verified is not False, *_surest(s)))


def survivors(facts: Iterable[S], policy: Survivorship) -> dict[str, S]:
    """Field -> the value that survives."""
    by_field: dict[str, list[S]] = {}
    for fact in facts:
        by_field.setdefault(fact.field, []).append(fact)
    chosen = {name: survivor(said, policy.rule(name), policy.source_order) for name, said in by_field.items()}
    return {name: fact for name, fact in chosen.items() if fact is not None}


def columns(best: dict[str, S]) -> dict[str, Any]:
    """A company's columns from its surviving facts; a column nobody spoke about is absent. Values that no column
    could hold are left out.
    """
    found: dict[str, Any] = {}
    for name, longest in (("industry", 300), ("description", 4000), ("phone", 40), ("city", 200)):
        value = best[name].value if name in best else None
        if isinstance(value, str) and value and "\x00" not in value:
            found[name] = value[:longest]
    country = best["country"].value if "country" in best else None
    if isinstance(country, str) and len(country) == 2 and country.isascii() and country.isupper():
        found["country"] = country
    employees = _employees(best)
    if employees is not None:
        found["employees"] = employees
    naics = best["naics"].value if "naics" in best else None
    if isinstance(naics, list) and naics:
        found["naics"] = [str(code) for code in naics][:20]
    return found


def _employees(best: dict[str, S]) -> int | None:
    exact = _whole(best["employees"].value) if "employees" in best else None
    if exact:
        return exact
    low, high = (_whole(best[n].value) if n in best else None for n in ("employees_min", "employees_max"))
    if low is None or high is None:
        return low if high is None else high
    return (low + high) // 2


def _whole(value: object) -> int | None:
    try:
        number = int(str(value).replace(",", ""))
    except ValueError:
        return None
    return number if 0 <= number <= 50_000_000 else None


def _surest(said: Said) -> tuple[bool, float, datetime]:
    return bool(said.verified), said.confidence, said.observed_at


def _text(said: Said) -> bytes:
    return to_json(said.value.casefold() if isinstance(said.value, str) else said.value)
