"""Idempotency keys: the first request under a key decides what the key stands for."""

from __future__ import annotations

import hashlib
from uuid import UUID

from pydantic_core import to_json

from contracts.errors import Conflict
from db.sql import load
from db.transaction import Tx

SQL = load("idempotency")


async def claim(tx: Tx, tenant: UUID, route: str, key: str, body: object, subject: UUID) -> UUID:
    """Bind an Idempotency-Key to `subject` if it is free; returns the subject it stands for.

    Raises: Conflict (code `idempotency_key_reused`) when it was used with another body.
    """
    digest = hashlib.sha256(to_json(body)).digest()
    if await tx.fetchval(SQL["remember"], tenant, route, key, digest, subject) is not None:
        return subject
    row = await tx.fetchrow(SQL["recall"], tenant, route, key)
    if row is None or row["body_hash"] != digest:
        raise Conflict(
            "this Idempotency-Key was used with another body; send the same body or a new key",
            code="idempotency_key_reused",
        )
    found: UUID = row["subject_id"]
    return found
