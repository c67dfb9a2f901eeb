"""`headwater vendors`: who can be asked, what it cost, what may be spent, what was lost."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from contracts.budgets import defaults
from contracts.errors import NotFound
from contracts.runs import CreateRun
from contracts.settings import Settings
from contracts.vendor_calls import CallFilter, CallOutcome, CallPage, CallState
from contracts.vendors import Forecast, LostItem, LostList, SpentList, VendorList, forecast
from db import budgets, discovery_queries, ledger, pace, runs, vendor_calls, vendors
from db.budget_commands import OwnerOption, budgets_app, checked, default_slug, refused
from db.terminal import JsonOption, TenantOption, as_owner, ask, operator, print_json, print_table
from db.transaction import Tx

vendors_app = typer.Typer(no_args_is_help=True, help="Vendors: who can be asked, what it cost, budgets, lost answers.")
vendors_app.add_typer(budgets_app, name="budgets")


@vendors_app.command("list")
def list_vendors(
    days: Annotated[float, typer.Option(min=0.01, max=366, help="How far the figures look back.")] = 7,
    tenant: TenantOption = None,
    json: JsonOption = False,
) -> None:
    """Every operation: calls, hits, cost, latency, errors, breaker; the absent ones with the reason; budgets of one tenant."""

    async def work(tx: Tx, tenants: list[UUID], settings: Settings) -> VendorList:
        since, views = await vendors.figures(tx, tenants, await pace.breakers(tx), days * 86_400)
        owner = tenants[0] if len(tenants) == 1 else None
        left = await budgets.standing(tx, owner, defaults(settings), credentials=True) if owner else []
        return VendorList(since=since, vendors=views, budgets=left)

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    columns = (
        "vendor", "operation", "calls", "hit_rate", "spent", "unit", "cost_usd", "median_ms", "p95_ms", "error_rate",
        "breaker", "absent",
    )  # fmt: skip
    rounded = [view.model_copy(update=_rounded(view.model_dump())) for view in found.vendors]
    print_table(rounded, columns, empty="no worker has started yet: run `headwater up` or `headwater worker`")


def _rounded(view: dict[str, object]) -> dict[str, object]:
    return {name: round(value, 2) for name, value in view.items() if isinstance(value, float)}


@vendors_app.command("calls")
def list_calls(
    vendor: Annotated[str | None, typer.Option(help="Only of this vendor.")] = None,
    operation: Annotated[str | None, typer.Option(help="For example search.google.")] = None,
    state: Annotated[list[CallState] | None, typer.Option(help="May be repeated.")] = None,
    outcome: Annotated[CallOutcome | None, typer.Option(help="What came of it.")] = None,
    run_id: Annotated[UUID | None, typer.Option("--run", help="Id of a run or a night.")] = None,
    days: Annotated[float | None, typer.Option(min=0.01, max=3660, help="How far back; absent: all there is.")] = None,
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """The ledger call by call, newest first: what came of each and what it cost."""
    which = checked(
        lambda: CallFilter(
            vendor=vendor, operation=operation, state=state or [], outcome=outcome, run_id=run_id, days=days
        )
    )

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> CallPage:
        found = CallPage(items=[], next_cursor=cursor)
        while len(found.items) < limit:
            left = limit - len(found.items)
            page = await vendor_calls.list_(tx, tenants, which, limit=left, cursor=found.next_cursor)
            found = CallPage(items=found.items + page.items, next_cursor=page.next_cursor)
            if found.next_cursor is None:
                break
        return found

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    columns = (
        "id", "vendor", "operation", "state", "found", "missed", "units_spent", "unit", "cost_usd", "latency_ms", "error_class",
        "sent_at", "run_id",
    )  # fmt: skip
    print_table(found.items, columns, empty="no call fits: `headwater vendors list` shows who was asked at all")
    if found.next_cursor:
        typer.echo(f"more: --cursor {found.next_cursor}")


@vendors_app.command("spent")
def show_spent(
    run_id: Annotated[UUID, typer.Option("--run", help="Id of a run.")],
    tenant: TenantOption = None,
    json: JsonOption = False,
) -> None:
    """What a run asked of vendors and what that cost."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> SpentList:
        for owner in tenants:
            if (found := await runs.show(tx, owner, run_id, costs=True)) is not None:
                return SpentList(items=found.spent or [])
        raise NotFound(f"no run {run_id}: `headwater runs list` shows them", code="run_not_found")

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    columns = ("vendor", "operation", "calls", "found", "missed", "forfeited", "spent", "reserved", "unit", "cost_usd")
    print_table(found.items, columns, empty="it asked nobody")


@vendors_app.command("forecast")
def show_forecast(
    channel: Annotated[list[str] | None, typer.Option(help="May be repeated: register, google, …")] = None,
    query: Annotated[list[str] | None, typer.Option(help="What to search for. May be repeated.")] = None,
    limit: Annotated[int | None, typer.Option(help="Records to read at most.")] = None,
    max_companies: Annotated[int | None, typer.Option(help="Companies to create at most.")] = None,
    max_queries: Annotated[int | None, typer.Option(help="Queries to use at most.")] = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """What a discovery run with these options would cost at most, against what is left. Asks nobody, changes nothing."""
    given = {
        "channels": channel,
        "queries": query,
        "limit": limit,
        "max_companies": max_companies,
        "max_queries": max_queries,
    }
    body = checked(
        lambda: CreateRun.model_validate({name: value for name, value in given.items() if value is not None})
    )

    async def work(tx: Tx, owner: UUID) -> Forecast:
        settings = Settings()
        params = await discovery_queries.params_of(tx, owner, body, settings)
        return forecast(params, await vendors.known(tx), await budgets.standing(tx, owner, defaults(settings)))

    found = as_owner(tenant, work)
    if json:
        print_json(found)
        return
    print_table(
        found.costs,
        ("vendor", "requests", "units", "unit", "cost_usd", "left", "budget", "fits"),
        empty="no vendor is asked",
    )
    for reason in found.absent:
        typer.echo(f"absent: {reason}", err=True)


@vendors_app.command("forfeited")
def list_forfeited(
    vendor: Annotated[str | None, typer.Option(help="Only of this vendor.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Items that were paid for and whose answers were lost, newest first. Their requests may name people."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> LostList:
        return LostList(items=[LostItem(**row) for row in await ledger.forfeited(tx, tenants[0], vendor, limit)])

    found = ask(work, tenant or default_slug())
    if json:
        print_json(found)
        return
    print_table(
        found.items,
        ("id", "vendor", "operation", "units_spent", "sent_at", "run_id", "error"),
        empty="nothing was lost",
    )


@vendors_app.command("resend")
def resend(
    item: Annotated[UUID, typer.Argument(metavar="ITEM", help="Id from `vendors forfeited`.")],
    tenant: OwnerOption = None,
) -> None:
    """Let a lost item be bought again by the next job that wants it. Audited; what it cost before stays on the books."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> str:
        let_go = await ledger.resend(tx, tenants[0], item, by=operator())
        return f"{let_go['vendor']} {let_go['operation']} may be asked again"

    typer.echo(f"{ask(work, tenant or default_slug())}; `headwater jobs retry` starts a job that gave up over it")


@vendors_app.command("reset")
def reset(
    name: Annotated[str, typer.Argument(metavar="VENDOR", help="A vendor, or vendor.operation.")],
) -> None:
    """Ask a vendor again at once: its breakers close. For when the key or the plan was mended."""

    async def work(tx: Tx, _tenants: list[UUID], _settings: Settings) -> list[str]:
        return await pace.reset(tx, name)

    if not ask(work, None):
        raise refused(NotFound(f"nothing holds {name} back: `headwater vendors list` shows what is open"))
    typer.echo(f"{name} is asked again")
