"""Business jobs as runs of kind `job`: started, and told what they came to."""

from __future__ import annotations

from uuid import UUID

from contracts.accounts import BusinessJob
from contracts.runs import RunParams
from db import runs
from db.access import audit
from db.transaction import Tx

#: Time one run may take, in seconds: ten times the 30 s that the documents give a job (S4.08).
RUNTIME_S = 300


async def start(
    tx: Tx,
    tenant: UUID,
    name: BusinessJob,
    *,
    triggered_by: str,
    dry_run: bool = False,
    requested_by: str | None = None,
    occurrence_key: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[UUID, bool]:
    """Write a run of this job and its event in the caller's transaction. Returns (id, is it new).

    The second start of one occurrence hands back the first run. Occurrence keys of two jobs never meet: each is prefixed with its job.
    """
    params = RunParams(
        channels=(), queries=(), max_companies=1, max_queries=1, max_runtime_seconds=RUNTIME_S, page_size=1, job=name
    )
    run_id, new = await runs.start(
        tx, tenant, params, mode="daily" if triggered_by in ("cron", "schedule") else "manual", dry_run=dry_run,
        triggered_by=triggered_by, kind="job", requested_by=requested_by,
        occurrence_key=None if occurrence_key is None else f"{name}:{occurrence_key}", headers=headers,
    )  # fmt: skip
    if new and requested_by is not None:
        await audit(tx, tenant, requested_by, "job.requested", "run", str(run_id), {"job": name}, run_id)
    return run_id, new
