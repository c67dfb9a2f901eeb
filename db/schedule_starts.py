"""What each kind of schedule starts: a function a kind, in the transaction that fires it. The system role acts, for one tenant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from contracts.analytics import RequestRollup
from contracts.runs import CreateRun
from contracts.schedules import JobParams, NightlyParams, RollupParams, ScheduleKind, checked_params
from contracts.settings import Settings
from db import (
    analytics,
    business_jobs,
    discovery_queries,
    matching,
    models,
    nights,
    opportunities,
    profiles,
    retention,
    runs,
    staging,
)
from db.transaction import Tx

#: Who started a run that a schedule did (S0.01).
TRIGGER = "cron"


@dataclass(frozen=True, slots=True)
class Occasion:
    """One occurrence of one schedule."""

    tenant: UUID
    name: str
    kind: ScheduleKind
    params: Mapping[str, Any]
    due_at: datetime

    @property
    def key(self) -> str:
        """The name under which its run may exist once."""
        return f"{self.name}:{self.due_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    @property
    def by(self) -> str:
        return f"schedule:{self.name}"


@dataclass(frozen=True, slots=True)
class Began:
    """What was begun: a run, or something that `note` names."""

    run_id: UUID | None = None
    note: str | None = None


Starter = Callable[[Tx, Settings, Occasion], Awaitable[Began]]


async def start(tx: Tx, settings: Settings, occasion: Occasion) -> Began:
    """Begin what an occurrence is for. Raises: Rejected when that is refused; anything else is worth another try."""
    return await STARTERS[occasion.kind](tx, settings, occasion)


def closed(kind: ScheduleKind, settings: Settings, slug: str) -> str | None:
    """Why the settings let nothing of that kind begin for that tenant (R25, S3.08); None: they do."""
    if kind == "discovery" and not settings.discovery_runner_enabled:
        return "DISCOVERY_RUNNER_ENABLED is not true"
    if kind == "nightly" and not settings.sched_enabled:
        return "SCHED_ENABLED is false"
    if kind == "nightly" and not nights.takes_part(settings, slug):
        return "SCHED_TENANT_INCLUDE or SCHED_TENANT_EXCLUDE leaves this tenant out"
    if kind == "opportunities" and settings.sam_api_key is None:
        return "SAM_API_KEY is not set"
    return None


async def _discovery(tx: Tx, settings: Settings, occasion: Occasion) -> Began:
    body = checked_params("discovery", occasion.params)
    assert isinstance(body, CreateRun)
    await profiles.require_open(tx, occasion.tenant, body.icp_profile_id)
    params = await discovery_queries.params_of(tx, occasion.tenant, body, settings)
    run_id, is_new = await runs.start(
        tx, occasion.tenant, params, mode="daily", dry_run=body.dry_run, triggered_by=TRIGGER, requested_by=occasion.by,
        occurrence_key=occasion.key,
    )  # fmt: skip
    if is_new and not body.dry_run:
        await discovery_queries.note_use(tx, occasion.tenant, params)
    return Began(run_id)


async def _nightly(tx: Tx, settings: Settings, occasion: Occasion) -> Began:
    asked = checked_params("nightly", occasion.params)
    assert isinstance(asked, NightlyParams)
    # One night a tenant and day: its occurrence key is the day's, whoever starts it.
    run_id, _ = await nights.start(
        tx, settings, occasion.tenant, triggered_by=TRIGGER, dry_run=asked.dry_run, requested_by=occasion.by,
        limit=asked.limit, skip=tuple(asked.skip),
    )  # fmt: skip
    return Began(run_id)


async def _job(tx: Tx, settings: Settings, occasion: Occasion) -> Began:  # noqa: ARG001
    asked = checked_params("job", occasion.params)
    assert isinstance(asked, JobParams)
    run_id, _ = await business_jobs.start(
        tx, occasion.tenant, asked.job, triggered_by=TRIGGER, dry_run=asked.dry_run, requested_by=occasion.by,
        occurrence_key=occasion.key,
    )  # fmt: skip
    return Began(run_id)


async def _rollup(tx: Tx, settings: Settings, occasion: Occasion) -> Began:  # noqa: ARG001
    asked = checked_params("rollup", occasion.params)
    assert isinstance(asked, RollupParams)
    today = await analytics.today(tx)
    body = RequestRollup.model_validate({"from": today - timedelta(days=asked.days - 1), "to": today})
    run_id = await analytics.request_rollup(
        tx, occasion.tenant, body, by=occasion.by, triggered_by=TRIGGER, occurrence_key=occasion.key
    )
    return Began(run_id)


async def _models(tx: Tx, settings: Settings, occasion: Occasion) -> Began:  # noqa: ARG001
    count = await models.request_check(tx, occasion.tenant, occasion.key)
    return Began(note=f"{count} model versions are looked at")


async def _matching(tx: Tx, settings: Settings, occasion: Occasion) -> Began:  # noqa: ARG001
    return Began(note=f"{await matching.request_scan(tx, occasion.tenant)} companies wait to be compared")


async def _opportunities(tx: Tx, settings: Settings, occasion: Occasion) -> Began:  # noqa: ARG001
    run_id, is_new = await opportunities.request_run(
        tx, triggered_by=TRIGGER, requested_by=occasion.by, mode="daily", occurrence_key=occasion.key
    )
    return Began(run_id, None if is_new else "one was under way already")


async def _register(tx: Tx, settings: Settings, occasion: Occasion) -> Began:
    run_id = await staging.start_pull(
        tx, settings.acra_datasets, by_pages=False, triggered_by=TRIGGER, requested_by=occasion.by
    )
    return Began(run_id)


async def _cleanup(tx: Tx, settings: Settings, occasion: Occasion) -> Began:  # noqa: ARG001
    return Began(note=f"{await retention.ask(tx)} tables are gone through by the next round of a worker")


STARTERS: Mapping[ScheduleKind, Starter] = {
    "discovery": _discovery,
    "nightly": _nightly,
    "job": _job,
    "rollup": _rollup,
    "models": _models,
    "matching": _matching,
    "opportunities": _opportunities,
    "register": _register,
    "cleanup": _cleanup,
}
