"""Tenants and who may do what."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

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
    #: Its tenant is suspended: all it may do is look at that.
    suspended: bool = False


class Tenant(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: UUID
    slug: str
    name: str
    status: str


Buffer = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Weight = Annotated[int, Field(strict=True, ge=1, le=100)]
Backlog = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class Quotas(BaseModel):
    """What the house grants a tenant; null: the installation's own limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    queued_buffer: Buffer | None = Field(
        default=None, description="jobs standing in the queue at once; the rest waits in the outbox", examples=[200]
    )
    max_runs_per_day: Count | None = Field(
        default=None, description="runs that people and keys may start in a day of UTC", examples=[50]
    )
    daily_shortlist_cap: Count | None = Field(
        default=None, description="companies that a night may select at most", examples=[20]
    )
    weight: Weight | None = Field(
        default=None,
        description="share of the workers beside other tenants that wait: 3 gets three times as much as 1, the default",
        examples=[3],
    )
    max_waiting_events: Backlog | None = Field(
        default=None,
        description="due events waiting, from which on requests that start work are answered 429",
        examples=[50_000],
    )


class TenantView(BaseModel):
    """A tenant with its quotas. `status`: active, paused (suspended: nothing starts, data are kept), closed."""

    id: UUID
    slug: str
    name: str
    status: str
    created_at: AwareDatetime
    runs_today: int
    waiting_events: int = Field(description="events in the outbox, 10,000 at most are counted")
    quotas: Quotas


class TenantList(BaseModel):
    items: list[TenantView]
