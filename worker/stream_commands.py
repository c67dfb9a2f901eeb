"""`headwater streams`: which facts of which tenant go to JetStream, and whether the stream is fit to take them.

Stands here and not in `db` because looking at the stream asks NATS.
"""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from contracts.errors import Conflict, Invalid, Unavailable
from contracts.settings import Settings
from contracts.streams import StreamReport, SubscriptionList, subject_of
from contracts.webhook_endpoints import SUBSCRIBABLE
from db import streams
from db.terminal import JsonOption, TenantOption, as_owner, ask, operator, print_fields, print_json, print_table
from db.transaction import Tx
from worker.providers.jetstream import Unreachable, dial

streams_app = typer.Typer(no_args_is_help=True, help="JetStream: set, off, list, setup.")
OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
EventOption = Annotated[
    list[str] | None, typer.Option("--event", help=f"{', '.join(sorted(SUBSCRIBABLE))}; absent: all. May be repeated.")
]
_LISTED = ("tenant", "events", "enabled", "waiting", "set_by", "updated_at")
_STREAM = ("stream", "subjects", "max_age_s", "duplicate_window_s", "replicas", "messages", "server", "made", "unfit")


@streams_app.command("set")
def set_(event: EventOption = None, tenant: OwnerOption = None) -> None:
    """Send facts of a tenant to the stream from now on: these, and no others."""
    wanted = sorted(set(event or SUBSCRIBABLE))
    if unknown := sorted(set(wanted) - SUBSCRIBABLE):
        raise Invalid(
            f"--event: {', '.join(unknown)[:100]} cannot be sent; choose from {', '.join(sorted(SUBSCRIBABLE))}"
        )

    async def work(tx: Tx, owner: UUID) -> str:
        await streams.subscribe(tx, owner, wanted, by=operator())
        (made,) = (await streams.list_(tx, [owner])).items
        return made.tenant

    slug = as_owner(tenant, work, or_system=True)
    typer.echo(f"{', '.join(wanted)} go to {subject_of(Settings().nats_subject_prefix, slug, 'TYPE')}")


@streams_app.command("off")
def off(tenant: OwnerOption = None) -> None:
    """Send nothing more of a tenant. What waits still goes out."""

    async def work(tx: Tx, owner: UUID) -> bool:
        return await streams.unsubscribe(tx, owner, by=operator())

    if not as_owner(tenant, work, or_system=True):
        raise Conflict("nothing of this tenant goes to the stream: `headwater streams list` shows who sends what")
    typer.echo("nothing more goes to the stream")


@streams_app.command("list")
def list_(tenant: TenantOption = None, json: JsonOption = False) -> None:
    """Who sends what, and how much waits for NATS."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> SubscriptionList:
        return await streams.list_(tx, tenants)

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    print_table(found.items, _LISTED, empty="nothing goes to JetStream: `headwater streams set` begins")


@streams_app.command("setup")
def setup(
    check: Annotated[bool, typer.Option("--check", help="Only look.")] = False,
    mend: Annotated[bool, typer.Option("--mend", help="Change what makes an existing stream unfit.")] = False,
    json: JsonOption = False,
) -> None:
    """Make the stream where there is none, and say whether it is fit. Exit status 1 if it is not."""
    if check and mend:
        raise Invalid("--check changes nothing and --mend does: choose one")
    settings = Settings()
    if settings.nats_url is None:
        raise Invalid("NATS_URL is not set: give it the address of a NATS server with JetStream")
    try:
        found = asyncio.run(looked_at(settings, make=not check, mend=mend))
    except Unreachable as error:
        raise Unavailable(str(error)) from None
    print_json(found) if json else print_fields(found, _STREAM)
    if found.unfit:
        typer.echo("nothing is published to it: headwater streams setup --mend, or another NATS_STREAM", err=True)
        raise typer.Exit(1)


async def looked_at(settings: Settings, *, make: bool = False, mend: bool = False) -> StreamReport:
    """The stream as it stands. Raises: Unreachable."""
    connection = await dial(settings)
    try:
        return await connection.mend() if mend else await connection.ready(make=make)
    finally:
        await connection.close()
