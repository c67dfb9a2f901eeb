"""What may be asked for: the body of a run, and the settings of a process."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.providers import PROVIDER_ALIASES, Channel
from contracts.runs import CreateRun, RunStatus
from contracts.settings import Settings
from db.runs import params_of


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def settings(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_defaults_are_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    # S0.03 S2.03
    s = settings(monkeypatch)
    assert (s.discovery_runner_enabled, s.discovery_max_companies_per_run, s.discovery_max_queries) == (False, 50, 10)
    assert (s.discovery_max_runtime_seconds, s.discovery_channels, s.api_port) == (300, ("google", "keyword"), 5050)
    assert (s.default_tenant_slug, s.outbox_max_attempts, s.job_secret) == ("well-crafted", 5, None)
    assert s.dispatch_poll_s <= 5  # R8


@pytest.mark.parametrize(
    ("value", "enabled"), [("true", True), ("True", False), ("TRUE", False), ("1", False), ("yes", False), ("", False)]
)
def test_only_the_exact_word_enables_the_runner(monkeypatch: pytest.MonkeyPatch, value: str, enabled: bool) -> None:
    # S0.03
    assert settings(monkeypatch, DISCOVERY_RUNNER_ENABLED=value).discovery_runner_enabled is enabled


def test_channels_are_a_trimmed_list(monkeypatch: pytest.MonkeyPatch) -> None:
    # S0.03
    assert settings(monkeypatch, DISCOVERY_CHANNELS=" google , register,").discovery_channels == ("google", "register")
    with pytest.raises(ValidationError, match="unknown channel"):
        settings(monkeypatch, DISCOVERY_CHANNELS="google,carrier pigeon")


def test_two_secrets_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # R4
    one = settings(monkeypatch, CRON_JOB_SECRET="a")
    assert one.job_secret is not None
    assert one.job_secret.get_secret_value() == "a"
    both = settings(monkeypatch, CRON_JOB_SECRET="a", CRON_SECRET="a")
    assert both.job_secret is not None
    with pytest.raises(ValidationError, match="differ") as refused:
        settings(monkeypatch, CRON_JOB_SECRET="tell nobody", CRON_SECRET="b")
    assert "tell nobody" not in str(refused.value)


@pytest.mark.parametrize("name", ["DISCOVERY_MAX_COMPANIES_PER_RUN", "DISCOVERY_MAX_QUERIES", "DISPATCH_POLL_S"])
@pytest.mark.parametrize("value", ["0", "-1", "many", "99999999999"])
def test_numbers_are_bounded(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name.lower()):
        settings(monkeypatch, **{name: value})


def test_a_secret_is_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hush" not in repr(settings(monkeypatch, CRON_SECRET="hush", TAVILY_API_KEY="hush", JWT_SECRET="hush" * 9))


def test_nothing_asked_for_means_the_settings_and_the_five_queries() -> None:
    # S0.10
    params = params_of(CreateRun(), Settings())
    assert params.channels == (Channel.GOOGLE, Channel.KEYWORD)
    assert params.queries == (
        "corporate clothing suppliers South Africa", "workwear manufacturers Johannesburg",
        "promotional clothing companies Cape Town", "uniform suppliers Botswana", "branded apparel South Africa",
    )  # fmt: skip
    assert (params.max_companies, params.max_queries, params.max_runtime_seconds) == (50, 10, 300)


@pytest.mark.parametrize(
    "body",
    [
        {"channels": []}, {"channels": ["fax"]}, {"provider": "nobody"}, {"channels": ["google"], "provider": "google"},
        {"limit": 0}, {"limit": 100_001}, {"limit": 2**70}, {"max_companies": -1}, {"max_queries": 0}, {"mode": "hourly"},
        {"queries": []}, {"queries": [""]}, {"queries": ["x" * 301]}, {"queries": ["a\x00b"]}, {"cursor": "20"},
        {"provider": "gleif", "cursor": "20", "queries": ["a", "b"]}, {"icp_profile_id": "7"}, {"surprise": 1},
    ],
    ids=str,
)  # fmt: skip
def test_what_makes_no_sense_is_refused(body: dict[str, Any]) -> None:
    # S2.14
    with pytest.raises(ValidationError):
        CreateRun.model_validate(body)


def test_both_spellings_are_read() -> None:
    # R24
    camel = CreateRun.model_validate({"maxCompanies": 3, "dryRun": True, "maxRuntimeSeconds": 9})
    assert camel == CreateRun.model_validate({"max_companies": 3, "dry_run": True, "max_runtime_seconds": 9})


@pytest.mark.parametrize(("provider", "channel"), PROVIDER_ALIASES.items())
def test_a_provider_is_a_channel_by_another_name(provider: str, channel: Channel) -> None:
    # R23 S2.02
    assert CreateRun(provider=provider.upper()).chosen_channels(()) == (channel,)


def test_a_run_has_one_set_of_states() -> None:
    # R1
    assert [s.value for s in RunStatus] == ["pending", "running", "completed", "partial", "failed", "cancelled"]
    assert [s.value for s in RunStatus if s.ended] == ["completed", "partial", "failed", "cancelled"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:{secret}/x@host:5432/db",
        "postgresql://u:{secret}#x@host:5432/db",
        "postgresql://u:{secret}?x@host:5432/db",
        "postgresql://u:{secret}@host:port/db",
        "mysql://u:{secret}@host/db",
        "u:{secret}@host/db",
        "postgresql://u:x@host:{secret}/db",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_showing_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(monkeypatch, DATABASE_URL=url.format(secret="hunter2"))
    assert "%2F for /" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://headwater@127.0.0.1:5432/postgres",
        "postgres://u:p%2Fq@host",
        "postgresql://u:p@one:5432,two:5433/db?target_session_attrs=primary",
        "postgresql://u:a@b:c@[::1]:5432/db?sslmode=require",
        "postgresql:///db?host=/run/postgresql",
    ],
)
def test_every_form_of_address_is_read(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert settings(monkeypatch, DATABASE_URL=url).database_url == url
