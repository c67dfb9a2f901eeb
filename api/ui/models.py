"""Models: which version decides, how well its probabilities hold, and what stands in shadow beside it."""

from __future__ import annotations

from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import models as routes
from api.ui import charts
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.learning import MOST_PSI, WARN_PSI, Decide, Stage
from contracts.tenants import Role

router = APIRouter(prefix="/ui/models", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]
ROWS = 25
#: Figure of a version -> what it says, and which way is better.
FIGURES = (
    ("auc", "AUC, higher is better"),
    ("log_loss", "Log loss, lower is better"),
    ("brier", "Brier, lower is better"),
    ("ece", "Calibration error, lower is better"),
    ("psi", "Movement of scores (PSI)"),
)


@router.get("")
async def list_models(
    seat: Viewer, cursor: Annotated[str | None, Query(max_length=500)] = None, stage: Stage | None = None
) -> Response:
    """Versions, newest first; the one that decides beside the newest shadow."""
    page = await routes.list_models(seat.principal, seat.pool, Page(ROWS, cursor), stage)
    active = await routes.list_models(seat.principal, seat.pool, Page(1, None), "ACTIVE")
    shadow = await routes.list_models(seat.principal, seat.pool, Page(1, None), "SHADOW")
    beside = [*active.items, *shadow.items]
    data = {"models": page.items, "next_cursor": page.next_cursor, "beside": beside}
    return show(seat, "models.html", data, choices={"stage": get_args(Stage)}, figures=FIGURES)


@router.get("/{model_id}")
async def show_model(model_id: UUID, seat: Viewer) -> Response:
    """One version with its newest calibration curve, coefficients and every look at it."""
    model = await routes.show(model_id, seat.principal, seat.pool)
    active = await routes.list_models(seat.principal, seat.pool, Page(1, None), "ACTIVE")
    beside = [other for other in active.items if other.id != model.id]
    return show(
        seat, "model.html", {"model": model, "active": beside}, curve=charts.curve_of(model), drift=charts.drift_of(model),
        limits={"moving": WARN_PSI, "moved": MOST_PSI}, figures=FIGURES,
    )  # fmt: skip


@router.post("/{model_id}/promote")
async def promote(model_id: UUID, act: Ops) -> Response:
    """Let it decide."""
    body = act.read(Decide, {"reason": act.one("reason"), "force": act.one("force") == "true"})
    await routes.promote(model_id, body, act.principal, act.pool)
    return onward(f"/ui/models/{model_id}", act.request, "This version decides from now on.")


@router.post("/{model_id}/archive")
async def archive(model_id: UUID, act: Ops) -> Response:
    """Take it out of use."""
    await routes.archive(model_id, act.read(Decide, {"reason": act.one("reason")}), act.principal, act.pool)
    return onward(f"/ui/models/{model_id}", act.request, "This version is out of use.")


@router.post("/{model_id}/rollback")
async def rollback(model_id: UUID, act: Ops) -> Response:
    """Whoever decided before does again."""
    await routes.rollback(model_id, act.read(Decide, {"reason": act.one("reason")}), act.principal, act.pool)
    return onward(f"/ui/models/{model_id}", act.request, "The version before decides again.")
