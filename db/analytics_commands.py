"""`headwater analytics`: rollup, show, for whoever may read the database's URL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.analytics import DailyPage, Funnel, FunnelStage, RequestRollup, Span
from contracts.errors import Invalid
from contracts.misfits import in_words
from contracts.runs import RunStatus, RunView
from contracts.settings import Settings
from db import analytics, queue, runs
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json, print_table, run
from db.transaction import DbRole, Pool, Tx, transaction

T = TypeVar("T")
analytics_app = typer.Typer(no_args_is_help=True, help="Daily figures: rollup, show, funnel.")

Slug = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
From = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day (UTC).")]
To = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day (UTC).")]
#: How often a run that is waited for is looked at, in seconds.
LOOK_S = 0.2
SHOWN = 30


@analytics_app.command("rollup")
def roll_up(
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="One day (UTC).")] = None,
    first: From = None,
    to: To = None,
    tenant: Slug = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it ends; status 1 if it failed.")] = False,
    json: JsonOption = False,
) -> None:
    """Work out the figures of these days anew: yesterday's and today's when none is named. A worker must run."""
    given = {"day": _day(day), "from": _day(first), "to": _day(to)}

    async def ask(tx: Tx, owner: UUID) -> tuple[UUID, UUID]:
        body = _fits(lambda: RequestRollup.model_validate({k: v for k, v in given.items() if v is not None}))
        return owner, await analytics.request_rollup(tx, owner, body, by=operator(), triggered_by="cli")

    owner, run_id = as_owner(tenant, ask)

    async def work(pool: Pool, _: Settings) -> RunView:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)
        while True:
            async with transaction(pool, owner) as tx:
                shown = await runs.show(tx, owner, run_id)
            assert shown is not None
            if not wait or shown.status.ended:
                return shown
            await asyncio.sleep(LOOK_S)

    shown = run(work)
    if json:
        print_json(shown)
    else:
        print_fields(shown, ("id", "status", "error_code", "error", "duration_s"))
    if shown.status in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise typer.Exit(1)


@analytics_app.command("show")
def show(
    first: From = None,
    to: To = None,
    metric: Annotated[str | None, typer.Option(help="One metric by name.")] = None,
    tenant: Slug = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 1000,
    cursor: Annotated[str | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """Figures by day and name, as of the last roll-up: of 30 days when none is named."""

    async def ask(tx: Tx, owner: UUID) -> DailyPage:
        span = await _span(tx, first, to)
        return await analytics.daily(tx, owner, span, metric=metric, cursor=cursor, limit=limit)

    found = as_owner(tenant, ask)
    if json:
        print_json(found)
        return
    print_table(found.items, ("day", "metric", "dims", "value"), empty="nothing yet: `headwater analytics rollup`")
    if found.next_cursor:
        typer.echo(f"more: --cursor {found.next_cursor}")


@analytics_app.command("funnel")
def show_funnel(first: From = None, to: To = None, tenant: Slug = None, json: JsonOption = False) -> None:
    """How far leads came, and what a qualified one cost."""

    async def ask(tx: Tx, owner: UUID) -> Funnel:
        return await analytics.show_funnel(tx, owner, await _span(tx, first, to))

    found = as_owner(tenant, ask)
    if json:
        typer.echo(found.model_dump_json(indent=2, by_alias=True))
        return
    print_table(found.stages, tuple(FunnelStage.model_fields), empty="")
    typer.echo(f"spent {found.spend_usd} USD, {found.qualified_leads} qualified, each {found.cost_per_qualified_lead}")


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None


async def _span(tx: Tx, first: datetime | None, to: datetime | None) -> Span:
    last = _day(to) or await analytics.today(tx)
    return _fits(lambda: Span(first=_day(first) or last - timedelta(days=SHOWN - 1), last=last))


def _fits(make: Callable[[], T]) -> T:
    """Raises: Invalid, in our words."""
    try:
        return make()
    except ValidationError as error:
        raise Invalid(in_words(error.errors(include_url=False)[0])) from None
