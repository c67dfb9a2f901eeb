"""Nights: a month of them, the list, and one night's page: what it was given, how far it came, whom it worked on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from markupsafe import Markup

from api.deps import Page, before
from api.routes import runs as run_routes
from api.ui import months
from api.ui.page import PageRoute, onward, part, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.nights import DONE, TO_DO, NightView, Step
from contracts.tenants import Role
from contracts.texts import NoNul
from db import night_lists, nights, runs
from db.transaction import transaction

router = APIRouter(prefix="/ui/nights", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Analyst = Annotated[Act, Depends(Acting(Role.ANALYST))]
Cursor = Annotated[str | None, Query(max_length=500)]
#: The steps that each company goes through, and what one of them said of it: `done`, a reason, or `to_do`.
StepOfCompany = Literal["crawl", "search_fallback", "contacts", "verification", "scoring", "crm_push"]
Said = Annotated[str | None, Query(max_length=100), NoNul]
#: Why a candidate was chosen or not, where a page shows those under one reason only.
Reason = Annotated[str | None, Query(max_length=50), NoNul]
ROWS = 20
#: Companies of a night on one page.
COMPANIES = 50
#: Step -> what it is called, and what it does.
STEPS: dict[Step, tuple[str, str]] = {
    "refresh_companies": ("Refresh companies", "brings in what the register says anew"),
    "refresh_candidates": ("Refresh candidates", "holds every company against every open profile"),
    "select_targets": ("Select targets", "chooses the companies of the night, up to the cap"),
    "crawl": ("Crawl", "reads their sites"),
    "search_fallback": ("Search", "asks a web search where a site said too little"),
    "contacts": ("Contacts", "finds people and their addresses"),
    "verification": ("Verification", "checks that the addresses take mail"),
    "scoring": ("Scoring", "scores them by rules and model"),
    "crm_push": ("CRM push", "hands those over that are good enough"),
}


def behind(night: NightView) -> Callable[..., str | None]:
    """Where a step's counts lead: (step, what it said of them; absent: all it had to do) -> an address, None for nowhere.

    A forecast's own rows are rolled back: what it looked at stands.
    """

    def address(step: Step, said: str | None = None) -> str | None:
        if step in ("refresh_companies", "refresh_candidates"):
            page = "/ui/companies" if step == "refresh_companies" else "/ui/candidates"
            return None if said in ("asked", "manifest") else page
        asked: dict[str, str] = {}
        if step != "select_targets":
            asked = {"step": step, "said": said} if said else {}
        elif night.dry_run:
            return "/ui/candidates"
        elif said in (None, TO_DO):
            asked = {"stage": "all"}
        elif said != DONE:
            asked = {"stage": "passed_over", "reason": str(said)}
        return f"/ui/nights/{night.id}{'?' if asked else ''}{urlencode(asked)}#companies"

    return address


@router.get("")
async def list_nights(
    seat: Viewer, month: Annotated[str | None, Query(max_length=7)] = None, cursor: Cursor = None
) -> Response:
    """A month as a calendar, and every run of a night, newest first."""
    data, listed = await seat.shared(lambda: _list(seat, month, cursor))
    return show(seat, "nights.html", data, listed=listed)


async def _list(seat: Seat, month: str | None, cursor: str | None) -> tuple[dict[str, Any], Markup]:
    tenant = seat.principal.tenant_id
    async with transaction(seat.pool, tenant, read_only=True) as tx:
        today = await nights.tonight(tx, seat.settings, tenant)
        shown = months.named(month) if month else months.of(today)
        days = await night_lists.days(tx, tenant, shown.first, shown.last)
        page = await night_lists.lines(tx, tenant, before=before(Page(ROWS, cursor)), limit=ROWS)
    data = {"month": shown.name, "days": days, "nights": page.items, "next_cursor": page.next_cursor}
    weeks = months.weeks(shown, {day.night: day for day in days})
    seen = {"shown": shown, "weeks": weeks, "weekdays": months.WEEKDAYS, "today": today}
    return data, part(seat, "night_list.html", data | seen)


@router.get("/{run_id}")
async def show_night(
    run_id: UUID,
    seat: Viewer,
    stage: Literal["chosen", "passed_over", "all"] = "chosen",
    reason: Reason = None,
    step: StepOfCompany | None = None,
    said: Said = None,
    cursor: Cursor = None,
) -> Response:
    """One night; its companies by stage and reason, or the chosen ones by what a step said of them."""
    tenant = seat.principal.tenant_id
    async with transaction(seat.pool, tenant, read_only=True) as tx:
        night = await nights.show(tx, tenant, run_id)
        run = await runs.show(tx, tenant, run_id, costs=True)
        page = await night_lists.candidates(
            tx, tenant, run_id, passed_over=None if stage == "all" else stage == "passed_over", reason=reason,
            step=(step, said) if step and said else None, cursor=cursor, limit=COMPANIES,
        )  # fmt: skip
    assert run is not None, "a night is a run"
    asked: dict[str, Any] = {
        "by": run.requested_by or run.triggered_by,
        "skip": run.params["nightly"].get("skip", []),
        "resume": run.params["nightly"].get("resume"),
        "cap": run.params["max_companies"],
        "cap_source": run.params["nightly"].get("cap_source", "default"),
    }
    data = {
        "night": night, "asked": asked, "spent": run.spent or [], "companies": page.items, "next_cursor": page.next_cursor,
    }  # fmt: skip
    by_step = (step, said) if step and said else None
    return show(seat, "night.html", data, stage=stage, step_words=STEPS, by_step=by_step, behind=behind(night))


@router.get("/{run_id}/live")
async def follow(run_id: UUID, seat: Viewer) -> Response:
    """The part of a night's page that changes while it runs."""
    async with transaction(seat.pool, seat.principal.tenant_id, read_only=True) as tx:
        night = await nights.show(tx, seat.principal.tenant_id, run_id)
    answer = show(seat, "night_live.html", {"night": night}, step_words=STEPS, behind=behind(night))
    if night.status not in ("pending", "running"):
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.post("/{run_id}/cancel")
async def cancel(run_id: UUID, act: Analyst) -> Response:
    """End a night now."""
    await run_routes.cancel(run_id, act.principal, act.pool, act.wake)
    words = "The night is cancelled. What it has committed stays; what is left can be finished later."
    return onward(f"/ui/nights/{run_id}", act.request, words)
