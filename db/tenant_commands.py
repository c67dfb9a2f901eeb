"""`headwater tenants`: who works here, what each is granted, and whom nothing may start for."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.errors import Invalid
from contracts.isolation import IsolationCheck
from contracts.misfits import in_words
from contracts.settings import Settings
from contracts.tenants import Quotas, TenantView
from db import isolation, quotas, tenants
from db.access_commands import tenants_app
from db.terminal import JsonOption, operator, print_fields, print_json, print_table, run
from db.transaction import DbRole, Pool, Tx, transaction

__all__ = ["tenants_app"]

SlugArgument = Annotated[str, typer.Argument(metavar="SLUG", help="Of the tenant.")]
_FIELDS = ("slug", "name", "status", "id", "created_at", "runs_today", "waiting_events", "quotas")


@tenants_app.command("show")
def show_tenant(slug: SlugArgument, json: JsonOption = False) -> None:
    """How a tenant stands, what it is granted, what it uses."""

    async def work(pool: Pool, _: Settings) -> TenantView:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            return await _view(tx, (await tenants.named(tx, slug)).id)

    _say(run(work), json)


@tenants_app.command("suspend")
def suspend_tenant(slug: SlugArgument, json: JsonOption = False) -> None:
    """Let nothing of a tenant start any more; its people and keys are answered 403, its data are kept."""
    _set(slug, "paused", json)


@tenants_app.command("resume")
def resume_tenant(slug: SlugArgument, json: JsonOption = False) -> None:
    """Let a suspended or closed tenant work again: what waited goes on."""
    _set(slug, "active", json)


@tenants_app.command("close")
def close_tenant(slug: SlugArgument, json: JsonOption = False) -> None:
    """Shut a tenant's people and keys out as well. Its data are kept."""
    _set(slug, "closed", json)


@tenants_app.command("quotas")
def set_quotas(
    slug: SlugArgument,
    queued_buffer: Annotated[int | None, typer.Option(help="Jobs standing in the queue at once.")] = None,
    max_runs_per_day: Annotated[int | None, typer.Option(help="Runs that people and keys may start a day.")] = None,
    daily_shortlist_cap: Annotated[int | None, typer.Option(help="Companies a night may select at most.")] = None,
    weight: Annotated[int | None, typer.Option(help="Share of the workers beside others: 1 to 100.")] = None,
    max_waiting_events: Annotated[
        int | None, typer.Option(help="Due events, from which on the API answers 429.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="First take back all that is granted.")] = False,
    json: JsonOption = False,
) -> None:
    """Show what a tenant is granted, or grant it more or less. Budgets: `headwater vendors budgets set --tenant SLUG`."""
    named = {
        "queued_buffer": queued_buffer,
        "max_runs_per_day": max_runs_per_day,
        "daily_shortlist_cap": daily_shortlist_cap,
        "weight": weight,
        "max_waiting_events": max_waiting_events,
    }
    given = {name: value for name, value in named.items() if value is not None}

    async def work(pool: Pool, _: Settings) -> TenantView:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            tenant = await tenants.named(tx, slug)
            before = Quotas() if reset else await quotas.of(tx, tenant.id)
            try:
                wanted = Quotas.model_validate({**before.model_dump(), **given})
            except ValidationError as error:
                wrongs = [f"--{str(e['loc'][0]).replace('_', '-')}: {in_words(e)}" for e in error.errors()]
                raise Invalid(f"{'; '.join(wrongs)}; choose another number, or --reset") from None
            if given or reset:
                await quotas.put(tx, tenant.id, wanted, by=operator())
            return await _view(tx, tenant.id)

    _say(run(work), json)


@tenants_app.command("isolation")
def check_isolation(json: JsonOption = False) -> None:
    """Look for one tenant's planted secrets from every other tenant's role, now; exit status 1 if any is seen."""

    async def work(pool: Pool, _: Settings) -> IsolationCheck:
        return await isolation.check(pool)

    found = run(work)
    if json:
        print_json(found)
    else:
        print_fields(found, ("at", "tenants", "relations", "functions", "seconds", "unplanted"))
        print_table(
            found.leaks, ("where", "tenants", "rows", "example"), empty="nobody sees anything of another tenant"
        )
    if found.leaks:
        raise typer.Exit(1)


def _set(slug: str, status: Literal["active", "paused", "closed"], json: bool) -> None:
    async def work(pool: Pool, _: Settings) -> TenantView:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            tenant = await tenants.named(tx, slug)
            await tenants.set_status(tx, slug, status, by=operator())
            return await _view(tx, tenant.id)

    _say(run(work), json)


async def _view(tx: Tx, tenant: UUID) -> TenantView:
    (found,) = await quotas.views(tx, tenant)
    return found


def _say(found: TenantView, json: bool) -> None:
    if json:
        print_json(found)
    else:
        print_fields(found, _FIELDS)
