"""Which value of a field survives (contracts/survivorship.py), by the tenant's policy `survivorship`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import ValidationError

from contracts.enrichment import FactRow
from contracts.errors import Invalid
from contracts.matching import KnownField, KnownValue
from contracts.survivorship import SetSurvivorship, Survivorship, survivor
from db import policies
from db.sql import load
from db.transaction import Tx

SQL = load("survivorship")
NAME = "survivorship"


async def policy(tx: Tx, tenant: UUID) -> Survivorship:
    """The tenant's rules; the default ones where there are none, or where they make no sense."""
    value = await tx.fetchval(SQL["policy"], tenant)
    try:
        return Survivorship.model_validate(value or {})
    except ValidationError:
        return Survivorship()


async def put(tx: Tx, tenant: UUID, wanted: SetSurvivorship, *, by: str) -> Survivorship:
    """Decide all of it. Holds for whatever is written from now on: what stands is worked out anew with its next fact. Audited.

    Raises: Invalid (`source_twice`, `no_source_order`).
    """
    if len(set(wanted.source_order)) < len(wanted.source_order):
        raise Invalid("source_order names a vendor twice: leave one out", code="source_twice")
    if "source_order" in (wanted.default, *wanted.fields.values()) and not wanted.source_order:
        raise Invalid(
            "the rule source_order wants a source_order: name vendors, the most trusted first", code="no_source_order"
        )
    plain = wanted.model_dump(mode="json")
    as_by_default = SetSurvivorship().model_dump(mode="json")
    await policies.put(tx, tenant, NAME, None if plain == as_by_default else plain, by=by)
    return await policy(tx, tenant)


class _Said(FactRow):
    superseded_at: datetime | None = None


async def fields(tx: Tx, tenant: UUID, entity_id: UUID, as_of: datetime | None = None) -> list[KnownField]:
    """Every field of an entity: the value that survives and all that was said, the newest first.

    `as_of`: as it was known then. A fact that was renewed since is dated by its last renewal.
    """
    rules = await policy(tx, tenant)
    by_field: dict[str, list[_Said]] = {}
    for row in await tx.fetch(SQL["said"], tenant, entity_id, as_of):
        said = _Said.model_validate(dict(row))
        by_field.setdefault(said.field, []).append(said)
    found = []
    for name, all_said in by_field.items():
        current = [s for s in all_said if s.superseded_at is None] or all_said
        best = survivor(current, rules.rule(name), rules.source_order)
        assert best is not None
        history = [KnownValue.model_validate(s.model_dump()) for s in all_said]
        found.append(
            KnownField(
                field=name, value=best.value, rule=rules.rule(name), vendor=best.vendor, confidence=best.confidence,
                observed_at=best.observed_at, history=history,
            )
        )  # fmt: skip
    return found
