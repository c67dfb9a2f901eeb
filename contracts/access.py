"""Who gets in: logging in, sessions, API keys. On the wire auth speaks camelCase, keys speak snake_case; both are read (R24)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, AliasGenerator, BaseModel, ConfigDict, Field, SecretStr
from pydantic.alias_generators import to_camel

from contracts.tenants import Role
from contracts.texts import NoNul, without_nul

#: Roles a user or a key may have; `service` belongs to the job secret alone.
GrantedRole = Literal[Role.VIEWER, Role.ANALYST, Role.OPS, Role.OWNER]
#: Things of the API that a key can be narrowed to: the first word of the path after /v1/.
SCOPED_THINGS = (
    "discovery",
    "leads",
    "outbox",
    "jobs",
    "limits",
    "icp-profiles",
    "shortlists",
    "messages",
    "vendors",
    "waterfalls",
    "opportunities",
    "staging",
    "analytics",
    "companies",
    "consents",
    "crm",
    "exports",
    "imports",
    "matches",
    "message-settings",
    "message-templates",
    "models",
    "privacy",
    "retention",
    "schedules",
    "suppressions",
    "accounts",
    "skus",
    "sample-metrics",
    "triggers",
    "alerts",
    "alert-channels",
    "audit",
    "survivorship",
    "tenant",
    "tenants",
    "users",
    "webhook-endpoints",
    "webhooks",
)
SCOPES = tuple(f"{thing}:{verb}" for thing in SCOPED_THINGS for verb in ("read", "write"))


def normal_email(value: str) -> str:
    """Lower case, without blanks around it. Raises ValueError when it is no address."""
    value = without_nul(value).strip().lower()
    name, at, host = value.rpartition("@")
    if not (at and name and host) or any(c.isspace() for c in value) or "@" in name or len(value) > 320:
        raise ValueError("must be an e-mail address, such as ada@example.com")
    return value


def _known_scope(value: str) -> str:
    if value not in SCOPES:
        raise ValueError(f"unknown scope; known: {', '.join(SCOPES)}")
    return value


def _bounded_secret(value: SecretStr) -> SecretStr:
    if not 1 <= len(without_nul(value.get_secret_value())) <= 1000:
        raise ValueError("must have 1 to 1000 characters")
    return value


def _both(name: str) -> str | AliasChoices:
    return name if to_camel(name) == name else AliasChoices(name, to_camel(name))


def _both_camel_first(name: str) -> str | AliasChoices:
    return name if to_camel(name) == name else AliasChoices(to_camel(name), name)


Email = Annotated[str, Field(min_length=3, max_length=320), AfterValidator(normal_email)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
#: What a tenant is called where people read it.
TenantName = Annotated[str, Field(min_length=1, max_length=200), NoNul]
Secret = Annotated[SecretStr, AfterValidator(_bounded_secret)]
Scope = Annotated[str, Field(max_length=50), AfterValidator(_known_scope)]


class _AuthAsked(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=AliasGenerator(validation_alias=_both_camel_first)
    )


class _AuthShown(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, alias_generator=AliasGenerator(alias=to_camel))


class CreateTenant(BaseModel):
    """A new tenant. `slug` names it in commands and at login; `name` is shown to people, the slug when absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: Slug = Field(examples=["acme"])
    name: TenantName | None = Field(default=None, examples=["Acme Ltd"])


class Login(_AuthAsked):
    """E-mail and password; `tenant` is a slug, the default tenant's when absent."""

    email: Email = Field(examples=["ada@example.com"])
    password: Secret = Field(examples=["correct horse battery staple"])
    tenant: Slug | None = Field(default=None, examples=["well-crafted"])


class Refresh(_AuthAsked):
    """A refresh token, good for one use: the answer carries the next one."""

    refresh_token: Secret = Field(examples=["hwr_…"])


class Logout(_AuthAsked):
    """The refresh token of the session to end; not needed beside a valid access token."""

    refresh_token: Secret | None = Field(default=None, examples=["hwr_…"])


class Tokens(_AuthShown):
    """An access token until `expires_at` (UTC), and the token that gets the next pair."""

    access_token: str = Field(examples=["eyJhbGciOi…"])
    refresh_token: str = Field(examples=["hwr_…"])
    expires_at: datetime
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105


class Me(_AuthShown):
    """Whom the API takes you for."""

    tenant_id: UUID
    role: Role
    name: str = Field(examples=["ada@example.com"])
    user_id: UUID | None = None
    key_id: UUID | None = None
    scopes: tuple[str, ...] = ()


class CreateKey(BaseModel):
    """A new API key. No scopes: all that its role may do. No `expires_in_s`: it lives until it is revoked."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=AliasGenerator(validation_alias=_both))

    name: Annotated[str, Field(min_length=1, max_length=200), NoNul] = Field(examples=["night importer"])
    role: GrantedRole = Field(default=Role.VIEWER, examples=["analyst"])
    scopes: tuple[Scope, ...] = Field(default=(), max_length=50, examples=[["leads:read"]])
    expires_in_s: Annotated[int, Field(strict=True, ge=60, le=10 * 366 * 86_400)] | None = None


class KeyView(BaseModel):
    """An API key without its text, which nobody can read again."""

    id: UUID
    name: str
    role: Role
    scopes: list[str]
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="within a minute")


class NewKey(KeyView):
    """A key just made: `key` is shown this once."""

    key: str = Field(examples=["hwk_…"])


class KeyPage(BaseModel):
    """Keys, newest first; `next_cursor` asks for the page after."""

    items: list[KeyView]
    next_cursor: str | None


class User(BaseModel):
    """A user as operators see it."""

    id: UUID
    email: str
    role: Role
    disabled_at: datetime | None
    created_at: datetime


class UserPage(BaseModel):
    """Users by e-mail address; `next_cursor` asks for the page after."""

    items: list[User]
    next_cursor: str | None
