"""`headwater runs`: create, list, show, timeline, records, cancel, verify, replay, for whoever may read the database's URL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.errors import HeadwaterError, Invalid, NotFound, Unavailable
from contracts.misfits import in_words
from contracts.run_records import RecordFilter, RecordPage, RecordStatus
from contracts.runs import CreateRun, RunCheck, RunPage, RunStatus, RunView, Timeline
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from db import discovery_queries, inspection, profiles, queue, run_records, runs, story, tenants
from db.run_replay_commands import replay_run
from db.terminal import JsonOption, operator, print_fields, print_json, print_table, run, wake_dispatchers
from db.transaction import DbRole, Pool, Tx, transaction

T = TypeVar("T")

runs_app = typer.Typer(
    no_args_is_help=True, help="Runs: create, list, show, timeline, records, cancel, verify, replay."
)

RunArgument = Annotated[UUID, typer.Argument(metavar="RUN", help="Id of the run.")]
OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
HolderOption = Annotated[str | None, typer.Option("--tenant", help="Slug; absent: whichever tenant has the run.")]

#: Between two looks of --wait, in seconds.
LOOK_S = 0.3
_FIELDS = (
    "id", "kind", "status", "mode", "dry_run", "requested_by", "created_at", "started_at", "finished_at", "duration_s",
    "open_slices", "stop_reason", "error_code", "error", "cancel_requested_at",
)  # fmt: skip


@runs_app.command("create")
def create_run(
    channel: Annotated[list[str] | None, typer.Option(help="May be repeated: register, google, …")] = None,
    provider: Annotated[str | None, typer.Option(help="One vendor or channel, instead of --channel.")] = None,
    query: Annotated[list[str] | None, typer.Option(help="What to search for. May be repeated.")] = None,
    icp_profile_id: Annotated[str | None, typer.Option(help="Id of an ICP profile.")] = None,
    limit: Annotated[int | None, typer.Option(help="Records to read at most.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the first page of --provider starts.")] = None,
    max_companies: Annotated[int | None, typer.Option(help="Companies to create at most.")] = None,
    max_queries: Annotated[int | None, typer.Option(help="Queries to use at most.")] = None,
    max_runtime_seconds: Annotated[int | None, typer.Option(help="Time budget.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would happen, change nothing.")] = False,
    mode: Annotated[str, typer.Option(help="manual, daily or test.")] = "manual",
    idempotency_key: Annotated[str | None, typer.Option(help="The same key and options: the same run.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Show progress until it ends; status 1 if it failed.")] = False,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Ask for a discovery run. Works without the API; a worker must run for anything to happen."""
    body = _asked(
        channels=channel, provider=provider, queries=query, icp_profile_id=icp_profile_id, limit=limit, cursor=cursor,
        max_companies=max_companies, max_queries=max_queries, max_runtime_seconds=max_runtime_seconds, dry_run=dry_run,
        mode=mode,
    )  # fmt: skip

    async def start(pool: Pool, settings: Settings) -> RunView:
        owner = await _owner(pool, settings, tenant)
        key = (idempotency_key, body.model_dump(mode="json")) if idempotency_key else None
        async with transaction(pool, owner) as tx:
            await profiles.require_open(tx, owner, body.icp_profile_id)
            params = await discovery_queries.params_of(tx, owner, body, settings)
            run_id, is_new = await runs.start(
                tx,
                owner,
                params,
                mode=body.mode,
                dry_run=body.dry_run,
                triggered_by="cli",
                requested_by=operator(),
                idempotency=key,
            )
            if is_new and not body.dry_run:
                await discovery_queries.note_use(tx, owner, params)
            made = await _shown(tx, owner, run_id)
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)
        return await until_ended(pool, owner, made.id, quiet=json) if wait else made

    made = run(start)
    _print_run(made, json)
    if made.status in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise typer.Exit(1)


@runs_app.command("list")
def list_runs(
    status: Annotated[list[RunStatus] | None, typer.Option(help="May be repeated.")] = None,
    mode: Annotated[str | None, typer.Option(help="manual, daily or test.")] = None,
    dry_run: Annotated[
        bool | None, typer.Option("--dry-run/--real", help="Only rehearsals, or only real runs.")
    ] = None,
    tenant: OwnerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """A tenant's runs, newest first."""

    async def work(pool: Pool, settings: Settings) -> list[RunView]:
        owner = await _owner(pool, settings, tenant)
        async with transaction(pool, owner) as tx:
            return await runs.list_(
                tx, owner, before=cursor, statuses=status, mode=mode, dry_run=dry_run, limit=limit + 1
            )

    found = run(work)
    page = RunPage(items=found[:limit], next_cursor=str(found[limit - 1].id) if len(found) > limit else None)
    if json:
        print_json(page)
        return
    print_table(
        page.items, ("id", "kind", "status", "mode", "dry_run", "created_at", "duration_s"), empty="no run fits"
    )
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


@runs_app.command("show")
def show_run(run_id: RunArgument, tenant: HolderOption = None, json: JsonOption = False) -> None:
    """One run with its slices, counts and stats."""
    _print_run(_about(run_id, tenant, runs.show), json)


@runs_app.command("timeline")
def show_timeline(
    run_id: RunArgument,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many moments.")] = 500,
    tenant: HolderOption = None,
    json: JsonOption = False,
) -> None:
    """What happened: request, events, jobs, attempts, vendor calls, slices, leads, oldest first."""

    async def work(tx: Tx, owner: UUID, wanted: UUID) -> Timeline | None:
        return await story.timeline(tx, owner, wanted, limit=limit)

    found = _about(run_id, tenant, work)
    if json:
        print_json(found)
        return
    for moment in found.moments:
        took = f"  {moment.took_s * 1000:.0f} ms" if moment.took_s is not None else ""
        said = "  ".join(filter(None, (moment.title, moment.state, moment.detail)))
        typer.echo(f"{moment.at:%Y-%m-%d %H:%M:%S.%f}  {moment.what:<11}  {said}{took}")
    if found.truncated:
        typer.echo(f"more: --limit {limit * 10}")


@runs_app.command("records")
def list_records(
    run_id: RunArgument,
    status: Annotated[list[RecordStatus] | None, typer.Option(help="May be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    tenant: HolderOption = None,
    json: JsonOption = False,
) -> None:
    """What it read, record by record, newest first: what became of each, and the company it led to."""

    async def work(tx: Tx, owner: UUID, wanted: UUID) -> RecordPage | None:
        return await run_records.list_(tx, owner, wanted, RecordFilter(status=status or []), before=cursor, limit=limit)

    page = _about(run_id, tenant, work)
    if json:
        print_json(page)
        return
    columns = ("id", "source", "status", "reason", "page", "company_name", "company_id", "lead_id")
    print_table(page.items, columns, empty="no record fits: `headwater runs show` has what was counted")
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


@runs_app.command("cancel")
def cancel_run(run_id: RunArgument, tenant: HolderOption = None, json: JsonOption = False) -> None:
    """End a run now. What it has committed stays."""

    async def work(tx: Tx, owner: UUID, wanted: UUID) -> RunView:
        await runs.cancel(tx, owner, wanted, by=operator())
        return await _shown(tx, owner, wanted)

    ended = _about(run_id, tenant, work)
    wake_dispatchers()
    _print_run(ended, json)


@runs_app.command("verify")
def verify_run(run_id: RunArgument, tenant: HolderOption = None, json: JsonOption = False) -> None:
    """Was anything of this run lost or done twice? Exit status 0 only if not."""
    checked: RunCheck = _about(run_id, tenant, story.verify)
    if json:
        print_json(checked)
    else:
        typer.echo("ok" if checked.ok else "NOT ok")
        print_fields(checked, ("run_id", "status", "events", "jobs", "lost", "doubled"))
        for finding in checked.findings:
            typer.echo(f"  {finding}")
    if not checked.ok:
        raise typer.Exit(1)


runs_app.command("replay")(replay_run)


def _asked(**options: Any) -> CreateRun:
    try:
        return CreateRun.model_validate({name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "-".join(str(part) for part in first["loc"][:1]).replace("_", "-")
        _refuse(Invalid(f"{'--' + where + ': ' if where else ''}{in_words(first)}"))


def _refuse(error: HeadwaterError) -> NoReturn:
    typer.echo(f"{error.code}: {error.detail}", err=True)
    raise typer.Exit(2)


async def _owner(pool: Pool, settings: Settings, slug: str | None) -> UUID:
    """The tenant named, else the default one, which is made on first use as the API does."""
    if slug is None:
        return (await tenants.ensure_default(pool, settings)).id
    async with transaction(pool, None) as tx:
        found = await tenants.by_slug(tx, slug)
    if found is None or found.id == SYSTEM_TENANT:
        raise NotFound(f"there is no tenant {slug!r} with runs of its own: `headwater tenants list` shows them")
    return found.id


def _about(run_id: UUID, slug: str | None, work: Callable[[Tx, UUID, UUID], Awaitable[T | None]]) -> T:
    """Run `work` as the tenant whose run it is."""

    async def with_pool(pool: Pool, settings: Settings) -> T:
        for owner in await _holders(pool, settings, slug):
            async with transaction(pool, owner) as tx:
                if await runs.peek(tx, owner, run_id) is None:
                    continue
                found = await work(tx, owner, run_id)
            if found is not None:
                return found
        raise NotFound(f"no run {run_id}: `headwater runs list` shows them", code="run_not_found")

    return run(with_pool)


async def _holders(pool: Pool, settings: Settings, slug: str | None) -> list[UUID]:
    if slug is not None:
        return [await _owner(pool, settings, slug)]
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        return await inspection.all_tenants(tx)


async def _shown(tx: Tx, owner: UUID, run_id: UUID) -> RunView:
    found = await runs.show(tx, owner, run_id, costs=True)
    if found is None:
        raise NotFound(f"no run {run_id}: `headwater runs list` shows them", code="run_not_found")
    return found


async def until_ended(
    pool: Pool, owner: UUID, run_id: UUID, *, quiet: bool, patience_s: float | None = None
) -> RunView:
    """Look until the run has ended, saying on stderr how far it is whenever that changes.

    Raises: NotFound; Unavailable (`run_not_ended`) when it goes on for longer than `patience_s` seconds.
    """
    said, began = "", time.monotonic()
    while True:
        async with transaction(pool, owner, read_only=True) as tx:
            now = await _shown(tx, owner, run_id)
        text = (
            f"{now.status.value}: {len(now.slices or ()) - now.open_slices} of {len(now.slices or ())} slices, "
            f"{now.counts.discovered} records, {now.counts.leads_created} leads"
        )
        if text != said and not quiet:
            typer.echo(text, err=True)
        said = text
        if now.status.ended:
            return now
        if patience_s is not None and time.monotonic() - began > patience_s:
            raise Unavailable(
                f"run {run_id} has not ended: is a worker running? `headwater runs show {run_id}` says how far it is",
                code="run_not_ended",
            )
        await asyncio.sleep(LOOK_S)


def _print_run(shown: RunView, json: bool) -> None:
    if json:
        print_json(shown)
        return
    print_fields(shown, _FIELDS)
    print_fields(shown.counts, tuple(type(shown.counts).model_fields))
    for each in shown.slices or ():
        ended = each.error or each.stop_reason or ""
        said = f"{each.channel:<9} {each.state:<9} page {each.page:<3} {each.found:>5} found  «{each.query}»  {ended}"
        typer.echo(said.rstrip())
    for cost in shown.spent or ():
        price = "" if cost.cost_usd is None else f", {cost.cost_usd:.2f} USD"
        typer.echo(
            f"spent     {cost.vendor} {cost.operation}: {cost.spent:g} {cost.unit}s in {cost.calls} calls{price}"
        )
