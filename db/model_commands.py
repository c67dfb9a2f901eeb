"""`headwater models`: list, show, train, evaluate, promote, archive, rollback, split."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import typer

from contracts.errors import Conflict
from contracts.learning import EvaluationAsked, ModelDetail, ModelPage, ModelRow, TrainingAsked, TrainingConfig
from contracts.settings import Settings
from db import models
from db.terminal import (
    JsonOption,
    TenantOption,
    as_owner,
    ask,
    operator,
    print_fields,
    print_json,
    print_table,
    wake_dispatchers,
)  # fmt: skip
from db.transaction import Tx

models_app = typer.Typer(no_args_is_help=True, help="Model versions: train, judge, promote, roll back.")

OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
ModelArgument = Annotated[UUID, typer.Argument(metavar="MODEL", help="Id of the version.")]
ReasonOption = Annotated[str | None, typer.Option(help="Why; stands in the audit log.")]
_LISTED = ("id", "version", "stage", "traffic", "trained_to", "stage_at", "reason")


@models_app.command("list")
def list_models(
    tenant: TenantOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many of a tenant.")] = 50,
    json: JsonOption = False,
) -> None:
    """Versions, newest first."""

    async def work(tx: Tx, owners: list[UUID], _: Settings) -> ModelPage:
        rows = [r for owner in owners for r in await models.list_(tx, owner, limit=limit)]
        return ModelPage(items=rows, next_cursor=None)

    found = ask(work, tenant)
    if json:
        print_json(found)
    else:
        print_table(found.items, _LISTED, empty="no version yet: headwater models train makes one")


@models_app.command("show")
def show_model(model: ModelArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """One version: figures, curves, every evaluation, the heaviest columns."""

    async def work(tx: Tx, owner: UUID) -> ModelDetail:
        return await models.show(tx, owner, model)

    found = as_owner(tenant, work)
    if json:
        print_json(found)
        return
    print_fields(found, ("id", "family", *_LISTED[1:]))
    for name, value in found.figures.items():
        typer.echo(f"{name:16}{value:.4f}" if isinstance(value, float) else f"{name:16}{value}")
    typer.echo("")
    print_table(found.evaluations, ("created_at", "decision", "passed", "reason"), empty="not judged yet")
    if found.evaluations:
        for each in found.evaluations[0].metrics.get("calibration", ()):
            typer.echo(f"said {each['said']:.3f}, was {each['was']:.3f} of {each['rows']:.0f}")


@models_app.command("train")
def train_model(
    target: Annotated[str, typer.Option(help="`qualified` or `won`: what counts as positive.")] = "qualified",
    maturity_days: Annotated[float, typer.Option(min=0, max=3650, help="Younger leads tell nothing yet.")] = 90,
    young: Annotated[
        bool,
        typer.Option("--young", help="Learn from younger leads too, positives weighted by 1/F(age); judged later."),
    ] = False,
    manual: Annotated[bool, typer.Option("--manual", help="A person promotes it, not the gate by itself.")] = False,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Train a version on what has matured. A worker must run for anything to happen."""
    if target not in ("qualified", "won"):
        raise typer.BadParameter("say qualified or won", param_hint="--target")
    wanted: Literal["qualified", "won"] = "won" if target == "won" else "qualified"
    config = TrainingConfig(
        target=wanted,
        maturity_days=maturity_days,
        auto_promote=not manual,
        label_delay="weighted" if young else "mature",
    )

    async def work(tx: Tx, owner: UUID) -> TrainingAsked:
        run_id, _ = await models.request_training(tx, owner, config, triggered_by="cli", requested_by=operator())
        return TrainingAsked(run_id=run_id)

    asked = as_owner(tenant, work)
    wake_dispatchers()
    if json:
        print_json(asked)
    else:
        typer.echo(f"run {asked.run_id}: headwater runs show {asked.run_id}")


@models_app.command("evaluate")
def evaluate_model(model: ModelArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Hold a version against what came true by now."""

    async def work(tx: Tx, owner: UUID) -> EvaluationAsked:
        return EvaluationAsked(cause=await models.request_evaluation(tx, owner, model))

    asked = as_owner(tenant, work)
    wake_dispatchers()
    if json:
        print_json(asked)
    else:
        typer.echo(f"asked for: headwater models show {model}")


@models_app.command("promote")
def promote_model(
    model: ModelArgument,
    force: Annotated[bool, typer.Option("--force", help="Past the gate; needs --reason.")] = False,
    reason: ReasonOption = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Let a version decide; the one before is archived with it."""

    async def work(tx: Tx, owner: UUID) -> ModelRow:
        return await models.promote(tx, owner, model, by=operator(), reason=reason, force=force)

    _print(as_owner(tenant, work), json)


@models_app.command("archive")
def archive_model(
    model: ModelArgument, reason: ReasonOption = None, tenant: OwnerOption = None, json: JsonOption = False
) -> None:
    """Take a version out of use."""

    async def work(tx: Tx, owner: UUID) -> ModelRow:
        return await models.archive(tx, owner, model, by=operator(), reason=reason)

    _print(as_owner(tenant, work), json)


@models_app.command("rollback")
def rollback_model(
    reason: Annotated[str, typer.Option(help="Why; stands in the audit log.")] = "asked at the command line",
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Take the version that decides out of use; whoever decided before does again."""

    async def work(tx: Tx, owner: UUID) -> ModelRow:
        current = await models.active(tx, owner)
        if current is None:
            raise Conflict("no version decides: there is nothing to roll back", code="nothing_active")
        return await models.undo(tx, owner, current, by=operator(), reason=reason)

    _print(as_owner(tenant, work), json)


@models_app.command("split")
def split_model(
    model: ModelArgument,
    traffic: Annotated[float, typer.Argument(min=0, max=1, help="Share of leads this SHADOW version decides.")],
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Share the leads between the ACTIVE version and one in SHADOW."""

    async def work(tx: Tx, owner: UUID) -> ModelRow:
        return await models.split(tx, owner, model, traffic, by=operator())

    _print(as_owner(tenant, work), json)


def _print(shown: ModelRow, json: bool) -> None:
    if json:
        print_json(shown)
    else:
        print_fields(shown, ("id", *_LISTED[1:]))
