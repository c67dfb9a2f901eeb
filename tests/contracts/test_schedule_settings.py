"""Settings of schedules and nights, and the schedules that follow from them (S3.08)."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.settings import Settings
from contracts.timing import standing


def settings(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_defaults_are_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    # S3.08
    found = settings(monkeypatch)
    assert (found.sched_enabled, found.sched_start_cron) == (True, "0 1 * * *")
    assert (found.sched_tenant_concurrency, found.sched_company_concurrency, found.daily_cap[0]) == (3, 8, 20)
    assert (found.sched_tenant_include, found.sched_tenant_exclude) == ((), ())


def test_lists_are_trimmed_and_the_cap_has_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    # S3.08
    found = settings(monkeypatch, SCHED_TENANT_INCLUDE=" a , b,", SCHED_TENANT_EXCLUDE="c", SHORTLIST_DAILY_CAP="7")
    assert (found.sched_tenant_include, found.sched_tenant_exclude, found.daily_cap[0]) == (("a", "b"), ("c",), 7)
    assert settings(monkeypatch, SCHED_DAILY_CAP_PER_TENANT="9").daily_cap[0] == 9


@pytest.mark.parametrize(
    "environment",
    [
        {"SCHED_START_CRON": "at one"},
        {"SCHED_DAILY_CAP_PER_TENANT": "9", "SHORTLIST_DAILY_CAP": "7"},
        {"SCHED_TENANT_CONCURRENCY": "0"},
    ],
)
def test_what_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch, environment: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(monkeypatch, **environment)


def test_the_standing_schedules_are_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    # S0.13 R7
    found = {each.name: (each.kind, each.cron, each.zone) for each in standing(settings(monkeypatch))}
    assert found["daily-discovery"] == ("discovery", "0 6 * * *", "Etc/UTC")
    assert found["daily-cleanup"][0] == "cleanup"
