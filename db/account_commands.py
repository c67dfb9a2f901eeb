"""`headwater accounts`: list, skus, samples, triggers, seed, for whoever may read the database's URL."""

from __future__ import annotations

from datetime import datetime
from json import JSONDecodeError, loads
from typing import Annotated, Any, get_args
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.accounts import (
    DOCUMENTED_JOBS,
    AccountPage,
    AccountType,
    SampleMetricPage,
    SkuPage,
    job_named,
)
from contracts.errors import Invalid, NotFound
from contracts.misfits import in_words
from contracts.runs import RunStatus, RunView
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from contracts.triggers import CreateTrigger, Trigger, TriggerExecutionPage, TriggerPage
from db import accounts, business_jobs, queue, runs, sales, samples, skus, tenants, triggers
from db.run_commands import until_ended
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json, print_table, run
from db.transaction import DbRole, Pool, Tx, transaction

#: What the listings print.
Page = AccountPage | SkuPage | SampleMetricPage | TriggerPage | TriggerExecutionPage
accounts_app = typer.Typer(
    no_args_is_help=True, help="Customers, stock, samples, triggers; invented ones to measure with."
)

Slug = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
Cursor = Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")]


@accounts_app.command("list")
def list_accounts(
    kind: Annotated[str | None, typer.Option("--type", help="PROSPECT, NEW, ACTIVE, KEY, AT_RISK or DORMANT.")] = None,
    silent_since: Annotated[datetime | None, typer.Option(help="Last order before that, e.g. 2026-01-31.")] = None,
    tenant: Slug = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: JsonOption = False,
) -> None:
    """Companies that ever ordered, with their type, last order and value of twelve months."""
    since = silent_since.astimezone() if silent_since else None

    async def ask(tx: Tx, owner: UUID) -> AccountPage:
        if kind is not None and kind not in get_args(AccountType):
            raise Invalid(f"{kind!r} is no type of account: they are {', '.join(get_args(AccountType))}")
        found = await accounts.list_(tx, owner, before=cursor, account_type=kind, silent_since=since, limit=limit + 1)
        return AccountPage(items=found[:limit], next_cursor=_more(found, limit, "company_id"))

    columns = ("company_id", "name", "account_type", "orders", "last_order_at", "value_12m", "median_gap_days")
    _print(as_owner(tenant, ask), columns, "no orders yet: `headwater import orders`, then `headwater jobs run`", json)


@accounts_app.command("skus")
def list_skus(
    low: Annotated[bool, typer.Option("--low", help="Only what runs out before it can be had again.")] = False,
    code: Annotated[str | None, typer.Option(help="One code.")] = None,
    tenant: Slug = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: JsonOption = False,
) -> None:
    """What is sold, how fast it goes, how long it lasts."""

    async def ask(tx: Tx, owner: UUID) -> SkuPage:
        found = await skus.list_(tx, owner, before=cursor, code=code, low=low, limit=limit + 1)
        return SkuPage(items=found[:limit], next_cursor=_more(found, limit, "id"))

    columns = ("code", "name", "active", "on_hand", "burn_rate", "days_left", "reorder_point", "id")
    _print(as_owner(tenant, ask), columns, "none: `headwater import skus`", json)


@accounts_app.command("samples")
def list_samples(
    tenant: Slug = None,
    limit: Limit = 50,
    cursor: Annotated[str | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """How many samples led to an order, by SKU, rep and month given."""

    async def ask(tx: Tx, owner: UUID) -> SampleMetricPage:
        return await samples.metrics(tx, owner, cursor=cursor, limit=limit)

    columns = (
        "period",
        "sku_code",
        "rep",
        "samples",
        "converted",
        "conversion_rate",
        "rate_low",
        "rate_high",
        "revenue_per_sample",
    )
    _print(as_owner(tenant, ask), columns, "none: `headwater import samples`", json)


@accounts_app.command("triggers")
def list_triggers(tenant: Slug = None, limit: Limit = 50, cursor: Cursor = None, json: JsonOption = False) -> None:
    """What is watched."""

    async def ask(tx: Tx, owner: UUID) -> TriggerPage:
        found = await triggers.list_(tx, owner, before=cursor, limit=limit + 1)
        return TriggerPage(items=found[:limit], next_cursor=_more(found, limit, "id"))

    columns = ("id", "name", "rule", "params", "cooldown_days", "action", "severity", "enabled")
    _print(as_owner(tenant, ask), columns, "nothing is watched: `headwater accounts watch`", json)


@accounts_app.command("watch")
def watch(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    rule: Annotated[
        str, typer.Argument(help="account_type_changed, no_order_for, stock_below or sample_not_converted.")
    ],
    params: Annotated[str, typer.Argument(help='JSON, such as {"days": 45}.')] = "{}",
    cooldown_days: Annotated[int, typer.Option(min=1, max=3660)] = 30,
    action: Annotated[str, typer.Option(help="alert or webhook.")] = "alert",
    severity: Annotated[str, typer.Option(help="critical, error, warning or info.")] = "warning",
    tenant: Slug = None,
    json: JsonOption = False,
) -> None:
    """Add a trigger."""

    async def work(tx: Tx, owner: UUID) -> Trigger:
        given = {"name": name, "rule": rule, "params": params, "cooldown_days": cooldown_days, "action": action}
        return await triggers.add(tx, owner, _read(given | {"severity": severity}), by=operator())

    added = as_owner(tenant, work)
    print_json(added) if json else print_fields(added, tuple(Trigger.model_fields))


def _read(given: dict[str, Any]) -> CreateTrigger:
    """Raises: Invalid, in our words."""
    try:
        return CreateTrigger.model_validate({**given, "params": loads(given["params"])})
    except JSONDecodeError:
        raise Invalid(f"{given['params']!r} is no JSON: write it like '{{\"days\": 45}}'") from None
    except ValidationError as error:
        raise Invalid(in_words(error.errors(include_url=False)[0])) from None


@accounts_app.command("unwatch")
def unwatch(trigger: Annotated[UUID, typer.Argument(metavar="TRIGGER")], tenant: Slug = None) -> None:
    """Delete a trigger with its history; its alerts close."""

    async def work(tx: Tx, owner: UUID) -> None:
        await triggers.remove(tx, owner, trigger, by=operator())

    as_owner(tenant, work)


@accounts_app.command("fired")
def list_fired(
    trigger: Annotated[UUID | None, typer.Option(help="Id of one trigger.")] = None,
    tenant: Slug = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    json: JsonOption = False,
) -> None:
    """When which trigger fired for what, newest first."""

    async def ask(tx: Tx, owner: UUID) -> TriggerExecutionPage:
        found = await triggers.executions(tx, owner, before=cursor, trigger_id=trigger, limit=limit + 1)
        return TriggerExecutionPage(items=found[:limit], next_cursor=_more(found, limit, "id"))

    columns = ("fired_at", "trigger_id", "subject_kind", "subject_id", "action", "evidence")
    _print(as_owner(tenant, ask), columns, "nothing fired yet", json)


@accounts_app.command("seed")
def seed(
    lines: Annotated[int, typer.Option(min=1, max=20_000_000, help="Order lines; five an order.")] = 100_000,
    force: Annotated[bool, typer.Option("--force", help="Although the tenant has companies or orders.")] = False,
    tenant: Slug = None,
) -> None:
    """Invent customers, orders, stock and samples, to measure the jobs at the volume of production."""

    async def work(pool: Pool, settings: Settings) -> dict[str, int]:
        owner = await _owner(pool, settings, tenant)
        return await sales.seed(pool, owner, lines, force=force)

    made = run(work)
    typer.echo(", ".join(f"{count} {what}" for what, count in made.items()))


def run_job(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"{', '.join(DOCUMENTED_JOBS)}, or accounts.*")],
    tenant: Annotated[
        str | None, typer.Option("--tenant", envvar="TENANT_SLUG", help="Slug; TENANT_SLUG, else the default tenant.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compute, roll back, and say what would change.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Until it ends; status 1 if it failed.")] = False,
    json: JsonOption = False,
) -> None:  # fmt: skip
    """Run a business job now, by the documents' name or ours. A worker must run."""

    async def work(pool: Pool, settings: Settings) -> RunView:
        job = job_named(name)
        owner = await _owner(pool, settings, tenant)
        async with transaction(pool, owner) as tx:
            run_id, _ = await business_jobs.start(
                tx, owner, job, triggered_by="cli", dry_run=dry_run, requested_by=operator()
            )
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)
        if wait:
            return await until_ended(pool, owner, run_id, quiet=True)
        async with transaction(pool, owner, read_only=True) as tx:
            begun = await runs.show(tx, owner, run_id)
        assert begun is not None
        return begun

    shown = run(work)
    if json:
        print_json(shown)
    else:
        print_fields(shown, ("id", "status", "dry_run", "error_code", "error", "duration_s"))
        for key in ("processed", "changed", "errorCount"):
            if shown.stats and key in shown.stats:
                typer.echo(f"{key}  {shown.stats[key]}")
    if shown.status in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise typer.Exit(1)


async def _owner(pool: Pool, settings: Settings, slug: str | None) -> UUID:
    if slug is None:
        return (await tenants.ensure_default(pool, settings)).id
    async with transaction(pool, None) as tx:
        found = await tenants.by_slug(tx, slug)
    if found is None or found.id == SYSTEM_TENANT:
        raise NotFound(f"there is no tenant {slug!r} of its own: `headwater tenants list` shows them")
    return found.id


def _more(found: list[Any], limit: int, key: str) -> str | None:
    return str(getattr(found[limit - 1], key)) if len(found) > limit else None


def _print(page: Page, columns: tuple[str, ...], empty: str, json: bool) -> None:
    if json:
        print_json(page)
        return
    print_table(page.items, columns, empty=empty)
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")
