"""`headwater crm`: connection, policy, sync, links, pushes, for whoever may read the database's URL.

Stands here and not in `db` because testing a connection asks the vendor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel, ValidationError

from contracts.crm import (
    Connection,
    ConnectionTest,
    LinkPage,
    LinkRow,
    LinkState,
    Policy,
    PushPage,
    ResolveLink,
    SetConnection,
    SyncAnswer,
    SyncRequest,
)
from contracts.errors import HeadwaterError, Invalid, Rejected
from contracts.misfits import in_words
from contracts.outgoing import CrmProbe
from contracts.settings import Settings
from db import crm, crm_connections, crm_syncs
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json, print_table, run, wake_dispatchers
from db.transaction import Pool, Tx, transaction
from worker.providers.odoo_tenants import TenantOdoos

crm_app = typer.Typer(no_args_is_help=True, help="The CRM: connection, policy, sync, links, pushes.")
connection_app = typer.Typer(no_args_is_help=True, help="Where a tenant's CRM is: show, set, test, remove.")
crm_app.add_typer(connection_app, name="connection")

Body = TypeVar("Body", bound=BaseModel)
Slug = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
_LINKS = ("id", "model", "external_id", "remote_id", "state", "problem", "differs", "last_error", "pushed_at")
_PUSHES = ("id", "lead_id", "cause", "outcome", "reason", "records", "at")
_PLAN = ("lead_id", "company", "band", "score", "action", "reason", "records")


@connection_app.command("show")
def show(tenant: Slug = None, json: JsonOption = False) -> None:
    """The connection, and what its last test came to. The key itself is nowhere."""
    _say(as_owner(tenant, crm_connections.get), json)


@connection_app.command("set")
def set_(
    url: Annotated[str, typer.Option(help="Address of the Odoo.")],
    secret_ref: Annotated[str, typer.Option(help="Name of the setting that holds its key: ODOO_API_KEY_TENANT.")],
    database: Annotated[str | None, typer.Option(help="Where the server has several.")] = None,
    login: Annotated[str | None, typer.Option(help="Needed by servers before version 19.")] = None,
    transport: Annotated[str, typer.Option(help="auto, json2 or jsonrpc.")] = "auto",
    disabled: Annotated[bool, typer.Option("--disabled", help="Nothing is pushed.")] = False,
    tenant: Slug = None,
    json: JsonOption = False,
) -> None:
    """Write the whole connection."""

    async def write(tx: Tx, owner: UUID) -> Connection:
        body = _fits(
            SetConnection, url=url, secret_ref=secret_ref, database=database, login=login, transport=transport,
            enabled=not disabled,
        )  # fmt: skip
        return await crm_connections.put(tx, owner, body, Settings(), by=operator())

    _say(as_owner(tenant, write), json)


@connection_app.command("remove")
def remove(tenant: Slug = None) -> None:
    """Forget the connection; what stands in the CRM stays there."""

    async def write(tx: Tx, owner: UUID) -> bool:
        return await crm_connections.remove(tx, owner, by=operator())

    typer.echo("removed" if as_owner(tenant, write) else "there was none")


@connection_app.command("test")
def try_out(tenant: Slug = None, json: JsonOption = False) -> None:
    """Try the connection from here, and keep what came of it. Status 1 when it does not work."""

    async def found(tx: Tx, owner: UUID) -> tuple[UUID, Connection]:
        return owner, await crm_connections.get(tx, owner)

    owner, connection = as_owner(tenant, found)

    async def work(pool: Pool, settings: Settings) -> ConnectionTest:
        async with transaction(pool, owner) as tx:
            access = await crm_connections.access(tx, owner)
        crms = TenantOdoos(settings)
        try:
            assert access is not None
            (reply,) = await crms.operations(access)["check"].ask([CrmProbe()], key="test")
            assert reply.value is not None
            result = ConnectionTest.of(reply.value)
        except Rejected:
            raise
        except HeadwaterError as error:
            result = ConnectionTest(ok=False, code=error.code, error=error.detail)
        finally:
            await crms.close()
        async with transaction(pool, owner) as tx:
            await crm_connections.tested(tx, owner, connection.updated_at, result)
        return result

    result = run(work)
    _say(result, json)
    if not result.ok:
        raise typer.Exit(1)


@crm_app.command("policy")
def policy(
    min_band: Annotated[str | None, typer.Option(help="Lowest band that goes to the CRM: LOW, MEDIUM, HIGH.")] = None,
    conflicts: Annotated[str | None, typer.Option(help="What people changed there: ask, theirs, ours.")] = None,
    tenant: Slug = None,
    json: JsonOption = False,
) -> None:
    """Show the policy, or change what is named."""
    named = {k: v for k, v in (("min_band", min_band), ("conflicts", conflicts)) if v is not None}

    async def work(tx: Tx, owner: UUID) -> Policy:
        before = await crm_connections.policy(tx, owner)
        if not named:
            return before
        return await crm_connections.set_policy(tx, owner, _fits(Policy, **before.model_dump() | named), by=operator())

    _say(as_owner(tenant, work), json)


@crm_app.command("sync")
def sync(
    run_id: Annotated[UUID | None, typer.Option("--run", help="The leads of this run.")] = None,
    lead: Annotated[list[UUID] | None, typer.Option(help="A lead. May be repeated.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be; send nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Leads below the band as well.")] = False,
    tenant: Slug = None,
    json: JsonOption = False,
) -> None:
    """Push leads to the CRM. What is unchanged is not sent. A worker must run for anything to happen."""

    async def work(tx: Tx, owner: UUID) -> SyncAnswer:
        body = _fits(SyncRequest, run_id=run_id, lead_ids=lead or None, dry_run=dry_run, force=force)
        return await crm_syncs.sync(tx, owner, body, Settings(), by=operator())

    answer = as_owner(tenant, work)
    if not dry_run:
        wake_dispatchers()
    if json:
        print_json(answer)
        return
    rows = [_PlanLine.model_validate(one.model_dump() | {"records": {}}) for one in answer.leads]
    for row, one in zip(rows, answer.leads, strict=True):
        row.records = {r.name: r.action for r in one.records}
    print_table(rows, _PLAN, empty="no leads")
    if answer.id is not None:
        typer.echo(f"`headwater crm pushes --cause sync:{answer.id}` says what came of it")


class _PlanLine(BaseModel):
    lead_id: UUID
    company: str | None
    band: str | None
    score: float | None
    action: str
    reason: str | None
    records: dict[str, str]


@crm_app.command("links")
def links(
    state: Annotated[LinkState | None, typer.Option(help="pending, linked, conflict or error.")] = None,
    tenant: Slug = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """What of ours stands where in the CRM, newest first."""

    async def work(tx: Tx, owner: UUID) -> LinkPage:
        found = await crm.list_links(tx, owner, before=cursor, state=state, limit=limit + 1)
        more = str(found[limit - 1].id) if len(found) > limit else None
        return LinkPage(items=found[:limit], next_cursor=more)

    page = as_owner(tenant, work)
    _listed(page, page.items, _LINKS, json, "nothing stands in the CRM yet")


@crm_app.command("resolve")
def resolve(
    link_id: Annotated[UUID, typer.Argument(help="Of a link in state conflict.")],
    keep: Annotated[str, typer.Option(help="Whose values stay: ours or theirs.")],
    tenant: Slug = None,
    json: JsonOption = False,
) -> None:
    """Decide whose values stay where ours and the CRM's differ."""

    async def work(tx: Tx, owner: UUID) -> LinkRow:
        body = _fits(ResolveLink, keep=keep)
        return await crm.resolve(tx, owner, link_id, body.keep, by=operator())

    found = as_owner(tenant, work)
    wake_dispatchers()
    _say(found, json)


@crm_app.command("pushes")
def pushes(
    lead: Annotated[UUID | None, typer.Option(help="Of one lead.")] = None,
    cause: Annotated[str | None, typer.Option(help="Of one cause, such as sync:ID.")] = None,
    outcome: Annotated[str | None, typer.Option(help="done, unchanged, skipped, conflict or error.")] = None,
    tenant: Slug = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """What came of pushing leads, newest first."""

    async def work(tx: Tx, owner: UUID) -> PushPage:
        found = await crm.list_pushes(
            tx, owner, before=cursor, lead_id=lead, cause=cause, outcome=outcome, limit=limit + 1
        )
        more = str(found[limit - 1].id) if len(found) > limit else None
        return PushPage(items=found[:limit], next_cursor=more)

    page = as_owner(tenant, work)
    _listed(page, page.items, _PUSHES, json, "nothing was pushed yet")


def _listed(
    page: LinkPage | PushPage, rows: Sequence[BaseModel], columns: tuple[str, ...], json: bool, empty: str
) -> None:
    if json:
        print_json(page)
        return
    print_table(rows, columns, empty=empty)
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


def _say(answer: BaseModel, json: bool) -> None:
    if json:
        print_json(answer)
    else:
        print_fields(answer, tuple(type(answer).model_fields))


def _fits(kind: type[Body], **given: object) -> Body:
    """A body out of options. Raises: Invalid, in our words."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        raise Invalid(f"{where}{in_words(first)}") from None
