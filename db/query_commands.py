"""`headwater queries`: list, add, remove, enable, disable, generate, for whoever may read the database's URL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import typer

from contracts.discovery_queries import LONGEST, DiscoveryQuery, DiscoveryQueryPage, GeneratedQueries
from contracts.errors import Invalid, NotFound
from contracts.texts import storable
from db import discovery_queries, profiles
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json, print_table
from db.transaction import Tx

queries_app = typer.Typer(no_args_is_help=True, help="Discovery queries: what runs look for that name nothing.")

OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
WhichArgument = Annotated[str, typer.Argument(help="Id or text of a query.", metavar="QUERY")]
_LISTED = ("id", "text", "enabled", "source", "last_used_at")


@queries_app.command("list")
def list_queries(
    enabled: Annotated[bool | None, typer.Option("--enabled/--disabled", help="Only those.")] = None,
    tenant: OwnerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """A tenant's queries, newest first."""

    async def work(tx: Tx, owner: UUID) -> list[DiscoveryQuery]:
        return await discovery_queries.list_(tx, owner, before=cursor, enabled=enabled, limit=limit + 1)

    found = as_owner(tenant, work)
    page = DiscoveryQueryPage(items=found[:limit], next_cursor=str(found[limit - 1].id) if len(found) > limit else None)
    if json:
        print_json(page)
        return
    print_table(page.items, _LISTED, empty="no query yet, so runs take the five defaults: `headwater queries add TEXT`")
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


@queries_app.command("add")
def add_query(
    text: str,
    profile: Annotated[str | None, typer.Option(help="Name or id of the ICP profile it serves.")] = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Add a query."""
    if not text.strip() or len(text) > LONGEST or storable(text) != text:
        raise Invalid(f"a query has 1 to {LONGEST} characters")

    async def work(tx: Tx, owner: UUID) -> DiscoveryQuery:
        profile_id = (await profiles.find(tx, owner, profile)).id if profile else None
        return await discovery_queries.add(tx, owner, text, profile_id=profile_id, by=operator())

    _print(as_owner(tenant, work), json)


@queries_app.command("remove")
def remove_query(query: WhichArgument, tenant: OwnerOption = None) -> None:
    """Delete a query. What its runs found stays."""

    async def work(tx: Tx, owner: UUID) -> None:
        await discovery_queries.remove(tx, owner, await _which(tx, owner, query), by=operator())

    as_owner(tenant, work)
    typer.echo("removed")


@queries_app.command("enable")
def enable_query(query: WhichArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Let runs use a query."""
    _print(as_owner(tenant, _switched(query, True)), json)


@queries_app.command("disable")
def disable_query(query: WhichArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Keep a query without using it."""
    _print(as_owner(tenant, _switched(query, False)), json)


@queries_app.command("generate")
def generate_queries(
    profile: Annotated[str, typer.Option(help="Name or id of an ICP profile.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many.")] = 10,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Add queries for an ICP profile: its industries in its countries. Again adds nothing."""

    async def work(tx: Tx, owner: UUID) -> GeneratedQueries:
        found = await profiles.find(tx, owner, profile)
        return await discovery_queries.generate_for(tx, owner, found, limit=limit, by=operator())

    made = as_owner(tenant, work)
    if json:
        print_json(made)
        return
    print_table(made.added, ("id", "text"), empty="nothing new")
    for text in made.known:
        typer.echo(f"known: {text}")


def _switched(query: str, enabled: bool) -> Callable[[Tx, UUID], Awaitable[DiscoveryQuery]]:
    async def work(tx: Tx, owner: UUID) -> DiscoveryQuery:
        return await discovery_queries.set_enabled(tx, owner, await _which(tx, owner, query), enabled, by=operator())

    return work


async def _which(tx: Tx, owner: UUID, text: str) -> UUID:
    """By id, else by what it says. Raises: NotFound."""
    try:
        return UUID(text)
    except ValueError:
        found = await discovery_queries.find(tx, owner, text)
    if found is None:
        raise NotFound(f"no query {text!r}: `headwater queries list` shows them", code="query_not_found")
    return found


def _print(shown: DiscoveryQuery, json: bool) -> None:
    if json:
        print_json(shown)
    else:
        print_fields(shown, tuple(DiscoveryQuery.model_fields))
