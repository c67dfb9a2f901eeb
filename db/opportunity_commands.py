"""`headwater opportunities`: fetch, list, last, for whoever may read the database's URL."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import typer

from contracts.errors import NotFound
from contracts.opportunities import LastRun, OpportunityPageView, OpportunityRow, OpportunityRun
from contracts.runs import RunStatus
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from db import opportunities, profiles, queue, tenants
from db.terminal import JsonOption, operator, print_fields, print_json, print_table, run
from db.transaction import DbRole, Pool, transaction

opportunities_app = typer.Typer(no_args_is_help=True, help="Public tenders: fetch, list, last.")

_LISTED = ("id", "title", "naics", "posted_on", "deadline_at", "set_aside", "matched_by")
#: How often a run that is waited for is looked at, in seconds.
LOOK_S = 0.5


@opportunities_app.command("fetch")
def fetch(
    wait: Annotated[bool, typer.Option("--wait", help="Until it ends; status 1 if it failed.")] = False,
    json: JsonOption = False,
) -> None:
    """Fetch for all tenants what was posted since the last time. The run under way stands in for a second one."""

    async def work(pool: Pool, _: Settings) -> OpportunityRun:
        async with transaction(pool, SYSTEM_TENANT) as tx:
            run_id, _new = await opportunities.request_run(tx, triggered_by="cli", requested_by=operator())
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)
        shown = await _run(pool, run_id)
        while wait and not shown.status.ended:
            await asyncio.sleep(LOOK_S)
            shown = await _run(pool, run_id)
        return shown

    made = run(work)
    if json:
        print_json(made)
    else:
        print_fields(made, tuple(OpportunityRun.model_fields))
    if made.status is RunStatus.FAILED:
        raise typer.Exit(1)


async def _run(pool: Pool, run_id: UUID) -> OpportunityRun:
    async with transaction(pool, SYSTEM_TENANT) as tx:
        found = await opportunities.run(tx, run_id)
    if found is None:
        raise NotFound(f"no run {run_id}: it was cleaned away", code="run_not_found")
    return found


@opportunities_app.command("list")
def list_opportunities(
    naics: Annotated[str | None, typer.Option(help="A NAICS code, or the beginning of one.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Posted on that day or later.")] = None,
    profile: Annotated[str | None, typer.Option(help="Name of a profile: only what it matches.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Slug; the default tenant when absent.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """A tenant's tenders, newest first, with what its profiles say."""
    day: date | None = since.date() if since else None

    async def work(pool: Pool, settings: Settings) -> list[OpportunityRow]:
        owner = await _owner(pool, settings, tenant)
        async with transaction(pool, owner) as tx:
            chosen = await profiles.named(tx, owner, profile) if profile else None
            if profile and chosen is None:
                raise NotFound(f"no ICP profile {profile!r}: `headwater icp list` shows them", code="icp_not_found")
            return await opportunities.list_(
                tx,
                owner,
                before=cursor,
                naics=naics,
                since=day,
                profile_id=chosen.id if chosen else None,
                limit=limit + 1,
            )

    found = run(work)
    more = str(found[limit - 1].id) if len(found) > limit else None
    if json:
        print_json(OpportunityPageView(items=found[:limit], next_cursor=more))
        return
    rows = [_Line.of(row) for row in found[:limit]]
    print_table(rows, _LISTED, empty="nothing yet: `headwater opportunities fetch` asks for what profiles follow")
    if more:
        typer.echo(f"more: --cursor {more}")


class _Line(OpportunityRow):
    """A row as the table shows it."""

    matched_by: str

    @classmethod
    def of(cls, row: OpportunityRow) -> _Line:
        names = ", ".join(f"{e.profile_name} {e.fit:.2f}" for e in row.evaluations if e.matched)
        return cls(**row.model_dump(), matched_by=names or "-")


@opportunities_app.command("last")
def show_last_run(json: JsonOption = False) -> None:
    """The last successful run, and the latest one."""

    async def work(pool: Pool, _: Settings) -> LastRun:
        async with transaction(pool, SYSTEM_TENANT) as tx:
            return await opportunities.last_run(tx)

    found = run(work)
    if json:
        print_json(found)
        return
    for name, each in (("last success", found.last_success), ("latest", found.latest)):
        typer.echo(f"{name}: " + (f"{each.id} {each.status.value} {each.completed_at or ''}" if each else "none yet"))


async def _owner(pool: Pool, settings: Settings, slug: str | None) -> UUID:
    if slug is None:
        return (await tenants.ensure_default(pool, settings)).id
    async with transaction(pool, None) as tx:
        found = await tenants.by_slug(tx, slug)
    if found is None or found.id == SYSTEM_TENANT:
        raise NotFound(f"there is no tenant {slug!r} with tenders: `headwater tenants list` shows them")
    return found.id
