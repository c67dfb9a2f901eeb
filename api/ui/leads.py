"""Leads: searched and filtered; one lead with why it has its score and where every field comes from."""

from __future__ import annotations

from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import companies as company_routes
from api.routes import feedback as feedback_routes
from api.routes import leads as routes
from api.routes import messages as message_routes
from api.routes import scores as score_routes
from api.ui import charts
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.leads import LeadStatus
from contracts.learning import GiveFeedback, Verdict
from contracts.scoring import BANDS, Band
from contracts.tenants import Role
from contracts.texts import NoNul

router = APIRouter(prefix="/ui/leads", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Analyst = Annotated[Act, Depends(Acting(Role.ANALYST))]
Cursor = Annotated[str | None, Query(max_length=500)]
ROWS = 50


@router.get("")
async def list_leads(
    seat: Viewer,
    cursor: Cursor = None,
    status: LeadStatus | None = None,
    band: Band | None = None,
    run_id: UUID | None = None,
    name: Annotated[str | None, Query(min_length=2, max_length=500), NoNul] = None,
) -> Response:
    """Leads, newest first; with `name` the companies called most like it, each with the way to its leads."""
    choices = {"status": get_args(LeadStatus), "band": tuple(reversed(BANDS))}
    if name is not None:
        found = await company_routes.list_companies(seat.principal, seat.pool, Page(ROWS, None), name=name)
        return show(seat, "companies.html", {"companies": found.items}, choices=choices)
    page = await routes.list_leads(seat.principal, seat.pool, Page(ROWS, cursor), status, run_id, band)
    return show(seat, "leads.html", {"leads": page.items, "next_cursor": page.next_cursor}, choices=choices)


@router.get("/{lead_id}")
async def show_lead(lead_id: UUID, seat: Viewer) -> Response:
    """One lead with all that is known of it."""
    who, pool = seat.principal, seat.pool
    lead = await routes.show(lead_id, who, pool)
    company = await company_routes.show(lead.company_id, who, pool)
    history = await score_routes.list_scores(lead.id, who, pool)
    given = await feedback_routes.list_feedback(lead.id, who, pool, Page(20, None))
    written = await message_routes.list_messages(who, pool, Page(20, None), lead_id=lead.id)
    score = lead.latest_score
    bars = charts.bars(score.base_log_odds, score.contributions or []) if score else None
    data = {
        "lead": lead,
        "company": company,
        "snapshots": history.items,
        "feedback": given.items,
        "messages": written.items,
    }
    return show(seat, "lead.html", data, bars=bars, verdicts=get_args(Verdict))


@router.post("/{lead_id}/feedback")
async def give(lead_id: UUID, act: Analyst) -> Response:
    """Say what became of it."""
    body = act.read(
        GiveFeedback, {"verdict": act.one("verdict"), "note": act.one("note"), "source_event": act.one("once")}
    )
    given = await feedback_routes.give(lead_id, body, act.principal, act.pool, act.wake, Response())
    return onward(
        f"/ui/leads/{lead_id}", act.request, f"Noted: {given.verdict.replace('_', ' ')}. Models learn from it."
    )
