"""Which rows of the company register a tenant's night takes, and as what. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from contracts.providers import FoundCompany
from contracts.staging import StagedCompany

#: (profile, target countries, target industries)
Wish = tuple[UUID, tuple[str, ...], tuple[str, ...]]
COUNTRY = "SG"


def registry_id(row: StagedCompany) -> str:
    return f"uen:{row.uen.lower()}"


def wanted(row: StagedCompany, wishes: Sequence[Wish]) -> bool:
    """Would a profile want a company it does not know yet? Only one that lives, in its countries and its line of business.

    A profile that names industries wants rows whose activity (SSIC) has one of their words; one without countries wants all.
    """
    status = (row.entity_status_description or "live").lower()
    if not status.startswith("live") and "registered" not in status:
        return False
    said = (row.primary_ssic_description or "").lower()
    return any(
        (not countries or COUNTRY in countries) and (not words or any(word.lower() in said for word in words))
        for _, countries, words in wishes
    )


def company_of(row: StagedCompany) -> FoundCompany:
    """A row as discovery would have found it."""
    return FoundCompany(
        external_id=row.uen, name=row.entity_name, country=COUNTRY, city="Singapore", registry_id=registry_id(row),
        industries=(row.primary_ssic_code,) if row.primary_ssic_code else (),
    )  # fmt: skip
