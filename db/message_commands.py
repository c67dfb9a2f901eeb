"""`headwater messages`: list, show, approve, reject, settings, for whoever may read the database's URL."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from contracts.message_settings import MessageSettings
from contracts.messages import Message, MessageDetail, MessagePage, State
from db import message_settings, messages
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json, print_table, wake_dispatchers
from db.transaction import Tx

messages_app = typer.Typer(no_args_is_help=True, help="Messages: list, show, approve, reject, settings.")

OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
MessageArgument = Annotated[UUID, typer.Argument(metavar="MESSAGE", help="Id of the message.")]
_LISTED = ("id", "state", "channel", "company_name", "contact_name", "language", "written_by", "vendor", "reason")
_SHOWN = tuple(name for name in Message.model_fields if name not in ("contact_id", "prediction_id"))


@messages_app.command("list")
def list_messages(
    state: Annotated[State | None, typer.Option(help="Only messages in this state, e.g. draft.")] = None,
    lead: Annotated[UUID | None, typer.Option(help="Only messages to this lead.")] = None,
    tenant: OwnerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """Messages, newest first."""

    async def work(tx: Tx, owner: UUID) -> list[Message]:
        return await messages.list_(tx, owner, before=cursor, state=state, lead_id=lead, limit=limit + 1)

    found = as_owner(tenant, work)
    page = MessagePage(items=found[:limit], next_cursor=str(found[limit - 1].id) if len(found) > limit else None)
    if json:
        print_json(page)
        return
    print_table(page.items, _LISTED, empty="no message yet: leads that score HIGH get a draft")
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


@messages_app.command("show")
def show_message(message: MessageArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """One message, and what vendors told us about it."""

    async def work(tx: Tx, owner: UUID) -> MessageDetail:
        return await messages.get(tx, owner, message)

    _print(as_owner(tenant, work), json)


@messages_app.command("approve")
def approve_message(message: MessageArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Let a draft go out. What stands in the way is said, and the draft stays one."""

    async def work(tx: Tx, owner: UUID) -> MessageDetail:
        return await messages.approve(tx, owner, message, by=operator())

    shown = as_owner(tenant, work)
    wake_dispatchers()
    _print(shown, json)


@messages_app.command("reject")
def reject_message(
    message: MessageArgument,
    reason: Annotated[str, typer.Option(help="Why.")] = "rejected",
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """A draft is not sent, nor an approved message that is not under way."""

    async def work(tx: Tx, owner: UUID) -> MessageDetail:
        return await messages.reject(tx, owner, message, reason[:1000], by=operator())

    _print(as_owner(tenant, work), json)


@messages_app.command("settings")
def show_settings(
    auto_send: Annotated[
        bool | None, typer.Option("--auto-send/--no-auto-send", help="Drafts go out without a person's word.")
    ] = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """How a tenant writes: languages, gates by country, opt-in. The rest is set by PUT /v1/message-settings."""

    async def work(tx: Tx, owner: UUID) -> MessageSettings:
        now = await message_settings.settings(tx, owner)
        if auto_send is None or auto_send == now.auto_send:
            return now
        return await message_settings.put(tx, owner, now.model_copy(update={"auto_send": auto_send}), by=operator())

    shown = as_owner(tenant, work)
    if json:
        print_json(shown)
    else:
        print_fields(shown, tuple(MessageSettings.model_fields))


def _print(shown: MessageDetail, json: bool) -> None:
    if json:
        print_json(shown)
        return
    print_fields(shown, _SHOWN)
    for event in shown.events:
        typer.echo(
            f"{event.created_at:%Y-%m-%d %H:%M:%S}  {event.kind} {event.status or ''} {event.body or ''}".rstrip()
        )
