"""`headwater jobs`: run, list, show, retry, dismiss, cancel, for whoever may read the database's URL."""

from __future__ import annotations

from collections.abc import Mapping
from json import dumps
from typing import Annotated, Literal
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.executions import DeadLetterPage, Dismissed, ExecutionDetail, ExecutionFilter, ExecutionPage
from contracts.job_retries import JobRetryReport, JobRetryRequest
from contracts.jobs import JobState
from contracts.misfits import in_words
from contracts.settings import Settings
from db import drift, executions, job_retries
from db.account_commands import run_job
from db.terminal import (
    JsonOption,
    SinceOption,
    TenantOption,
    UntilOption,
    age_s,
    ask,
    operator,
    print_fields,
    print_json,
    print_table,
    utc,
    wake_dispatchers,
)
from db.transaction import Tx

jobs_app = typer.Typer(no_args_is_help=True, help="Jobs: run one, where they stand, what they ended in, retry, cancel.")
jobs_app.command("run")(run_job)

JobArgument = Annotated[UUID, typer.Argument(metavar="JOB", help="Id of the job, or of the event that led to it.")]
_FIELDS = (
    "id", "job", "state", "scope", "key", "queue", "failures", "crashes", "event_id", "absorbed", "asked_by", "run_id",
    "correlation_id", "queued_at", "started_at", "finished_at", "cancel_requested_at", "error_class", "error", "payload", "result",
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
    since: SinceOption = None,
    until: UntilOption = None,
    dead_letters: Annotated[bool, typer.Option("--dead-letters", help="What gave up and waits for an answer.")] = False,
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """Executions, or dead letters, newest first."""
    if dead_letters and (job or state or status or run_id or event_id or since or until):
        raise typer.BadParameter("--dead-letters lists all that wait for an answer: give it no other filter")
    which = ExecutionFilter(
        job=job, state=state or [], status=status, run_id=run_id, event_id=event_id, since=utc(since), until=utc(until)
    )

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
def retry_job(
    job_id: Annotated[UUID | None, typer.Argument(metavar="[JOB]", help="One job; absent: by filter.")] = None,
    job: Annotated[str | None, typer.Option("--job", help="Name, e.g. discovery.fetch.")] = None,
    error_class: Annotated[str | None, typer.Option("--error-class", help="For example vendor_down.")] = None,
    run_id: Annotated[UUID | None, typer.Option("--run", help="Id of a run.")] = None,
    older_than: Annotated[str | None, typer.Option("--older-than", help="Dead for so long: 90s, 15m, 2h, 7d.")] = None,
    newer_than: Annotated[
        str | None, typer.Option("--newer-than", help="Dead no longer than: 90s, 15m, 2h, 7d.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every job that gave up.")] = False,
    tenant: TenantOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    rate: Annotated[float | None, typer.Option(help="Jobs a second; absent: all at once.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 200,
    json: JsonOption = False,
) -> None:
    """Run a job that gave up, was cancelled or lost its delivery once more, now; or all dead letters that a filter finds."""
    given = {
        "job": job, "error_class": error_class, "run_id": run_id,
        "older_than_s": age_s(older_than), "newer_than_s": age_s(newer_than),
    }  # fmt: skip
    by_filter = all_ or any(value is not None for value in given.values())
    if (job_id is not None) == by_filter or (job_id is not None and (dry_run or rate is not None)):
        raise typer.BadParameter("give either one job, or a filter, or --all")
    if job_id is None:
        _retry_many(given, tenant, dry_run, rate, limit, json)
        return

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> ExecutionDetail:
        assert job_id is not None
        if await drift.restore(tx, tenants, job_id, by=operator()):
            return await executions.show_execution(tx, tenants, job_id)
        return await executions.retry_execution(tx, tenants, job_id, operator())

    found = ask(work, tenant)
    wake_dispatchers()
    _print(found, json)


def _retry_many(
    given: Mapping[str, object], tenant: str | None, dry_run: bool, rate: float | None, limit: int, json: bool
) -> None:
    try:
        asked = JobRetryRequest.model_validate({"filter": given, "dry_run": dry_run, "rate": rate, "limit": limit})
    except ValidationError as error:
        raise typer.BadParameter("; ".join(in_words(e) for e in error.errors()[:3])) from None

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> JobRetryReport:
        return await job_retries.retry_many(tx, tenants, asked, operator())

    found = ask(work, tenant)
    wake_dispatchers()
    if json:
        print_json(found)
        return
    print_fields(found, ("matched", "retried", "by_job", "oldest", "newest", "last_due_at"))
    for one in found.left:
        typer.echo(f"! {one.job} {one.id} stays dead: {one.why}")
    typer.echo("more fit: ask again for the rest" if found.more else "that was all")


@jobs_app.command("dismiss")
def dismiss_job(job: JobArgument, tenant: TenantOption = None, json: JsonOption = False) -> None:
    """Answer the dead letters of a job, or of an event, without another try: what its ordering key holds back goes on."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> Dismissed:
        return Dismissed(id=job, dismissed=await executions.dismiss(tx, tenants, job, operator()))

    found = ask(work, tenant)
    wake_dispatchers()
    print_json(found) if json else typer.echo(f"{found.dismissed} dead letters of {job} are answered")


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
