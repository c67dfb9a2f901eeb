"""`headwater jobs`: run, list, show, retry, cancel, for whoever may read the database's URL."""

from __future__ import annotations

from json import dumps
from typing import Annotated, Literal
from uuid import UUID

import typer

from contracts.executions import DeadLetterPage, ExecutionDetail, ExecutionFilter, ExecutionPage
from contracts.jobs import JobState
from contracts.settings import Settings
from db import drift, executions
from db.account_commands import run_job
from db.terminal import JsonOption, TenantOption, ask, operator, print_fields, print_json, print_table, wake_dispatchers
from db.transaction import Tx

jobs_app = typer.Typer(no_args_is_help=True, help="Jobs: run one, where they stand, what they ended in, retry, cancel.")
jobs_app.command("run")(run_job)

JobArgument = Annotated[UUID, typer.Argument(metavar="JOB", help="Id of the job, or of the event that led to it.")]
_FIELDS = (
    "id", "job", "state", "scope", "key", "queue", "failures", "crashes", "event_id", "absorbed", "asked_by", "run_id", "correlation_id",
    "queued_at", "started_at", "finished_at", "cancel_requested_at", "error_class", "error", "payload", "result",
)  # fmt: skip


@jobs_app.command("list")
def list_jobs(
    job: Annotated[str | None, typer.Option(help="Name, e.g. discovery.fetch.")] = None,
    state: Annotated[list[JobState] | None, typer.Option(help="May be repeated.")] = None,
    status: Annotated[
        Literal["queued", "running", "completed", "failed"] | None, typer.Option(help="One of the documents' four.")
    ] = None,
    run_id: Annotated[UUID | None, typer.Option("--run", help="Id of a run.")] = None,
    event_id: Annotated[UUID | None, typer.Option("--event", help="Id of an event.")] = None,
    dead_letters: Annotated[bool, typer.Option("--dead-letters", help="What gave up and waits for an answer.")] = False,
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """Executions, or dead letters, newest first."""
    which = ExecutionFilter(job=job, state=state or [], status=status, run_id=run_id, event_id=event_id)

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> ExecutionPage | DeadLetterPage:
        if dead_letters:
            return await executions.list_dead_letters(tx, tenants, limit=limit, cursor=cursor)
        found = ExecutionPage(items=[], next_cursor=cursor)
        while len(found.items) < limit:
            left = limit - len(found.items)
            page = await executions.list_executions(tx, tenants, which, limit=left, cursor=found.next_cursor)
            found = ExecutionPage(items=found.items + page.items, next_cursor=page.next_cursor)
            if found.next_cursor is None:
                break
        return found

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    columns = ("id", "job", "state", "failures", "error_class", "queued_at", "finished_at", "run_id")
    if dead_letters:
        columns = ("kind", "name", "event_id", "execution_id", "attempts", "error_class", "error", "created_at")
    print_table(found.items, columns, empty="no job fits")
    if found.next_cursor:
        typer.echo(f"more: --cursor {found.next_cursor}")


@jobs_app.command("show")
def show_job(job: JobArgument, tenant: TenantOption = None, json: JsonOption = False) -> None:
    """One job with its attempts, vendor calls, progress and result; also by the event it was asked for by."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> ExecutionDetail:
        return await executions.show_execution(tx, tenants, job)

    _print(ask(work, tenant), json)


@jobs_app.command("retry")
def retry_job(job: JobArgument, tenant: TenantOption = None, json: JsonOption = False) -> None:
    """Run a job that gave up, was cancelled or lost its delivery once more, now."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> ExecutionDetail:
        if await drift.restore(tx, tenants, job, by=operator()):
            return await executions.show_execution(tx, tenants, job)
        return await executions.retry_execution(tx, tenants, job, operator())

    found = ask(work, tenant)
    wake_dispatchers()
    _print(found, json)


@jobs_app.command("cancel")
def cancel_job(job: JobArgument, tenant: TenantOption = None, json: JsonOption = False) -> None:
    """Ask an unfinished job to stop."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> ExecutionDetail:
        return await executions.cancel_execution(tx, tenants, job, operator())

    _print(ask(work, tenant), json)


def _print(found: ExecutionDetail, json: bool) -> None:
    if json:
        print_json(found)
        return
    print_fields(found, _FIELDS)
    if found.progress is not None:
        far = found.progress
        typer.echo(f"progress: {far.in_words()} (attempt {far.attempt}, {far.reported_at:%Y-%m-%d %H:%M:%S} UTC)")
        typer.echo(f"checkpoint: {dumps(far.checkpoint)}" if far.checkpoint is not None else "checkpoint: none")
    columns = ("token", "outcome", "error_class", "error", "ended_at", "retry_at")
    print_table(found.attempts, columns, empty="no attempt failed")
    columns = ("vendor", "operation", "state", "items", "units_spent", "sent_at")
    print_table(found.vendor_calls, columns, empty="no vendor was asked")
