"""`headwater discover`: the daily discovery run by hand, to its end (S0.17)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer

from contracts.errors import Forbidden
from contracts.outcomes import stats_of
from contracts.runs import CreateRun, RunMode, RunStatus, RunView
from contracts.settings import Settings
from db import discovery_queries, queue, runs
from db.run_commands import until_ended
from db.terminal import JsonOption, as_owner, operator, print_fields, run
from db.transaction import DbRole, Pool, Tx, transaction

#: How long after its time budget a run is given up on, in seconds.
PATIENCE_S = 60.0
_MODES: tuple[RunMode, ...] = ("daily", "manual", "test")


def discover(
    dry_run: Annotated[
        bool | None, typer.Option("--dry-run/--real", help="Count what would happen and change nothing, or do it.")
    ] = None,
    max_companies: Annotated[int | None, typer.Option(min=1, max=100_000, help="Companies to create at most.")] = None,
    mode: Annotated[str, typer.Option(help="daily, manual or test.")] = "test",
    tenant: Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")] = None,
    json: JsonOption = False,
) -> None:
    """Run the discovery as its schedule would, wait for it, print its stats; status 1 if it failed. A worker must run.

    Only while DISCOVERY_RUNNER_ENABLED is `true`; `headwater runs create` is not bound to that.
    """
    if dry_run is None:
        raise typer.BadParameter("say --dry-run or --real", param_hint="--dry-run/--real")
    if mode not in _MODES:
        raise typer.BadParameter(f"choose from {', '.join(_MODES)}", param_hint="--mode")
    body = CreateRun(dry_run=dry_run, max_companies=max_companies, mode=mode)

    async def start(tx: Tx, owner: UUID) -> tuple[UUID, UUID]:
        return owner, await _start(tx, owner, body, Settings())

    owner, run_id = as_owner(tenant, start)
    _print(run(lambda pool, settings: _ended(pool, settings, owner, run_id)), json)


async def _start(tx: Tx, owner: UUID, body: CreateRun, settings: Settings) -> UUID:
    if not settings.discovery_runner_enabled:
        raise Forbidden(
            'the discovery runner is disabled: set DISCOVERY_RUNNER_ENABLED to "true"', code="runner_disabled"
        )
    params = await discovery_queries.params_of(tx, owner, body, settings)
    run_id, _ = await runs.start(
        tx, owner, params, mode=body.mode, dry_run=body.dry_run, triggered_by="test-script", requested_by=operator()
    )
    if not body.dry_run:
        await discovery_queries.note_use(tx, owner, params)
    return run_id


async def _ended(pool: Pool, settings: Settings, owner: UUID, run_id: UUID) -> RunView:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await queue.wake(tx, queue.OUTBOX_CHANNEL)
    patience_s = settings.discovery_max_runtime_seconds + PATIENCE_S
    return await until_ended(pool, owner, run_id, quiet=True, patience_s=patience_s)


def _print(shown: RunView, json: bool) -> None:
    told: dict[str, Any] = {
        "success": shown.status in (RunStatus.COMPLETED, RunStatus.PARTIAL), "runId": str(shown.id), "status": shown.status.value,
        "dryRun": shown.dry_run, "stats": stats_of(shown),
    }  # fmt: skip
    if json:
        from json import dumps

        typer.echo(dumps(told, indent=2))
    else:
        print_fields(shown, ("id", "status", "dry_run", "error_code", "error", "stop_reason"))
        for name, value in told["stats"].items():
            typer.echo(f"{name:<17}  {value}")
    if not told["success"]:
        raise typer.Exit(1)
