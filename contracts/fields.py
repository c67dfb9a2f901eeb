"""What is known of a lead, by name: the keys that rules ask about and feature vectors hold. A closed list.

A key is written in camelCase (the documents') or snake_case; both mean the same field. `words` is how a person would say it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "text", "list", "bool"]
#: A value of a vector. None: not known.
Known = float | int | bool | str | list[str] | None


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """`kind`: what its values are. `learnable`: a model may use it; names and free texts are for rules only."""

    key: str
    kind: Kind
    words: str
    learnable: bool = True


_ALL = (
    FieldSpec("companyName", "text", "company name", learnable=False),
    FieldSpec("companyDomain", "text", "company domain", learnable=False),
    FieldSpec("companyCountry", "text", "country"),
    FieldSpec("companyCity", "text", "city", learnable=False),
    FieldSpec("companyIndustry", "text", "industry"),
    FieldSpec("companyIndustries", "list", "industry tags"),
    FieldSpec("companyDescription", "text", "description", learnable=False),
    FieldSpec("companyNaics", "list", "NAICS codes"),
    FieldSpec("companySector", "text", "NAICS sector"),
    FieldSpec("companyEmployees", "number", "employees"),
    FieldSpec("companyRevenueUsd", "number", "yearly revenue in US dollars"),
    FieldSpec("companyFounded", "number", "year of foundation"),
    FieldSpec("companyStatus", "text", "register status"),
    FieldSpec("companyTechnologies", "list", "technologies"),
    FieldSpec("companyTechnologiesCount", "number", "number of technologies"),
    FieldSpec("companySources", "list", "sources that name it", learnable=False),
    FieldSpec("companySourcesCount", "number", "number of sources that name it"),
    FieldSpec("companyHasRegistryId", "bool", "registry number"),
    FieldSpec("companyHasPhone", "bool", "company phone"),
    FieldSpec("companyHasLinkedin", "bool", "company page on LinkedIn"),
    FieldSpec("siteOutcome", "text", "what became of its site"),
    FieldSpec("siteLanguage", "text", "language of its site"),
    FieldSpec("siteHasPricing", "bool", "a page of prices"),
    FieldSpec("siteHasCases", "bool", "a page of cases"),
    FieldSpec("siteHasCareers", "bool", "a page of jobs"),
    FieldSpec("contactsCount", "number", "number of contacts"),
    FieldSpec("contactTitle", "text", "title of the contact", learnable=False),
    FieldSpec("contactSeniority", "text", "seniority of the contact"),
    FieldSpec("contactCountry", "text", "country of the contact"),
    FieldSpec("contactInEu", "bool", "contact in the EU"),
    FieldSpec("contactHasName", "bool", "contact with a name"),
    FieldSpec("contactHasPhone", "bool", "phone of the contact"),
    FieldSpec("contactHasLinkedin", "bool", "contact's page on LinkedIn"),
    FieldSpec("contactEmailStatus", "text", "standing of the e-mail address"),
    FieldSpec("leadSource", "text", "where the lead came from"),
)
FIELDS: Mapping[str, FieldSpec] = {spec.key: spec for spec in _ALL}
#: Spellings of the documents that are not the field's own.
_ALSO = {
    "companyEmployee": "companyEmployees",
    "companySize": "companyEmployees",
    "companyTechnology": "companyTechnologies",
}
_SNAKE = re.compile(r"_([a-z])")


def field_of(key: str) -> FieldSpec:
    """The field of a key in either spelling. Raises: ValueError naming those there are."""
    camel = _SNAKE.sub(lambda m: m[1].upper(), key)
    found = FIELDS.get(_ALSO.get(camel, camel))
    if found is None:
        raise ValueError(f"there is no field {key[:60]!r}; known: {', '.join(FIELDS)}")
    return found
