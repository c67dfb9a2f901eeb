"""`headwater leads`: list, show, enrich, score, for whoever may read the database's URL."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic import BaseModel

from contracts.enrichment import EnrichmentList, EnrichmentsAsked
from contracts.errors import NotFound
from contracts.leads import LeadPage, LeadRow, LeadStatus
from contracts.scores import LatestScore, ScoresAsked
from contracts.scoring import Band
from contracts.settings import Settings
from db import enrichments, leads, scores
from db.terminal import JsonOption, TenantOption, as_owner, ask, print_fields, print_json, print_table, wake_dispatchers
from db.transaction import Tx

leads_app = typer.Typer(no_args_is_help=True, help="Leads: list, show, enrich, score.")

LeadArgument = Annotated[UUID, typer.Argument(metavar="LEAD", help="Id of the lead.")]


class LeadStory(BaseModel):
    """A lead with everything that was learned about it."""

    lead: LeadRow
    enrichments: EnrichmentList


class _Line(LeadRow):
    """A row as the table shows it."""

    band: str
    score: str

    @classmethod
    def of(cls, row: LeadRow) -> _Line:
        best = row.latest_score
        return cls(**row.model_dump(), band=best.band if best else "-", score=f"{best.score:.2f}" if best else "-")


@leads_app.command("list")
def list_leads(
    status: Annotated[LeadStatus | None, typer.Option(help="new, processing, enriched or failed.")] = None,
    run_id: Annotated[UUID | None, typer.Option("--run", help="Only leads this run created.")] = None,
    band: Annotated[
        Band | None, typer.Option(help="LOW, MEDIUM or HIGH: only leads whose score is in this band.")
    ] = None,
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many of a tenant.")] = 50,
    json: JsonOption = False,
) -> None:
    """Leads, newest first."""

    async def work(tx: Tx, owners: list[UUID], _: Settings) -> LeadPage:
        rows: list[dict[str, Any]] = []
        for owner in owners:
            rows += await leads.list_(tx, owner, status=status, run_id=run_id, band=band, limit=limit)
        return LeadPage(items=[LeadRow.model_validate(r) for r in rows], next_cursor=None)

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    columns = (
        "id",
        "status",
        "band",
        "score",
        "company_name",
        "country",
        "domain",
        "contact_email",
        "source",
        "created_at",
    )
    print_table([_Line.of(row) for row in found.items], columns, empty="no leads: headwater runs create finds some")


@leads_app.command("show")
def show_lead(lead: LeadArgument, json: JsonOption = False) -> None:
    """One lead: its score and what adds up to it, its enrichments with every vendor that was asked, what is known and from whom."""

    async def work(tx: Tx, owners: list[UUID], _: Settings) -> LeadStory:
        for owner in owners:
            found, rows = await enrichments.story(tx, owner, lead), await leads.list_(tx, owner, lead_id=lead, limit=1)
            if found is not None and rows:
                return LeadStory(lead=LeadRow.model_validate(rows[0]), enrichments=found)
        raise NotFound(f"no lead {lead}: headwater leads list shows those that are there", code="lead_not_found")

    found = ask(work, None)
    if json:
        print_json(found)
        return
    print_fields(
        found.lead, ("id", "status", "company_name", "country", "city", "domain", "contact_name", "contact_email")
    )
    if found.lead.latest_score is not None:
        _print_score(found.lead.latest_score)
    for each in found.enrichments.items:
        typer.echo(f"\nenrichment {each.cause}: {each.status}, {each.cost_usd:.4f} USD {each.error or ''}".rstrip())
        print_table(
            each.steps, ("field", "place", "operation", "outcome", "reason", "stored", "cost_usd"), empty="nobody asked"
        )
    typer.echo("")
    columns = ("field", "value", "vendor", "confidence", "verified", "terms", "observed_at", "source_url")
    print_table(found.enrichments.facts, columns, empty="nothing is known yet: headwater leads enrich")


def _print_score(score: LatestScore) -> None:
    typer.echo(f"\nscore {score.score:.3f} {score.band}: {score.rationale or ''}")
    fields = ("probability", "percentile", "fit", "coverage", "rejected", "base_log_odds", "scored_at")
    print_fields(score, fields)
    parts = score.contributions or []
    print_table(parts, ("kind", "field", "log_odds", "words"), empty="nothing known speaks for or against it")


@leads_app.command("score")
def score_leads(
    lead: Annotated[
        list[UUID] | None,
        typer.Argument(metavar="[LEAD]...", help="Ids; absent: the newest enriched ones without a score."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, when none are named.")] = 100,
    again: Annotated[bool, typer.Option("--again", help="With none named: also those that have a score.")] = False,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")] = None,
    json: JsonOption = False,
) -> None:
    """Have leads scored from what is known now. Works without the API; a worker must run for anything to happen."""

    async def work(tx: Tx, owner: UUID) -> ScoresAsked:
        asked = await scores.ask(tx, owner, lead or [], limit=limit, again=again)
        return ScoresAsked(asked=asked, left_out=[i for i in dict.fromkeys(lead or []) if i not in set(asked)])

    found = as_owner(tenant, work)
    wake_dispatchers()
    if json:
        print_json(found)
        return
    typer.echo(f"{len(found.asked)} asked for, {len(found.left_out)} left out (unknown)")


@leads_app.command("enrich")
def enrich_leads(
    lead: Annotated[
        list[UUID] | None, typer.Argument(metavar="[LEAD]...", help="Ids; absent: the oldest new ones.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many new leads, when none are named.")] = 100,
    again: Annotated[bool, typer.Option("--again", help="Once more, although it was done before.")] = False,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")] = None,
    json: JsonOption = False,
) -> None:
    """Have leads enriched. Works without the API; a worker must run for anything to happen."""

    async def work(tx: Tx, owner: UUID) -> EnrichmentsAsked:
        asked = await enrichments.ask(tx, owner, lead or [], limit=limit, again=again)
        return EnrichmentsAsked(asked=asked, left_out=[i for i in dict.fromkeys(lead or []) if i not in set(asked)])

    found = as_owner(tenant, work)
    wake_dispatchers()
    if json:
        print_json(found)
        return
    typer.echo(f"{len(found.asked)} asked for, {len(found.left_out)} left out (enriched before, or unknown)")
