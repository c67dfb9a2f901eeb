"""Which value of a field survives (contracts/survivorship.py), by the tenant's policy `survivorship`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import ValidationError

from contracts.enrichment import FactRow
from contracts.matching import KnownField, KnownValue
from contracts.survivorship import Survivorship, survivor
from db.sql import load
from db.transaction import Tx

SQL = load("survivorship")


async def policy(tx: Tx, tenant: UUID) -> Survivorship:
    """The tenant's rules; the default ones where there are none, or where they make no sense."""
    value = await tx.fetchval(SQL["policy"], tenant)
    try:
        return Survivorship.model_validate(value or {})
    except ValidationError:
        return Survivorship()


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
