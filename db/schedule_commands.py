"""`headwater schedules`: what starts by itself, when, and what became of it."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel, ValidationError

from contracts.errors import Invalid, NotFound
from contracts.misfits import in_words
from contracts.schedules import (
    ChangeSchedule,
    CreateSchedule,
    FirePage,
    NextTimes,
    SchedulePage,
    SchedulePreview,
    ScheduleView,
)
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from db import schedules, tenants
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json, print_table, run
from db.transaction import DbRole, Pool, Tx, transaction

T = TypeVar("T")
Body = TypeVar("Body", bound=BaseModel)
schedules_app = typer.Typer(
    no_args_is_help=True, help="Schedules: list, next, fires, create, change, pause, resume, delete."
)
OwnerOption = Annotated[
    str | None, typer.Option("--tenant", help="Slug; the default tenant when absent; `system` for work of the house.")
]
WhichArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its name or id.")]
LimitOption = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]
ZoneOption = Annotated[str | None, typer.Option(help="IANA zone the cron is read in; Etc/UTC when absent.")]
ParamsOption = Annotated[str | None, typer.Option(help='JSON: what its runs are started with, {"max_companies": 25}.')]
JitterOption = Annotated[int | None, typer.Option("--jitter-s", help="Begin up to so many seconds later.")]
CatchUpOption = Annotated[str | None, typer.Option(help="What was missed: skip, once or all.")]
_LISTED = ("name", "kind", "cron", "zone", "enabled", "next_due_at", "last_due_at", "last_outcome", "last_reason")
_SHOWN = ("id", *_LISTED, "params", "jitter_s", "catch_up", "managed", "last_error", "created_by")


@schedules_app.command("list")
def list_schedules(
    tenant: OwnerOption = None,
    limit: LimitOption = 100,
    cursor: Annotated[str | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """A tenant's schedules with their next times."""

    async def work(tx: Tx, owner: UUID) -> SchedulePage:
        return await schedules.list_(tx, owner, cursor=cursor, limit=limit)

    page = _as(tenant, work)
    if json:
        print_json(page)
        return
    print_table(page.items, _LISTED, empty="none yet: a worker that runs `schedule` makes those that everybody has")
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


@schedules_app.command("next")
def show_next(
    schedule: WhichArgument,
    count: Annotated[int, typer.Option(min=1, max=schedules.MOST_TIMES, help="So many.")] = 10,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """When it falls due next, in UTC and on its zone's clocks."""

    async def work(tx: Tx, owner: UUID) -> NextTimes:
        return await schedules.next_times(tx, owner, await schedules.named(tx, owner, schedule), count)

    found = _as(tenant, work)
    if json:
        print_json(found)
        return
    _echo_times(found.utc, found.local, found.zone)
    if not found.utc:
        typer.echo(f"{found.name} is paused: headwater schedules resume {found.name}")


@schedules_app.command("fires")
def list_fires(
    schedule: WhichArgument,
    tenant: OwnerOption = None,
    limit: LimitOption = 20,
    cursor: Annotated[str | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """What became of its occurrences, newest first."""

    async def work(tx: Tx, owner: UUID) -> FirePage:
        which = await schedules.named(tx, owner, schedule)
        return await schedules.fires(tx, owner, which, cursor=cursor, limit=limit)

    page = _as(tenant, work)
    if json:
        print_json(page)
        return
    print_table(page.items, ("due_at", "outcome", "reason", "run_id", "fired_at"), empty="it has not fallen due yet")
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


@schedules_app.command("create")
def create_schedule(
    name: str,
    kind: Annotated[str, typer.Option(help="discovery, nightly, job, rollup, models, matching, …")],
    cron: Annotated[str, typer.Option(help='Such as "0 6 * * *".')],
    zone: ZoneOption = None,
    params: ParamsOption = None,
    jitter_s: JitterOption = None,
    catch_up: CatchUpOption = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Add a schedule; its first occurrence is the next one from now."""
    body = _asked(
        CreateSchedule, name=name, kind=kind, cron=cron, zone=zone, params=_json(params), jitter_s=jitter_s, catch_up=catch_up
    )  # fmt: skip

    async def work(tx: Tx, owner: UUID) -> ScheduleView:
        return await schedules.create(tx, owner, body, by=operator())

    _print(_as(tenant, work), json)


@schedules_app.command("change")
def change_schedule(
    schedule: WhichArgument,
    cron: Annotated[str | None, typer.Option(help='Such as "0 6 * * *".')] = None,
    zone: ZoneOption = None,
    params: ParamsOption = None,
    jitter_s: JitterOption = None,
    catch_up: CatchUpOption = None,
    enabled: Annotated[bool | None, typer.Option("--enabled/--paused", help="Does it fall due at all?")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change, and the next times.")
    ] = False,
    count: Annotated[int, typer.Option(min=1, max=schedules.MOST_TIMES, help="Times a dry run shows.")] = 5,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Replace what is named; one that followed the settings does so no longer."""
    body = _asked(
        ChangeSchedule, cron=cron, zone=zone, params=_json(params), jitter_s=jitter_s, catch_up=catch_up, enabled=enabled
    )  # fmt: skip
    if not dry_run:
        _print(_as(tenant, _changing(schedule, body)), json)
        return

    async def work(tx: Tx, owner: UUID) -> SchedulePreview:
        return await schedules.preview(tx, owner, await schedules.named(tx, owner, schedule), body, count)

    found = _as(tenant, work)
    if json:
        print_json(found)
        return
    print_fields(found, ("name", "changed", "cron", "zone", "enabled", "params", "jitter_s", "catch_up", "fires_at"))
    _echo_times(found.utc, found.local, found.zone)


@schedules_app.command("pause")
def pause_schedule(schedule: WhichArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Let nothing fall due until it is resumed."""
    _print(_as(tenant, _changing(schedule, ChangeSchedule(enabled=False))), json)


@schedules_app.command("resume")
def resume_schedule(schedule: WhichArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Go on with the next occurrence from now."""
    _print(_as(tenant, _changing(schedule, ChangeSchedule(enabled=True))), json)


@schedules_app.command("delete")
def delete_schedule(schedule: WhichArgument, tenant: OwnerOption = None) -> None:
    """Take it away for good; one that everybody has does not come back."""

    async def work(tx: Tx, owner: UUID) -> None:
        await schedules.remove(tx, owner, await schedules.named(tx, owner, schedule), by=operator())

    _as(tenant, work)
    typer.echo(f"{schedule} is deleted")


def _echo_times(utc: list[datetime], local: list[str], zone: str) -> None:
    for moment, there in zip(utc, local, strict=True):
        typer.echo(f"{moment:%Y-%m-%d %H:%M:%S} UTC   {there} {zone}")


def _changing(which: str, body: ChangeSchedule) -> Callable[[Tx, UUID], Awaitable[ScheduleView]]:
    async def work(tx: Tx, owner: UUID) -> ScheduleView:
        return await schedules.change(tx, owner, await schedules.named(tx, owner, which), body, by=operator())

    return work


def _as(slug: str | None, work: Callable[[Tx, UUID], Awaitable[T]]) -> T:
    """Run `work` as that tenant; the reserved one has schedules as well."""

    async def as_house(pool: Pool, _: Settings) -> T:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            house = await tenants.by_id(tx, SYSTEM_TENANT)
            if house is None or house.slug != slug:
                raise NotFound(f"there is no tenant {slug!r}: `headwater tenants list` shows them")
            return await work(tx, SYSTEM_TENANT)

    return run(as_house) if slug == "system" else as_owner(slug, work)


def _asked(shape: type[Body], /, **given: Any) -> Body:
    try:
        return shape.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Invalid(f"{'.'.join(map(str, first['loc']))}: {in_words(first)}") from None


def _json(text: str | None) -> Any:
    try:
        return None if text is None else jsonlib.loads(text)
    except (ValueError, RecursionError):
        raise Invalid('params: must be JSON, such as {"max_companies": 25}') from None


def _print(shown: ScheduleView, json: bool) -> None:
    print_json(shown) if json else print_fields(shown, _SHOWN)
