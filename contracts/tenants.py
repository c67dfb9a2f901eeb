"""Tenants and who may do what."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

#: The reserved tenant: house credentials and all-tenant runs belong to it.
SYSTEM_TENANT = UUID("00000000-0000-7000-8000-000000000001")


class Role(StrEnum):
    """Roles in rising order of what they may do; `SERVICE` is the job secret's principal, limited to job routes."""

    SERVICE = "service"
    VIEWER = "viewer"
    ANALYST = "analyst"
    OPS = "ops"
    OWNER = "owner"


class Principal(BaseModel):
    """Who is asking. `name` goes into audit rows; `session_id` is set for people, `key_id` for API keys."""

    model_config = ConfigDict(frozen=True)

    tenant_id: UUID
    role: Role
    name: str
    user_id: UUID | None = None
    session_id: UUID | None = None
    key_id: UUID | None = None
    scopes: tuple[str, ...] = ()


class Tenant(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: UUID
    slug: str
    name: str
    status: str
