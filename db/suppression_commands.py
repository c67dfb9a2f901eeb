"""`headwater suppressions`: add, check, list, remove, for whoever may read the database's URL."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from contracts.errors import Invalid
from contracts.suppressions import Channel, KeyType, Suppression, SuppressionHit, SuppressionPage, normalised
from db import suppressions
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json, print_table
from db.transaction import Tx

suppressions_app = typer.Typer(no_args_is_help=True, help="Suppressions: add, check, list, remove.")

OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
ChannelOption = Annotated[Channel, typer.Option(help="any, whatsapp, email or phone.")]
TypeOption = Annotated[
    KeyType | None, typer.Option("--type", help="email, phone, domain or person; absent: as it looks.")
]
ValueArgument = Annotated[str, typer.Argument(metavar="VALUE", help="Address, +number, domain or LinkedIn profile.")]
_FIELDS = ("id", "channel", "key_type", "reason", "source", "erased", "added_by", "created_at")


@suppressions_app.command("add")
def add_suppression(
    value: ValueArgument,
    key_type: TypeOption = None,
    channel: ChannelOption = "any",
    reason: Annotated[str, typer.Option(help="Why.")] = "asked",
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Put a value on the list; what is stored cannot be read back."""

    async def work(tx: Tx, owner: UUID) -> Suppression:
        kind = key_type or _looks_like(value)
        made, _ = await suppressions.add(
            tx, owner, channel, kind, value, by=operator(), reason=reason[:200], source="cli"
        )
        return made

    _print(as_owner(tenant, work), json)


@suppressions_app.command("check")
def check_suppression(
    value: ValueArgument,
    key_type: TypeOption = None,
    channel: ChannelOption = "any",
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Whether somebody with this value may be written to. Exit status 1: they may not."""

    async def work(tx: Tx, owner: UUID) -> SuppressionHit:
        kind = key_type or _looks_like(value)
        normalised(kind, value)
        asked: dict[str, Any] = {
            {"email": "emails", "phone": "phones", "domain": "domains", "person": "people"}[kind]: [value]
        }
        hit = await suppressions.hit(tx, owner, channel, **asked)
        return SuppressionHit(suppressed=hit is not None, entry=hit)

    found = as_owner(tenant, work)
    if json:
        print_json(found)
    elif found.entry is not None:
        typer.echo(f"suppressed on {found.entry.channel} by {found.entry.key_type}: {found.entry.reason}")
    else:
        typer.echo("not suppressed")
    if found.suppressed:
        raise typer.Exit(1)


@suppressions_app.command("list")
def list_suppressions(
    channel: Annotated[Channel | None, typer.Option(help="Only of this channel.")] = None,
    tenant: OwnerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """Entries, newest first."""

    async def work(tx: Tx, owner: UUID) -> list[Suppression]:
        return await suppressions.list_(tx, owner, before=cursor, channel=channel, limit=limit + 1)

    found = as_owner(tenant, work)
    page = SuppressionPage(items=found[:limit], next_cursor=str(found[limit - 1].id) if len(found) > limit else None)
    if json:
        print_json(page)
        return
    print_table(page.items, _FIELDS, empty="nobody is on the list: `headwater suppressions add VALUE`")
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


@suppressions_app.command("remove")
def remove_suppression(
    entry: Annotated[UUID, typer.Argument(metavar="ID", help="Id of the entry.")],
    erased: Annotated[bool, typer.Option("--erased", help="Also one that keeps an erased person away.")] = False,
    tenant: OwnerOption = None,
) -> None:
    """Take an entry away: the person may be written to again."""

    async def work(tx: Tx, owner: UUID) -> None:
        await suppressions.remove(tx, owner, entry, by=operator(), erased=erased)

    as_owner(tenant, work)
    typer.echo("removed")


def _looks_like(value: str) -> KeyType:
    text = value.strip()
    if "linkedin.com/" in text.lower() or (":" in text and "//" not in text):
        return "person"
    if "@" in text:
        return "email"
    if text[:1] in ("+", "(") or text.replace(" ", "").isdigit():
        return "phone"
    if "." in text:
        return "domain"
    raise Invalid("this is neither an address, a number nor a domain: name it with --type", code="bad_suppression_key")


def _print(shown: Suppression, json: bool) -> None:
    if json:
        print_json(shown)
    else:
        print_fields(shown, _FIELDS)
