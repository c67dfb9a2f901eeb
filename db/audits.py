"""Reading the audit log; `db.access.audit` writes it."""

from __future__ import annotations

from uuid import UUID

from contracts.audits import AuditPage, AuditQuery, AuditRow
from db import paging
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("audits")
_SECTIONS: dict[str, tuple[type, ...]] = {"audit": (UUID,)}


async def page(tx: Tx, tenant: UUID, asked: AuditQuery) -> AuditPage:
    """Rows of the audit log, newest first. Raises: Invalid (`invalid_cursor`)."""
    before = paging.decode(asked.cursor, _SECTIONS)[1][0] if asked.cursor else LAST_UUID
    rows = await tx.fetch(
        SQL["page"], tenant, before, asked.actor, asked.action, asked.subject_type, asked.subject_id, asked.limit + 1
    )
    items = [AuditRow.model_validate(dict(row)) for row in rows[: asked.limit]]
    return AuditPage(items=items, next_cursor=paging.encode("audit", items[-1].id) if len(rows) > asked.limit else None)
