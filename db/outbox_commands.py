"""`headwater outbox`: list, show, explain, stats, verify, replay, undo, pause, for whoever may read the database's URL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.errors import Invalid
from contracts.misfits import in_words
from contracts.outbox import EventDetail, EventFilter, EventPage, EventStatus, Explanation, Stats, Verification
from contracts.replays import Replayed, ReplayReport, ReplayRequest
from contracts.settings import Settings
from db import explanations, inspection, replays, stats, verification
from db.pause_commands import pause_events, resume_events, show_pause
from db.replay_commands import list_replays, undo_replay
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

outbox_app = typer.Typer(
    no_args_is_help=True, help="The outbox: what waits and why, what was sent, replay and undo, pause."
)
outbox_app.command("replays")(list_replays)
outbox_app.command("undo")(undo_replay)
outbox_app.command("pause")(pause_events)
outbox_app.command("resume")(resume_events)
outbox_app.command("paused")(show_pause)

EventArgument = Annotated[UUID, typer.Argument(metavar="EVENT", help="Id of the event.")]
StatusOption = Annotated[list[EventStatus] | None, typer.Option("--status", help="May be repeated.")]
TypeOption = Annotated[str | None, typer.Option("--type", help="For example SliceReady.")]
AggregateTypeOption = Annotated[str | None, typer.Option("--aggregate-type", help="For example run or lead.")]
AggregateOption = Annotated[UUID | None, typer.Option("--aggregate-id", help="Id of the run, lead or execution.")]
CorrelationOption = Annotated[UUID | None, typer.Option("--correlation-id")]
ErrorOption = Annotated[str | None, typer.Option("--error-class", help="For example bad_payload.")]
SinkOption = Annotated[
    str | None, typer.Option("--sink", help="queue, webhook (tenants' addresses) or nats (JetStream).")
]
OlderOption = Annotated[str | None, typer.Option("--older-than", help="Age such as 90s, 15m, 2h, 7d.")]
NewerOption = Annotated[str | None, typer.Option("--newer-than", help="Age such as 90s, 15m, 2h, 7d.")]


@outbox_app.command("list")
def list_events(
    status: StatusOption = None,
    type_: TypeOption = None,
    aggregate_type: AggregateTypeOption = None,
    aggregate_id: AggregateOption = None,
    correlation_id: CorrelationOption = None,
    error_class: ErrorOption = None,
    sink: SinkOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """What waits, then dead letters, then what was sent; each newest first."""
    given = {
        "status": status or [],
        "type": type_,
        "aggregate_type": aggregate_type,
        "aggregate_id": aggregate_id,
        "correlation_id": correlation_id,
        "error_class": error_class,
        "sink": sink,
        "older_than_s": age_s(older_than),
        "newer_than_s": age_s(newer_than),
        "since": utc(since),
        "until": utc(until),
    }
    try:
        which = EventFilter.model_validate(given)
    except ValidationError as error:
        raise typer.BadParameter(_misfits(error)) from None

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> EventPage:
        found = EventPage(items=[], next_cursor=cursor)
        while len(found.items) < limit:
            left = limit - len(found.items)
            page = await inspection.list_events(tx, tenants, which, limit=left, cursor=found.next_cursor)
            found = EventPage(items=found.items + page.items, next_cursor=page.next_cursor)
            if found.next_cursor is None:
                break
        return found

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    columns = ("event_id", "status", "type", "aggregate_id", "attempts", "error_class", "created_at", "available_at")
    print_table(found.items, columns, empty="no event fits")
    if found.next_cursor:
        typer.echo(f"more: --cursor {found.next_cursor}")


@outbox_app.command("show")
def show_event(event: EventArgument, tenant: TenantOption = None, json: JsonOption = False) -> None:
    """One event and everything that followed from it."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> EventDetail:
        return await inspection.show_event(tx, tenants, event)

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    fields = ("event_id", "status", "type", "version", "aggregate_type", "aggregate_id", "correlation_id", "sink")
    print_fields(found, (*fields, "attempts", "error_class", "last_error", "available_at", "payload", "headers"))
    typer.echo("")
    for moment in found.timeline:
        typer.echo(f"{moment.at:%Y-%m-%d %H:%M:%S.%f}  {moment.text}  {moment.id}")
    for execution in found.executions:
        for rows in execution.produced:
            typer.echo(f"{execution.job} wrote {rows.count} {rows.kind} {rows.by_status or ''}".rstrip())


@outbox_app.command("explain")
def explain(event: EventArgument, tenant: TenantOption = None, json: JsonOption = False) -> None:
    """Why has it not been delivered, or what became of it?"""

    async def work(tx: Tx, tenants: list[UUID], settings: Settings) -> Explanation:
        of = (await inspection.find_event(tx, tenants, event)).tenant_id
        delivery = await explanations.look_at_delivery(
            tx, of, cap=settings.dispatch_tenant_buffer, alive_within_s=settings.worker_dead_after_s
        )
        return await explanations.explain(tx, [of], event, delivery, max_attempts=settings.outbox_max_attempts)

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    typer.echo(f"{found.event_id} is {found.status.value}")
    for finding in found.findings:
        typer.echo(f"{'!' if finding.blocking else '-'} {finding.text}\n    next: {finding.next_step}")


@outbox_app.command("stats")
def show_stats(tenant: TenantOption = None, json: JsonOption = False) -> None:
    """What stands in the outbox and the queue, how old, how fast it moves, and which limit or pause holds some of it back."""

    async def work(tx: Tx, tenants: list[UUID], settings: Settings) -> Stats:
        depth = await stats.queue_depth(tx, tenants, alive_within_s=settings.worker_dead_after_s)
        return await stats.stats(tx, tenants, depth)

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    fields = ("counts", "oldest_due_age_s", "next_due_at", "dead_letters_open", "queue", "workers", "dispatched_s_ago")
    print_fields(found, fields)
    print_table(found.depth, ("state", "type", "count"), empty="nothing waits")
    print_table(found.rates, ("window_s", "emitted_per_s", "sent_per_s"), empty="")
    held = ("scope", "name", "held", "jobs", "events", "max_running", "per_s", "by", "since", "reason")
    print_table(found.held, held, empty="no limit and no pause holds anything back")


@outbox_app.command("verify")
def verify(
    tenant: TenantOption = None,
    newer_than: Annotated[
        str | None, typer.Option("--newer-than", help="Only events this young, e.g. 24h; absent: all that is kept.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Was anything lost, did anything happen twice? Ends with 0 only when all is well, else with 1."""
    window_s = age_s(newer_than)
    since = None if window_s is None else datetime.now(UTC) - timedelta(seconds=window_s)

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> Verification:
        whose = None if tenant is None else tenants[0]
        deliveries = await verification.check_deliveries(tx, whose)
        return await verification.verify(tx, whose, deliveries, since=since)

    found = ask(work, tenant)
    if json:
        print_json(found)
    else:
        fields = (
            "ok",
            "events",
            "jobs",
            "absorbed",
            "lost",
            "doubled",
            "orphaned",
            "waiting",
            "dead_letters",
            "took_s",
        )
        print_fields(found, fields)
        for breach in found.breaches:
            typer.echo(f"! {breach.what}: {breach.text}\n    next: {breach.next_step}")
    raise typer.Exit(0 if found.ok else 1)


@outbox_app.command("replay")
def replay(
    event: Annotated[UUID | None, typer.Argument(metavar="[EVENT]", help="One event; absent: by filter.")] = None,
    status: Annotated[
        list[EventStatus] | None, typer.Option("--status", help="dead_letter (the default) or sent. May be repeated.")
    ] = None,
    type_: TypeOption = None,
    aggregate_type: AggregateTypeOption = None,
    aggregate_id: AggregateOption = None,
    correlation_id: CorrelationOption = None,
    error_class: ErrorOption = None,
    sink: SinkOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    tenant: TenantOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    rate: Annotated[float | None, typer.Option(help="Events a second; absent: all at once.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 1000,
    json: JsonOption = False,
) -> None:
    """Send an event again, or all that a filter finds. Jobs are unique by key: nothing is done twice."""
    given = {
        "status": status or [],
        "type": type_,
        "aggregate_type": aggregate_type,
        "aggregate_id": aggregate_id,
        "correlation_id": correlation_id,
        "error_class": error_class,
        "sink": sink,
        "older_than_s": age_s(older_than),
        "newer_than_s": age_s(newer_than),
        "since": utc(since),
        "until": utc(until),
    }
    if event is not None and (dry_run or rate is not None or any(given.values())):
        raise typer.BadParameter("give either one event or a filter")

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> Replayed | ReplayReport:
        if event is not None:
            return await replays.replay_event(tx, tenants, event, operator())
        return await replays.replay_many(tx, tenants, _request(given, dry_run, rate, limit), operator())

    found = ask(work, tenant)
    wake_dispatchers()
    if json:
        print_json(found)
    elif isinstance(found, Replayed):
        typer.echo(f"{found.replay_of} goes out again as {found.event_id}")
    else:
        fields = ("matched", "replayed", "by_type", "oldest", "newest", "last_due_at")
        print_fields(found, fields)
        typer.echo("more fit: ask again for the rest" if found.more else "that was all")
        if found.replay_id is not None:
            typer.echo(f"to take back what still waits: headwater outbox undo {found.replay_id}")


def _request(given: Mapping[str, object], dry_run: bool, rate: float | None, limit: int) -> ReplayRequest:
    try:
        return ReplayRequest.model_validate({"filter": given, "dry_run": dry_run, "rate": rate, "limit": limit})
    except ValidationError as error:
        raise Invalid(_misfits(error)) from None


def _misfits(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'replay'}: {in_words(e)}" for e in error.errors()[:3])
