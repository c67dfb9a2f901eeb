"""`headwater webhooks`: where a tenant wants facts told."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel, ValidationError

from contracts.errors import Invalid
from contracts.misfits import in_words
from contracts.settings import Settings
from contracts.webhook_endpoints import (
    SUBSCRIBABLE,
    ChangeEndpoint,
    CreateEndpoint,
    Endpoint,
    EndpointPage,
    EndpointSecret,
    checked_url,
    signing_secret,
)
from db import webhooks
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json, print_table
from db.transaction import Tx

Body = TypeVar("Body", bound=BaseModel)
webhooks_app = typer.Typer(no_args_is_help=True, help="Webhooks of tenants: create, list, change, rotate, remove.")
OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
EndpointArgument = Annotated[UUID, typer.Argument(metavar="ENDPOINT", help="Id of the endpoint.")]
EventOption = Annotated[
    list[str] | None, typer.Option("--event", help=f"{', '.join(sorted(SUBSCRIBABLE))}. May be repeated.")
]
OrderingOption = Annotated[str | None, typer.Option(help="none, block, park or skip.")]
_LISTED = ("id", "url", "events", "ordering", "enabled", "failures", "open_until")
_SHOWN = (*_LISTED, "last_error", "disabled_reason", "description", "created_by", "created_at")


@webhooks_app.command("create")
def create_endpoint(
    url: str,
    event: EventOption = None,
    ordering: OrderingOption = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Register an address for facts of some kinds. Its signing secret is printed this once."""
    given = {"ordering": ordering, "description": description}
    body = _asked(CreateEndpoint, url=url, events=event or [], **{k: v for k, v in given.items() if v is not None})

    async def work(tx: Tx, owner: UUID) -> EndpointSecret:
        settings = Settings()
        to = checked_url(body.url, loopback=settings.webhook_allow_loopback)
        made, version = await webhooks.create(tx, owner, body, to, by=operator())
        return _with_secret(settings, owner, made, version)

    _print_secret(as_owner(tenant, work), json)


@webhooks_app.command("list")
def list_endpoints(
    tenant: OwnerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """A tenant's endpoints, newest first. Their deliveries: `headwater outbox list --sink webhook`."""

    async def work(tx: Tx, owner: UUID) -> list[Endpoint]:
        return await webhooks.list_(tx, owner, before=cursor, limit=limit + 1)

    found = as_owner(tenant, work)
    page = EndpointPage(items=found[:limit], next_cursor=str(found[limit - 1].id) if len(found) > limit else None)
    if json:
        print_json(page)
        return
    print_table(page.items, _LISTED, empty="no endpoint yet: `headwater webhooks create URL --event LeadScored`")
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


@webhooks_app.command("change")
def change_endpoint(
    endpoint: EndpointArgument,
    url: Annotated[str | None, typer.Option(help="Another address.")] = None,
    event: EventOption = None,
    ordering: OrderingOption = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Enabling lets what waited go out.")
    ] = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Replace what is named."""
    given = {"url": url, "events": event, "ordering": ordering, "enabled": enabled}
    body = _asked(ChangeEndpoint, **{k: v for k, v in given.items() if v is not None})

    async def work(tx: Tx, owner: UUID) -> Endpoint:
        to = checked_url(body.url, loopback=Settings().webhook_allow_loopback) if body.url is not None else None
        return await webhooks.change(tx, owner, endpoint, body, to, by=operator())

    made = as_owner(tenant, work)
    print_json(made) if json else print_fields(made, _SHOWN)


@webhooks_app.command("rotate")
def rotate_secret(endpoint: EndpointArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Give it another signing secret; it is printed this once."""

    async def work(tx: Tx, owner: UUID) -> EndpointSecret:
        made, version = await webhooks.rotate(tx, owner, endpoint, by=operator())
        return _with_secret(Settings(), owner, made, version)

    _print_secret(as_owner(tenant, work), json)


@webhooks_app.command("remove")
def remove_endpoint(endpoint: EndpointArgument, tenant: OwnerOption = None) -> None:
    """Take it away. What waits for it becomes dead letters."""

    async def work(tx: Tx, owner: UUID) -> None:
        await webhooks.remove(tx, owner, endpoint, by=operator())

    as_owner(tenant, work)
    typer.echo(f"{endpoint} is removed")


def _asked(kind: type[Body], **given: Any) -> Body:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Invalid(f"{'.'.join(map(str, first['loc']))}: {in_words(first)}") from None


def _with_secret(settings: Settings, owner: UUID, made: Endpoint, version: int) -> EndpointSecret:
    secret = signing_secret(settings.webhook_signing_key, owner, made.id, version)
    return EndpointSecret(**made.model_dump(), secret=secret.get_secret_value())


def _print_secret(made: EndpointSecret, json: bool) -> None:
    if json:
        print_json(made)
        return
    print_fields(made, (*_SHOWN, "secret"))
    typer.echo("keep the secret: it is not shown again", err=True)
