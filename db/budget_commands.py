"""`headwater vendors budgets`: what may be spent, shown and set; and what commands about vendors share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.budgets import BudgetList, BudgetRule, BudgetScope, Period, defaults
from contracts.errors import Invalid, NotFound
from contracts.misfits import in_words
from contracts.settings import Settings
from db import budgets
from db.terminal import JsonOption, ask, operator, print_json, print_table
from db.transaction import Tx

T = TypeVar("T")
budgets_app = typer.Typer(invoke_without_command=True, help="What may be spent: shown; set or unset.")

OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
Vendor = Annotated[str, typer.Argument(help="e.g. tavily.")]
Unit = Annotated[str, typer.Argument(help="What it counts in: credit, token, call, lookup, verification, message.")]
PeriodOption = Annotated[Period, typer.Option(help="run, day or month (UTC).")]
ScopeOption = Annotated[BudgetScope, typer.Option(help="tenant, or credential: all tenants with the house's key.")]


@budgets_app.callback()
def list_budgets(context: typer.Context, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Every budget: limit, where it comes from, what is reserved, spent and left, when it resets."""
    if context.invoked_subcommand is not None:
        return

    async def work(tx: Tx, tenants: list[UUID], settings: Settings) -> BudgetList:
        return BudgetList(items=await budgets.standing(tx, tenants[0], defaults(settings), credentials=True))

    found = ask(work, tenant or default_slug())
    if json:
        print_json(found)
        return
    columns = ("scope", "vendor", "unit", "period", "limit", "source", "reserved", "spent", "left", "resets_at")
    print_table(found.items, columns, empty="no budget")


@budgets_app.command("set")
def set_budget(
    vendor: Vendor,
    unit: Unit,
    limit: Annotated[float, typer.Argument(help="In that unit.")],
    period: PeriodOption = "day",
    scope: ScopeOption = "tenant",
    tenant: OwnerOption = None,
) -> None:
    """Set a limit; it overrides the settings from the next request on. Audited."""
    rule = checked(lambda: BudgetRule(scope=scope, vendor=vendor, unit=unit, period=period, limit=limit))

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> None:
        await budgets.put(tx, tenants[0], rule, by=operator())

    ask(work, tenant or default_slug())
    typer.echo(f"{vendor}: {limit:g} {unit}s a {period}")


@budgets_app.command("unset")
def unset_budget(
    vendor: Vendor,
    unit: Unit,
    period: PeriodOption = "day",
    scope: ScopeOption = "tenant",
    tenant: OwnerOption = None,
) -> None:
    """Return to the limit of the settings. Audited."""
    rule = checked(lambda: BudgetRule(scope=scope, vendor=vendor, unit=unit, period=period, limit=0))

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> bool:
        return await budgets.take_back(tx, tenants[0], rule, by=operator())

    if not ask(work, tenant or default_slug()):
        raise refused(
            NotFound(f"no limit was set for {vendor} {unit}s a {period}: `headwater vendors budgets` shows them")
        )
    typer.echo(f"{vendor}: the limit of the settings holds again")


def default_slug() -> str:
    return Settings().default_tenant_slug


def checked(make: Callable[[], T]) -> T:
    try:
        return make()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise refused(Invalid(f"{'.'.join(map(str, first['loc']))}: {in_words(first)}")) from error


def refused(error: Invalid | NotFound) -> typer.Exit:
    typer.echo(f"{error.code}: {error.detail}", err=True)
    return typer.Exit(2 if isinstance(error, Invalid) else 1)
