"""`headwater tenants|users|keys`: access control from a shell, for whoever may read the database's URL."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

from contracts.access import CreateKey, Email, GrantedRole, Slug, TenantName
from contracts.errors import NotFound
from contracts.misfits import in_words
from contracts.settings import Settings
from contracts.tenants import Role, Tenant
from db import access, passwords, tenants
from db.address import database_url
from db.pool import open_pool
from db.terminal import operator, print_table
from db.transaction import DbRole, Pool, transaction

T = TypeVar("T")

tenants_app = typer.Typer(no_args_is_help=True, help="Tenants: create, list, pause, close.")
users_app = typer.Typer(no_args_is_help=True, help="Users: create, list, disable, set a password.")
keys_app = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")

TenantOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RoleOption = Annotated[str, typer.Option(help="viewer, analyst, ops or owner.")]


@tenants_app.command("create")
def create_tenant(
    slug: str,
    name: Annotated[str | None, typer.Option(help="Shown name; the slug when absent.")] = None,
    json: JsonOption = False,
) -> None:
    """Add a tenant."""
    slug = _checked(Slug, slug, "slug")
    name = _checked(TenantName | None, name, "name")

    async def work(pool: Pool) -> Tenant:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            return await tenants.create(tx, slug, name=name, by=operator())

    _print([_with_database(work)], json, one=True)


@tenants_app.command("list")
def list_tenants(json: JsonOption = False) -> None:
    """List tenants."""

    async def work(pool: Pool) -> list[Tenant]:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            return await tenants.list_(tx)

    _print(_with_database(work), json)


@tenants_app.command("status")
def set_tenant_status(
    slug: str, status: Annotated[str, typer.Argument(help="active, paused or closed")], json: JsonOption = False
) -> None:
    """Open, pause or close a tenant: events wait until it is active; a closed one's sessions and keys stop working at once."""
    if status not in ("active", "paused", "closed"):
        raise typer.BadParameter("choose active, paused or closed")

    async def work(pool: Pool) -> Tenant:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            changed = await tenants.set_status(tx, slug, status, by=operator())  # type: ignore[arg-type]  # checked above
        if changed is None:
            raise NotFound(f"there is no tenant {slug!r}: `headwater tenants list` shows them")
        return changed

    _print([_with_database(work)], json, one=True)


@users_app.command("create")
def create_user(
    email: str,
    role: RoleOption = "viewer",
    tenant: TenantOption = None,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
    json: JsonOption = False,
) -> None:
    """Add a user; asks for the password."""
    email, granted = _checked(Email, email, "e-mail"), _checked(GrantedRole, role, "role")
    password = _password(password_stdin)

    async def work(pool: Pool) -> BaseModel:
        hashed = await passwords.hashed(password)
        tenant_id = (await _tenant(pool, tenant)).id
        async with transaction(pool, tenant_id) as tx:
            return await access.create_user(tx, tenant_id, email, Role(granted), hashed, by=operator())

    _print([_with_database(work)], json, one=True)


@users_app.command("list")
def list_users(tenant: TenantOption = None, json: JsonOption = False) -> None:
    """List a tenant's users."""

    async def work(pool: Pool) -> Sequence[BaseModel]:
        tenant_id = (await _tenant(pool, tenant)).id
        async with transaction(pool, tenant_id) as tx:
            return await access.list_users(tx, tenant_id)

    _print(_with_database(work), json, empty="no user yet: `headwater users create EMAIL --role ROLE` adds one")


@users_app.command("disable")
def disable_user(email: str, tenant: TenantOption = None) -> None:
    """Shut a user out now, open sessions included."""
    email = _checked(Email, email, "e-mail")

    async def work(pool: Pool) -> None:
        tenant_id = (await _tenant(pool, tenant)).id
        async with transaction(pool, tenant_id) as tx:
            if not await access.disable_user(tx, tenant_id, email, by=operator()):
                raise NotFound(f"there is no user {email}: `headwater users list` shows them")

    _with_database(work)


@users_app.command("password")
def set_password(
    email: str,
    tenant: TenantOption = None,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
) -> None:
    """Set a user's password anew; open sessions end."""
    email = _checked(Email, email, "e-mail")
    password = _password(password_stdin)

    async def work(pool: Pool) -> None:
        hashed = await passwords.hashed(password)
        tenant_id = (await _tenant(pool, tenant)).id
        async with transaction(pool, tenant_id) as tx:
            if not await access.change_password(tx, tenant_id, email, hashed, by=operator()):
                raise NotFound(f"there is no user {email}: `headwater users list` shows them")

    _with_database(work)


@keys_app.command("create")
def create_key(
    role: RoleOption = "viewer",
    tenant: TenantOption = None,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    scope: Annotated[list[str] | None, typer.Option(help="Narrow it, e.g. leads:read. May be repeated.")] = None,
    expires_in_s: Annotated[
        int | None, typer.Option(min=60, help="Lifetime in seconds; absent: until revoked.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make an API key. Its text is printed now and never again."""
    asked = _checked(
        CreateKey, {"name": name, "role": role, "scopes": scope or [], "expires_in_s": expires_in_s}, "key"
    )

    async def work(pool: Pool) -> dict[str, Any]:
        tenant_id = (await _tenant(pool, tenant)).id
        async with transaction(pool, tenant_id) as tx:
            view, text = await access.create_key(
                tx,
                tenant_id,
                asked.name,
                asked.role,
                by=operator(),
                scopes=asked.scopes,
                expires_in_s=asked.expires_in_s,
            )
        return {"id": view.id, "key": text, **view.model_dump(include={"name", "role", "scopes", "expires_at"})}

    made = _with_database(work)
    typer.echo(to_json(made, indent=2).decode() if json else made["key"])


@keys_app.command("list")
def list_keys(tenant: TenantOption = None, json: JsonOption = False) -> None:
    """List a tenant's keys, newest first, revoked ones too."""

    async def work(pool: Pool) -> Sequence[BaseModel]:
        tenant_id = (await _tenant(pool, tenant)).id
        async with transaction(pool, tenant_id) as tx:
            return await access.list_keys(tx, tenant_id, limit=1000)

    _print(_with_database(work), json, empty="no key yet: `headwater keys create --role ROLE` makes one")


@keys_app.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(metavar="ID")], tenant: TenantOption = None) -> None:
    """Make a key useless at once."""
    wanted = _checked(UUID, key_id, "id")

    async def work(pool: Pool) -> None:
        tenant_id = (await _tenant(pool, tenant)).id
        async with transaction(pool, tenant_id) as tx:
            if not await access.revoke_key(tx, tenant_id, wanted, by=operator()):
                raise NotFound(f"there is no key {key_id}: `headwater keys list` shows them")

    _with_database(work)


def _with_database(work: Callable[[Pool], Awaitable[T]]) -> T:
    """Run `work` on a pool of the database in use; refusals are the front door's to print."""

    async def run() -> T:
        pool = await open_pool(database_url(Settings()), name="headwater-cli", size=2)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return asyncio.run(run())


async def _tenant(pool: Pool, slug: str | None) -> Tenant:
    if slug is None:
        return await tenants.ensure_default(pool, Settings())
    async with transaction(pool, None) as tx:
        tenant = await tenants.by_slug(tx, slug)
    if tenant is None:
        raise NotFound(f"there is no tenant {slug!r}: `headwater tenants create {slug}` makes it")
    return tenant


def _checked(kind: Any, value: object, what: str) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        reasons = "; ".join(in_words(e) for e in error.errors()[:3])
        raise typer.BadParameter(f"{what}: {reasons}") from None


def _password(from_stdin: bool) -> str:
    if from_stdin or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _print(rows: Sequence[BaseModel], as_json: bool, *, one: bool = False, empty: str = "") -> None:
    if as_json:
        typer.echo(to_json(rows[0] if one else list(rows), indent=2).decode())
        return
    print_table(rows, tuple(type(rows[0]).model_fields) if rows else (), empty=empty)
