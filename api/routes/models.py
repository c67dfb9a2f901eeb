"""Model versions: trained, judged, promoted, archived, rolled back."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.admission import starting
from api.auth import require
from api.deps import PageDep, PoolDep, WakeDep, before
from api.errors import problems
from contracts.learning import (
    ChangeModel,
    Decide,
    EvaluationAsked,
    ModelDetail,
    ModelPage,
    ModelRow,
    Stage,
    TrainingAsked,
    TrainModelNow,
)
from contracts.tenants import Principal, Role
from db import models
from db.transaction import transaction

router = APIRouter(prefix="/v1/models", tags=["learning"])
Reader = Annotated[Principal, Depends(require(Role.VIEWER))]
Operator = Annotated[Principal, Depends(require(Role.OPS))]
Starter = Annotated[Principal, Depends(starting(Role.OPS))]


@router.get("")
async def list_models(
    principal: Reader,
    pool: PoolDep,
    page: PageDep,
    stage: Annotated[Stage | None, Query(description="only versions in this stage")] = None,
) -> ModelPage:
    """Versions, newest first, with the figures of their newest evaluation."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        found = await models.list_(tx, principal.tenant_id, before=before(page), stage=stage, limit=page.limit + 1)
    items = found[: page.limit]
    return ModelPage(items=items, next_cursor=str(items[-1].id) if len(found) > page.limit else None)


@router.post("", status_code=202, responses=problems(429))
async def train(body: TrainModelNow, principal: Starter, pool: PoolDep, wake: WakeDep) -> TrainingAsked:
    """Train a version on what has matured. It stands in SHADOW, is judged, and decides once it passes the gate."""
    async with transaction(pool, principal.tenant_id) as tx:
        run_id, _ = await models.request_training(
            tx, principal.tenant_id, body, triggered_by="api", requested_by=principal.name
        )
    wake.soon()
    return TrainingAsked(run_id=run_id)


@router.get("/{model_id}", responses=problems(404))
async def show(model_id: UUID, principal: Reader, pool: PoolDep) -> ModelDetail:
    """One version: coefficients, how it was made, and every evaluation with its curves."""
    async with transaction(pool, principal.tenant_id, read_only=True) as tx:
        return await models.show(tx, principal.tenant_id, model_id)


@router.patch("/{model_id}", responses=problems(404, 409))
async def change(model_id: UUID, body: ChangeModel, principal: Operator, pool: PoolDep) -> ModelRow:
    """Set the share of leads a SHADOW version decides (A/B)."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await models.split(tx, principal.tenant_id, model_id, body.traffic, by=principal.name)


@router.post("/{model_id}/evaluations", status_code=202, responses=problems(404, 429))
async def evaluate(model_id: UUID, principal: Starter, pool: PoolDep, wake: WakeDep) -> EvaluationAsked:
    """Hold a version against what came true by now; the result will stand on it."""
    async with transaction(pool, principal.tenant_id) as tx:
        cause = await models.request_evaluation(tx, principal.tenant_id, model_id)
    wake.soon()
    return EvaluationAsked(cause=cause)


@router.post("/{model_id}/promote", responses=problems(404, 409))
async def promote(model_id: UUID, body: Decide, principal: Operator, pool: PoolDep) -> ModelRow:
    """Let a version decide; the one before is archived with it. Only past the gate, unless forced with a reason."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await models.promote(
            tx, principal.tenant_id, model_id, by=principal.name, reason=body.reason, force=body.force
        )


@router.post("/{model_id}/archive", responses=problems(404, 409))
async def archive(model_id: UUID, body: Decide, principal: Operator, pool: PoolDep) -> ModelRow:
    """Take a version out of use. Where it decided, rules alone do until another is promoted."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await models.archive(tx, principal.tenant_id, model_id, by=principal.name, reason=body.reason)


@router.post("/{model_id}/rollback", responses=problems(404, 409))
async def rollback(model_id: UUID, body: Decide, principal: Operator, pool: PoolDep) -> ModelRow:
    """Take back the promotion of the version that decides: whoever decided before does again. Shows the version that was left."""
    async with transaction(pool, principal.tenant_id) as tx:
        return await models.undo(
            tx, principal.tenant_id, model_id, by=principal.name, reason=body.reason or f"asked by {principal.name}"
        )
