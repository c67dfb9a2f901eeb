"""`headwater leads`: list, show, enrich, for whoever may read the database's URL."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from pydantic import BaseModel

from contracts.enrichment import EnrichmentList, EnrichmentsAsked
from contracts.errors import NotFound
from contracts.leads import LeadPage, LeadRow, LeadStatus
from contracts.settings import Settings
from db import enrichments, leads
from db.terminal import JsonOption, TenantOption, as_owner, ask, print_fields, print_json, print_table, wake_dispatchers
from db.transaction import Tx

leads_app = typer.Typer(no_args_is_help=True, help="Leads: list, show, enrich.")

LeadArgument = Annotated[UUID, typer.Argument(metavar="LEAD", help="Id of the lead.")]


class LeadStory(BaseModel):
    """A lead with everything that was learned about it."""

    lead: LeadRow
    enrichments: EnrichmentList


@leads_app.command("list")
def list_leads(
    status: Annotated[LeadStatus | None, typer.Option(help="new, processing, enriched or failed.")] = None,
    run_id: Annotated[UUID | None, typer.Option("--run", help="Only leads this run created.")] = None,
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many of a tenant.")] = 50,
    json: JsonOption = False,
) -> None:
    """Leads, newest first."""

    async def work(tx: Tx, owners: list[UUID], _: Settings) -> LeadPage:
        rows = [r for owner in owners for r in await leads.list_(tx, owner, status=status, run_id=run_id, limit=limit)]
        return LeadPage(items=[LeadRow.model_validate(r) for r in rows], next_cursor=None)

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    columns = ("id", "status", "company_name", "country", "domain", "contact_email", "source", "created_at")
    print_table(found.items, columns, empty="no leads: headwater runs create finds some")


@leads_app.command("show")
def show_lead(lead: LeadArgument, json: JsonOption = False) -> None:
    """One lead, its enrichments with every vendor that was asked, and what is known with its sources."""

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
    for each in found.enrichments.items:
        typer.echo(f"\nenrichment {each.cause}: {each.status}, {each.cost_usd:.4f} USD {each.error or ''}".rstrip())
        print_table(
            each.steps, ("field", "place", "operation", "outcome", "reason", "stored", "cost_usd"), empty="nobody asked"
        )
    typer.echo("")
    columns = ("field", "value", "vendor", "confidence", "verified", "terms", "observed_at", "source_url")
    print_table(found.enrichments.facts, columns, empty="nothing is known yet: headwater leads enrich")


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
