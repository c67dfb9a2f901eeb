"""A tenant's CRM as the API takes and shows it: connection, policy, what stands there, what came of pushing (S3.16, S3.17)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from contracts.crm_access import REFERENCE
from contracts.outgoing import CrmStanding
from contracts.texts import NoNul

#: The one CRM there is so far, as `crm_links.system` names it.
ODOO = "odoo"
Band = Literal["LOW", "MEDIUM", "HIGH"]
BANDS: tuple[Band, ...] = ("LOW", "MEDIUM", "HIGH")
Conflicts = Literal["ours", "theirs", "ask"]
Keep = Literal["ours", "theirs"]
LinkState = Literal["pending", "linked", "conflict", "error"]
#: What came of a push. `skipped` has a reason; `conflict`: some of it waits for a person.
PushOutcome = Literal["done", "unchanged", "skipped", "conflict", "error"]
Transport = Literal["auto", "json2", "jsonrpc"]
_Ids = Annotated[list[UUID], Field(min_length=1, max_length=1000)]


def _both(name: str) -> AliasChoices:
    return AliasChoices(name, to_camel(name))


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SetConnection(_Body):
    """Body of PUT /v1/crm/connection: the whole connection. The key itself is never sent here: `secret_ref` names its setting."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://acme.odoo.example",
                    "database": "acme",
                    "login": "leads@acme.example",
                    "secret_ref": "ODOO_API_KEY_ACME",
                    "enabled": True,
                }
            ]
        }
    )

    url: Annotated[str, Field(min_length=1, max_length=500), NoNul]
    database: Annotated[str, Field(min_length=1, max_length=200), NoNul] | None = None
    login: Annotated[str, Field(min_length=1, max_length=320), NoNul] | None = Field(
        default=None, description="needed by servers before version 19"
    )
    secret_ref: Annotated[str, Field(pattern=f"^{REFERENCE.pattern}$", max_length=200)] = Field(
        validation_alias=_both("secret_ref"),
        description="name of the environment variable that holds the key, ODOO_API_KEY_TENANT; never the key",
    )
    transport: Transport = "auto"
    enabled: bool = True


class ConnectionTest(BaseModel):
    """What a test of the connection came to."""

    ok: bool
    code: str | None = Field(default=None, description="of the error")
    error: str | None = None
    version: str | None = None
    transport: str | None = None
    user: str | None = None
    can_create: dict[str, bool] = {}

    @classmethod
    def of(cls, standing: CrmStanding) -> ConnectionTest:
        """A connection that works, unless something may not be created there."""
        said = standing.model_dump()
        missing = [model for model, may in standing.can_create.items() if not may]
        if not missing:
            return cls(ok=True, **said)
        hint = "install its app (crm.lead: CRM), or give the user the right"
        return cls(ok=False, code="crm_rights", error=f"may not create {', '.join(missing)}: {hint}", **said)


class Connection(BaseModel):
    """A tenant's CRM. `test_result` is of `tested_at`; both are null after a change, until the connection is tried again."""

    id: UUID
    system: Literal["odoo"] = "odoo"
    url: str
    database: str | None
    login: str | None
    secret_ref: str
    transport: Transport
    enabled: bool
    tested_at: datetime | None
    test_result: ConnectionTest | None
    created_at: datetime
    updated_at: datetime


class Policy(_Body):
    """What of a tenant's leads goes to its CRM, and what happens to what people have changed there.

    `conflicts`: `ask` leaves it and shows it; `theirs` leaves it; `ours` writes over it.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"min_band": "MEDIUM", "conflicts": "ask"}]})

    min_band: Band = Field(default="MEDIUM", validation_alias=_both("min_band"))
    conflicts: Conflicts = "ask"


class SyncRequest(_Body):
    """Body of POST /export/odoo/sync: the leads of a run, or these. `force` takes those below the tenant's band as well."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"run_id": "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01", "dry_run": True},
                {"lead_ids": ["01936f3e-9a40-7c11-8f7a-5b1d2c3e4f02"]},
            ]
        }
    )

    run_id: UUID | None = Field(default=None, validation_alias=_both("run_id"))
    lead_ids: _Ids | None = Field(default=None, validation_alias=_both("lead_ids"))
    dry_run: bool = Field(default=False, validation_alias=_both("dry_run"))
    force: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> SyncRequest:
        if (self.run_id is None) == (self.lead_ids is None):
            raise ValueError("give either run_id or lead_ids")
        return self


class PlannedRecord(BaseModel):
    """What a sync would do to one record: `changed` are the fields to send. What people changed there shows when it is done."""

    model: str
    local_id: UUID
    name: str
    action: Literal["created", "updated", "unchanged", "conflict"]
    changed: list[str] = []


class PlannedLead(BaseModel):
    """One lead of a sync. `reason` is set when it is skipped."""

    lead_id: UUID
    company: str | None
    band: Band | None
    score: float | None
    action: Literal["push", "skipped"]
    reason: str | None = None
    records: list[PlannedRecord] = []


class SyncAnswer(BaseModel):
    """What was asked for, lead by lead. `id` is the cause that the pushes bear; null for a dry run, which sends nothing."""

    id: UUID | None
    dry_run: bool
    leads: list[PlannedLead]
    counts: dict[str, int] = Field(description="created, updated, unchanged, conflict: records; push, skipped: leads")
    left: int = Field(default=0, description="leads of the run beyond those listed: ask again for them by id")


class LinkRow(BaseModel):
    """What of ours stands where in the CRM. `differs`: field -> what we have, what stands there, what stood there before."""

    id: UUID
    system: str
    model: str
    local_id: UUID
    external_id: str
    remote_id: int | None
    state: LinkState
    problem: str | None = Field(description="changed, deleted, archived, moved or merged, in state conflict")
    differs: dict[str, dict[str, Any]]
    resolution: Keep | None = Field(description="what a person has decided; the next push does it")
    dropped: list[str] = Field(description="fields that this database lacks: they were not sent")
    last_error: str | None
    pushed_at: datetime | None
    created_at: datetime
    updated_at: datetime


class LinkPage(BaseModel):
    items: list[LinkRow]
    next_cursor: str | None


class ResolveLink(_Body):
    """Body of POST /v1/crm/links/{id}/resolve: whose values stay."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"keep": "theirs"}]})

    keep: Keep


class PushRow(BaseModel):
    """What came of one push. `records`: model -> created, updated, unchanged, conflict or error."""

    id: UUID
    lead_id: UUID
    cause: str
    outcome: PushOutcome
    reason: str | None
    records: dict[str, str]
    at: datetime


class PushPage(BaseModel):
    items: list[PushRow]
    next_cursor: str | None
