"""`headwater runs replay`, `headwater leads replay`: look at what today's rules make of what was read then, then apply it."""

from __future__ import annotations

import asyncio
import json as json_text
import time
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.errors import Invalid, NotFound, TryLater
from contracts.misfits import in_words
from contracts.run_replays import MOST_LEADS, Difference, ReplayLeads, ReplayView
from contracts.runs import RunStatus
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from db import enrichment_replays, inspection, queue, run_replays, runs, tenants
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json, run, wake_dispatchers
from db.transaction import DbRole, Pool, Tx, transaction

#: Between two looks, and how long a replay is waited for, in seconds.
LOOK_S, PATIENCE_S = 0.2, 1800.0
#: Differences read at once.
PAGE = 200


ApplyOption = Annotated[bool, typer.Option("--apply", help="Write what differs; without it nothing is written.")]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Until it ends, and show what differs.")]
LimitOption = Annotated[int, typer.Option(min=0, max=100_000, help="Show at most so many differences.")]


def replay_run(
    run_id: Annotated[UUID, typer.Argument(metavar="RUN", help="Id of an ended discovery or opportunities run.")],
    apply: ApplyOption = False,
    wait: WaitOption = True,
    limit: LimitOption = 1000,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Slug; absent: whichever has the run.")] = None,
    json: JsonOption = False,
) -> None:
    """Do a run again from its stored answers: no vendor is asked. A worker must run for anything to happen."""

    async def work(pool: Pool, _: Settings) -> ReplayView:
        owner = await _holder(pool, tenant, run_id)
        async with transaction(pool, owner) as tx:
            replay_id = await run_replays.start(tx, owner, run_id, apply=apply, by=operator(), triggered_by="cli")
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)
        return await _seen(pool, owner, run_id, replay_id, limit, wait)

    _tell(run(work), json)


def replay_leads(
    leads: Annotated[list[UUID] | None, typer.Argument(metavar="[LEAD]...", help="Ids of enriched leads.")] = None,
    run_id: Annotated[UUID | None, typer.Option("--run", help="The enriched leads that a discovery run made.")] = None,
    apply: ApplyOption = False,
    wait: WaitOption = True,
    limit: LimitOption = 1000,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")] = None,
    json: JsonOption = False,
) -> None:
    """Do the newest enrichments of leads again from stored answers: nobody is asked. A worker must run for anything to happen."""
    try:
        body = ReplayLeads.model_validate({"lead_ids": leads or [], "run_id": run_id, "apply": apply})
    except ValidationError as error:
        raise Invalid(f"{in_words(error.errors()[0])}: name leads, or --run RUN, {MOST_LEADS} leads at most") from None

    async def start(tx: Tx, owner: UUID) -> tuple[UUID, UUID]:
        return owner, await enrichment_replays.start(tx, owner, body, by=operator(), triggered_by="cli")

    owner, replay_id = as_owner(tenant, start)
    wake_dispatchers()

    async def look(pool: Pool, _: Settings) -> ReplayView:
        return await _seen(pool, owner, None, replay_id, limit, wait)

    _tell(run(look), json)


def _tell(found: ReplayView, json: bool) -> None:
    if json:
        print_json(found)
    else:
        _print(found)
    if found.run.status in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise typer.Exit(1)


async def _seen(pool: Pool, owner: UUID, of: UUID | None, replay_id: UUID, limit: int, wait: bool) -> ReplayView:
    if wait:
        await _ended(pool, owner, replay_id)
    return await _whole(pool, owner, of, replay_id, limit)


async def _holder(pool: Pool, slug: str | None, run_id: UUID) -> UUID:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        if slug is None:
            candidates = [*await inspection.all_tenants(tx), SYSTEM_TENANT]
        else:
            named = await tenants.by_slug(tx, slug)
            candidates = [named.id] if named is not None else []
    for owner in candidates:
        async with transaction(pool, owner) as tx:
            if await runs.show(tx, owner, run_id) is not None:
                return owner
    raise NotFound(f"no run {run_id}: `headwater runs list` shows them", code="run_not_found")


async def _ended(pool: Pool, owner: UUID, replay_id: UUID) -> None:
    began, said = time.monotonic(), False
    while True:
        async with transaction(pool, owner) as tx:
            seen = await runs.show(tx, owner, replay_id)
        if seen is None or seen.status.ended:
            return
        waited = time.monotonic() - began
        if waited > PATIENCE_S:
            raise TryLater(f"the replay has not ended: `headwater runs show {replay_id}` says where it stands")
        if waited > 5 and not said:
            typer.echo(f"{seen.status}: waiting for a worker (`headwater worker`), or leave with Ctrl-C", err=True)
            said = True
        await asyncio.sleep(LOOK_S)


async def _whole(pool: Pool, owner: UUID, run_id: UUID | None, replay_id: UUID, limit: int) -> ReplayView:
    """A replay with its first `limit` differences."""
    entities: list[Difference] = []
    scores: list[Difference] = []
    after = -1
    while True:
        left = limit - len(entities) - len(scores)
        async with transaction(pool, owner) as tx:
            page = await run_replays.show(tx, owner, run_id, replay_id, after=after, limit=max(1, min(PAGE, left)))
        if left > 0:
            entities += page.entities
            scores += page.scores
        if page.next_cursor is None or left <= PAGE:
            return page.model_copy(update={"entities": entities, "scores": scores})
        after = int(page.next_cursor)


def _print(found: ReplayView) -> None:
    print_fields(found.run, ("id", "status", "error_code", "error", "duration_s"))
    for count in found.summary:
        typer.echo(f"{count.kind:<8} {count.change:<8} {count.count:>6}")
    for each in [*found.entities, *found.scores]:
        said = json_text.dumps(each.fields, ensure_ascii=False) if each.fields else ""
        about = (each.subject.get(word) for word in ("name", "notice_id", "company_id"))
        name = next((word for word in about if word), "")
        typer.echo(f"{each.change:<8} {each.kind:<8} {name}  {said}".rstrip())
    for gone in found.not_replayable:
        typer.echo(f"not replayable: {gone.channel} «{gone.query}», stored answers of pages {gone.pages} are gone")
    for lead in found.leads_not_replayable:
        whose = f" ({', '.join(lead.operations)})" if lead.operations else ""
        typer.echo(f"not replayable: lead {lead.lead_id} of {lead.company}: {lead.reason}{whose}")
    if found.evaluations_left:
        typer.echo(f"not held again: {found.evaluations_left} more pairs of notice and profile")
    if found.scores_left:
        typer.echo(
            f"not scored again: {found.scores_left} more leads of the run (`headwater leads score` asks for them)"
        )
    if found.run.status.ended and not found.summary:
        typer.echo("nothing differs")
    elif found.run.status.ended and not found.apply:
        again = f"headwater runs replay {found.replay_of}" if found.replay_of else "the same with"
        typer.echo(f"nothing was written: {again} --apply writes it")
