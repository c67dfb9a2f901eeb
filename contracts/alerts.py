"""Alerts: what wants a person's eye."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

Severity = Literal["critical", "error", "warning", "info"]


class AlertView(BaseModel):
    """One open row a rule and scope; what happens again is counted. `evidence` holds no personal data."""

    tenant_id: UUID
    id: UUID
    rule: str
    scope: str
    severity: Severity
    state: Literal["open", "ack", "resolved"]
    first_seen: AwareDatetime
    last_seen: AwareDatetime
    count: int
    evidence: dict[str, Any]
    resolved_at: AwareDatetime | None


class AlertList(BaseModel):
    items: list[AlertView]
