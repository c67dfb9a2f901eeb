"""`headwater nightly` and `headwater shortlists`: for whoever may read the database's URL."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from contracts.errors import Invalid, NotFound
from contracts.exports import text_of
from contracts.nights import NightCompany, NightList, NightView, Step, StepCount
from contracts.settings import Settings
from contracts.shortlists import Shortlist, csv_rows
from contracts.tenants import SYSTEM_TENANT, Tenant
from db import nights, queue, shortlists, tenants
from db.terminal import JsonOption, as_owner, operator, print_json, print_table, run
from db.transaction import DbRole, Pool, Tx, transaction

shortlists_app = typer.Typer(no_args_is_help=True, help="Shortlists: what a night brought.")
#: Between two looks of --wait, in seconds.
LOOK_S = 0.5
_LISTED = ("tenant", "id", "night", "status", "dry_run", "new", "duration_s", "companies", "cost")


def nightly(
    tenant: Annotated[str | None, typer.Option(help="Slug; absent: every tenant whose nights run.")] = None,
    limit: Annotated[int | None, typer.Option(min=0, help="Fewer companies than the tenant's cap.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say whom, what it costs and until when; change nothing.")
    ] = False,
    from_manifest: Annotated[
        UUID | None, typer.Option(metavar="RUN", help="Do what this night, which has ended, left undone.")
    ] = None,
    skip: Annotated[list[str] | None, typer.Option(metavar="STEP", help="Leave a step out. May be repeated.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until all have ended; status 1 if one failed.")] = False,
    json: JsonOption = False,
) -> None:
    """Run the night of a tenant, or of all. The day's night that is there already stands in for a second one."""

    async def work(pool: Pool, settings: Settings) -> NightList:
        begun: list[tuple[UUID, UUID, bool]] = []
        for each in await _tenants(pool, settings, tenant, from_manifest):
            async with transaction(pool, each.id) as tx:
                run_id, new = await nights.start(
                    tx, settings, each.id, triggered_by="cli", requested_by=operator(), dry_run=dry_run, limit=limit,
                    from_manifest=from_manifest, skip=tuple(skip or ()),
                )  # fmt: skip
            begun.append((each.id, run_id, new))
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)
        found = await _shown(pool, begun)
        while wait and any(n.status in ("pending", "running") for n in found):
            await asyncio.sleep(LOOK_S)
            found = await _shown(pool, begun)
        return NightList(items=found)

    made = run(work)
    if json:
        print_json(made)
    else:
        _print(made.items)
    if any(night.status in ("failed", "cancelled") for night in made.items):
        raise typer.Exit(1)


async def _tenants(pool: Pool, settings: Settings, slug: str | None, from_manifest: UUID | None) -> list[Tenant]:
    if slug is None and from_manifest is not None:
        raise Invalid("a manifest is one tenant's: say which with --tenant")
    async with transaction(pool, None, role=DbRole.SYSTEM, read_only=True) as tx:
        if slug is None:
            return await nights.included(tx, settings)
        found = await tenants.by_slug(tx, slug)
    if found is None or found.id == SYSTEM_TENANT:
        raise NotFound(f"there is no tenant {slug!r} with nights: `headwater tenants list` shows them")
    if found.status != "active":
        raise Invalid(f"tenant {slug} is {found.status}: `headwater tenants status {slug} active` opens it")
    return [found]


async def _shown(pool: Pool, begun: list[tuple[UUID, UUID, bool]]) -> list[NightView]:
    found = []
    for owner, run_id, new in begun:
        async with transaction(pool, owner, read_only=True) as tx:
            found.append(await nights.show(tx, owner, run_id, new=new))
    return found


class _Line(NightView):
    """A night as the table shows it."""

    companies: int
    cost: str

    @classmethod
    def of(cls, of: NightView) -> _Line:
        ahead = of.forecast
        count = len(of.manifest.company_ids) if of.manifest else ahead.companies if ahead else 0
        cost = f"about ${ahead.cost_usd:.2f}, until {ahead.finishes_at:%H:%M}" if ahead else "-"
        return cls(**of.model_dump(by_alias=True), companies=count, cost=cost)


class _StepLine(StepCount):
    step: Step
    why: str


def _print(found: list[NightView]) -> None:
    print_table(
        [_Line.of(n) for n in found], _LISTED, empty="no tenant's nights run: see SCHED_TENANT_INCLUDE and _EXCLUDE"
    )
    for night in found:
        lines = [
            _StepLine(
                step=step, taken=c.taken, done=c.done, why=", ".join(f"{n} {w}" for w, n in c.skipped.items()) or "-"
            )
            for step, c in night.steps.items()
        ]
        typer.echo(f"\n{night.tenant}: {night.error or night.status}")
        print_table(lines, ("step", "taken", "done", "why"), empty="")


@shortlists_app.command("show")
def show_shortlist(
    night: Annotated[datetime, typer.Argument(metavar="DATE", formats=["%Y-%m-%d"], help="Of the night, in its zone.")],
    tenant: Annotated[str | None, typer.Option(help="Slug; the default tenant when absent.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    json: JsonOption = False,
) -> None:
    """The companies of a night, the best first, with score, rationale and whom to call."""
    found: Shortlist = as_owner(tenant, lambda tx, owner: shortlists.show(tx, owner, night.date()))
    if json:
        print_json(found)
    elif csv:
        typer.echo(text_of(csv_rows(found)), nl=False)
    else:
        columns = ("rank", "company_name", "domain", "band", "score", "reason", "rationale")
        print_table(found.items, columns, empty="nothing was chosen that night")


class Candidates(NightList):
    """What `shortlists why` prints."""

    companies: list[NightCompany]


@shortlists_app.command("why")
def show_candidates(
    run_id: Annotated[UUID, typer.Argument(metavar="RUN", help="Id of the night's run.")],
    tenant: Annotated[str | None, typer.Option(help="Slug; the default tenant when absent.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 200,
    json: JsonOption = False,
) -> None:
    """Every candidate of a night: chosen and how far it came, or passed over, and the reason."""

    async def work(tx: Tx, owner: UUID) -> Candidates:
        night = await nights.show(tx, owner, run_id)
        return Candidates(items=[night], companies=await nights.companies(tx, owner, run_id, limit=limit))

    found = as_owner(tenant, work)
    if json:
        print_json(found)
    else:
        print_table(
            found.companies, ("place", "name", "reason", "detail", "stage", "status"), empty="it has no candidates"
        )
