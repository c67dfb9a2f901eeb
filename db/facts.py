"""Facts: values with source, time, confidence and terms, kept beside each other; a row's own columns hold the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pydantic_core import to_json

from contracts.enrichment import FactRow, FactValue
from db.sql import load
from db.transaction import Tx

SQL = load("facts")


async def save(tx: Tx, tenant: UUID, lead_id: UUID | None, facts: Sequence[tuple[UUID, FactValue]]) -> None:
    """Keep (entity, fact) pairs. A value that its source said before is renewed; one that replaces another supersedes it."""
    by_key = {(e, f.kind, f.field, f.vendor, repr(f.value)): (e, f) for e, f in facts}
    if not by_key:
        return
    pairs = list(by_key.values())
    await tx.execute(
        SQL["save"],
        tenant,
        lead_id,
        [f.kind for _, f in pairs],
        [e for e, _ in pairs],
        [f.field for _, f in pairs],
        [
            to_json(f.value).decode() for _, f in pairs
        ],  # a list among the values would be taken for a dimension of the array
        [f.vendor for _, f in pairs],
        [f.operation for _, f in pairs],
        [f.source_url for _, f in pairs],
        [f.terms.value for _, f in pairs],
        [f.confidence for _, f in pairs],
        [f.verified for _, f in pairs],
        [f.observed_at for _, f in pairs],
    )
    await tx.execute(SQL["supersede"], tenant, sorted({e for e, _ in pairs}))


async def of_entity(tx: Tx, tenant: UUID, entity_id: UUID) -> list[FactRow]:
    """Every current value of an entity, by field, the surest first."""
    return [FactRow.model_validate(dict(r)) for r in await tx.fetch(SQL["of_entity"], tenant, entity_id)]
