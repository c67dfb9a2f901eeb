"""A run's end opens, counts and resolves alerts: once, with the figures it was judged by."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.outcomes import Outcome
from contracts.runs import CreateRun, RunStatus
from db import runs
from db.transaction import transaction
from tests.alerting.house import House


async def _fails(house: House) -> UUID:
    """A real run, from its start to its failure."""
    params = runs.params_of(CreateRun(), house.settings)
    async with transaction(house.pool, house.tenant) as tx:
        run_id, _ = await runs.start(tx, house.tenant, params, mode="manual", dry_run=False, triggered_by="api")
        await runs.begin(tx, house.tenant, run_id, 60)
    async with transaction(house.pool, house.tenant) as tx:
        await runs.end(tx, house.tenant, run_id, Outcome(RunStatus.FAILED, "error", "every slice failed"))
    return run_id


async def test_two_failing_runs_are_an_alert_and_a_good_one_ends_it(house: House) -> None:
    # S0.19 S4.07 S4.08: from the failure to the alert it takes one job
    first = await _fails(house)
    await house.work()
    assert await house.open() == {}
    second = await _fails(house)
    ran = await house.work()
    assert ran.count("alerts.evaluate") == 1
    alert = (await house.open())["run.consecutive_failures"]
    assert (alert.severity, alert.scope, alert.state, alert.count) == ("critical", "discovery", "open", 1)
    assert alert.evidence["failures"] == 2
    assert alert.evidence["runs"] == [str(second), str(first)]
    assert 0 <= alert.evidence["detected_after_s"] < 3600
    third = await _fails(house)
    await house.work()
    again = (await house.open())["run.consecutive_failures"]
    assert (again.id, again.count, again.evidence["failures"]) == (alert.id, 2, 3)
    await house.ends()
    assert "run.consecutive_failures" not in await house.open()
    over = await house.detail(alert.id)
    assert (over.state, over.resolved_by) == ("resolved", None)
    assert [run.id for run in over.runs] == [third, second, first]
    assert {run.status for run in over.runs} == {"failed"}


async def test_an_end_is_looked_at_once_however_often_it_is_told(house: House) -> None:
    # S4.07
    await house.ended("failed", ago_s=60)
    run = await house.ended("failed")
    assert await house.tell_end(run, "failed") == ["alerts.evaluate"]
    assert await house.tell_end(run, "failed") == []
    assert (await house.open())["run.consecutive_failures"].count == 1
    assert await house.tell_end(run, "cancelled") == []


@pytest.mark.parametrize(
    ("rule", "how"),
    [
        ("run.slow", {"took_s": 60.0}),
        ("run.error_rate", {"errors": 6}),
        ("run.zero_records", {"items": 0}),
        ("run.excess_records", {"items": 400}),
        ("slo.error_rate", {"errors": 40}),
    ],
)
async def test_each_rule_opens_with_its_baseline_and_resolves_itself(
    house: House, rule: str, how: dict[str, Any]
) -> None:
    # S4.06 S4.07 R12
    await house.usual()
    run = await house.ends(**how)
    alert = (await house.open())[rule]
    assert alert.severity == "warning"
    assert alert.evidence.get("run", str(run)) == str(run)
    assert {"n", "min_items"} & set(alert.evidence)
    assert [key for key in alert.evidence if key.startswith("threshold")]
    detail = await house.detail(alert.id)
    assert detail.summary.startswith("discovery: ")
    if "baseline_runs" in alert.evidence:
        assert len(detail.runs) == 11
        assert detail.runs[0].id == run
    for _ in range(9 if rule == "slo.error_rate" else 1):
        await house.ends(items=500 if rule == "slo.error_rate" else 50)
    assert rule not in await house.open()


async def test_business_jobs_are_judged_each_by_itself_and_against_thirty_seconds(house: House) -> None:
    # S4.06 S4.08 R12
    await house.usual(kind="job", job="accounts.burn_rates", took_s=9.0)
    await house.ends(kind="job", job="accounts.triggers", took_s=31.0)
    found = await house.open()
    assert found["slo.duration"].scope == "job:accounts.triggers"
    assert "run.slow" not in found, "another job is no baseline"
    await house.ends(kind="job", job="accounts.burn_rates", took_s=29.0)
    found = await house.open()
    assert found["run.slow"].scope == "job:accounts.burn_rates"
    assert found["slo.duration"].scope == "job:accounts.triggers"
    await house.ends(kind="job", job="accounts.triggers", took_s=3.0)
    assert "slo.duration" not in await house.open()


async def test_failed_business_jobs_in_thirty_days_burn_the_promise(house: House) -> None:
    # S4.06
    await house.usual(30, kind="job", job="accounts.triggers")
    await house.ends("failed", kind="job", job="accounts.triggers")
    assert "slo.success_rate" not in await house.open()
    await house.ends(kind="job", job="accounts.triggers")
    await house.ends("failed", kind="job", job="accounts.triggers")
    alert = (await house.open())["slo.success_rate"]
    assert (alert.evidence["failed"], alert.evidence["n"], alert.evidence["days"]) == (2, 33, 30)


async def test_dry_and_cancelled_runs_neither_raise_nor_count(house: House) -> None:
    # S4.07
    await house.usual(5)
    await house.ended("failed", ago_s=60)
    await house.ends("failed", dry=True)
    await house.ends("cancelled")
    await house.ends(dry=True, took_s=600, items=0)
    assert await house.open() == {}
    await house.ends("failed")
    assert "run.consecutive_failures" in await house.open(), "what stands between does not break the row"


async def test_an_older_run_that_is_looked_at_late_ends_nothing(house: House) -> None:
    await house.usual(5)
    older = await house.ended(ago_s=600)
    await house.ends(took_s=90)
    await house.tell_end(older)
    assert "run.slow" in await house.open()
