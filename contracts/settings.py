"""Every setting, read from the environment once per process. A missing or contradictory one is named at start-up.

The README's settings table is checked against this class by a test.
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from contracts import faults
from contracts.accounts import AccountRules
from contracts.night_settings import NightSettings
from contracts.providers import Channel
from contracts.schedule_settings import ScheduleSettings
from contracts.stream_settings import StreamSettings
from contracts.vendor_settings import CrawlSettings, Csv, VendorSettings

#: Scheme, then user and password, then hosts with their ports, then a database without an @, then parameters.
_POSTGRES_URL = re.compile(
    r"postgres(?:ql)?://(?:[^/?#]*@)?(?:(?:\[[^\]/@]*\]|[^\[\]/?#@:,]*)(?::\d*)?(?:,|(?=[/?]|$)))*(?:/[^?#@]*)?(?:\?[^#]*)?"
)


class Settings(VendorSettings, CrawlSettings, ScheduleSettings, NightSettings, StreamSettings):
    """Names are the environment's, lower-cased. Durations end in `_s` (seconds) unless a document fixed the name."""

    model_config = SettingsConfigDict(env_prefix="", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    env: str = Field("dev", max_length=40, description="name of the installation, in every log line")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"

    database_url: str | None = Field(None, description="a Postgres >= 15; absent: the embedded server")
    headwater_pg: Literal["auto", "embedded", "docker", "system"] = Field(
        "auto", description="which Postgres to bring along when no URL is given"
    )
    headwater_data: str = Field(".data", description="folder of the embedded server and generated secrets")
    database_direct_url: str | None = Field(
        None,
        description="the same database without the pooler of DATABASE_URL: for LISTEN and migrations; absent: polling",
    )
    db_pool_size: int = Field(10, ge=1, le=200)
    db_command_timeout_s: float = Field(30, gt=0, le=3600)

    api_host: str = "127.0.0.1"
    api_port: int = Field(5050, ge=0, le=65535)
    api_max_body_bytes: int = Field(1_048_576, ge=1024, le=104_857_600)
    api_body_timeout_s: float = Field(
        10, gt=0, le=600, description="how long a client may take to send headers or body, or to take its answer"
    )
    api_trusted_proxies: str = Field(
        "", max_length=1000, description="addresses (CSV) whose X-Forwarded-For is believed; empty: nobody's"
    )
    readyz_requires_worker: bool = Field(False, description="/readyz fails while no worker dispatches")
    jwt_secret: SecretStr | None = Field(None, min_length=32, description="signs access tokens; at least 32 characters")
    access_token_s: int = Field(900, ge=30, le=86_400)
    refresh_token_s: int = Field(30 * 86_400, ge=60, le=366 * 86_400)
    login_attempts: int = Field(10, ge=1, le=1000, description="failed logins per account and address in the window")
    login_window_s: int = Field(900, ge=1, le=86_400)

    default_tenant_slug: str = Field("well-crafted", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    default_tenant_id: UUID | None = None
    bootstrap_email: str | None = Field(None, max_length=320, description="first owner, created when no user exists")
    bootstrap_password: SecretStr | None = None

    account_rules: Annotated[AccountRules, NoDecode] = Field(
        default_factory=AccountRules,
        description="thresholds of the business jobs, as JSON; what is left out is as documented",
    )

    cron_job_secret: SecretStr | None = None
    cron_secret: SecretStr | None = None

    discovery_runner_enabled: bool = Field(False, description='only the exact string "true" enables')
    discovery_max_companies_per_run: int = Field(50, ge=1, le=100_000)
    discovery_max_queries: int = Field(10, ge=1, le=1000)
    discovery_max_runtime_seconds: int = Field(300, ge=1, le=86_400)
    discovery_channels: Csv = ("google", "keyword")
    discovery_page_size: int = Field(20, ge=1, le=200)

    score_min_export: float = Field(
        0.66, ge=0, le=1, description="a lead at or above this score becomes a lead in the CRM (R10)"
    )
    score_rationale_model: bool = Field(
        False,
        description="a language model may rephrase rationales; policy `score_rationale_model` decides for a tenant",
    )
    enrich_discovered: bool = Field(
        False, description="leads that runs discover are enriched at once, not when a night chooses them"
    )

    worker_concurrency: int = Field(50, ge=1, le=1000)
    worker_dead_after_s: float = Field(3.0, gt=0.2, le=600, description="a heartbeat older than this is a dead worker")
    worker_heartbeat_s: float = Field(0.75, gt=0.05, le=60)
    worker_drain_s: float = Field(30.0, ge=0, le=3600, description="how long SIGTERM waits for running jobs")
    dispatch_batch: int = Field(500, ge=1, le=10_000)
    dispatch_poll_s: float = Field(2.0, gt=0.01, le=5)
    dispatch_tenant_buffer: int = Field(
        200, ge=0, le=100_000, description="queued executions a tenant may have standing; 0: no limit"
    )
    outbox_max_waiting: int = Field(
        100_000, ge=0, le=10_000_000,
        description="due events of a tenant from which on requests that start work are answered 429; 0: no limit",
    )  # fmt: skip
    outbox_max_attempts: int = Field(5, ge=1, le=100)
    webhook_signing_key: SecretStr | None = Field(
        None, min_length=32, description="the secrets of tenants' webhooks are derived from it; at least 32 characters"
    )
    webhook_timeout_s: float = Field(10.0, gt=0.1, le=120, description="how long a webhook may take to answer")
    webhook_allow_loopback: bool = Field(
        False, description="webhooks may go to http on this machine: for tests and the sandbox, never in production"
    )
    sentry_dsn: SecretStr | None = Field(
        None, description="errors that nobody caught are sent to this project of Sentry; absent: nowhere"
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s@]+$",
        description="traces go to this collector, by OTLP over HTTP; absent: nowhere",
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        None, description="sent along to the collector: NAME=VALUE, comma-separated, values percent-encoded"
    )
    otel_traces_sampler_arg: float = Field(
        1.0, ge=0, le=1, description="share of traces that are kept; a caller's own mark goes before it"
    )
    smtp_url: SecretStr | None = Field(
        None, description="the mail server, for alerts and for messages: smtp://USER:PASSWORD@HOST:587, or smtps://HOST"
    )
    smtp_from: str | None = Field(None, max_length=320, description="the address that mails come from")
    headwater_faults: str | None = Field(None, description="watch the fault points of a process, or fail at one")

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        """The driver would take part of a password with / or # in it for a port, and quote it in its error."""
        if value is None or _POSTGRES_URL.fullmatch(value):
            return value
        raise ValueError(
            "must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE; in a password write %2F for /, %23 for #, %3F for ?, %40 for @"
        )

    @field_validator("account_rules", mode="before")
    @classmethod
    def _rules_from_json(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError('must be JSON, such as {"new_days": 60}') from None

    @field_validator("discovery_runner_enabled", mode="before")
    @classmethod
    def _only_true(cls, value: Any) -> bool:
        return value is True or value == "true"

    @field_validator("headwater_faults")
    @classmethod
    def _known_fault(cls, value: str | None) -> str | None:
        if value:
            faults.parse(value)
        return value

    @field_validator("discovery_channels", mode="before")
    @classmethod
    def _channels(cls, value: Any) -> tuple[str, ...]:
        items = value.split(",") if isinstance(value, str) else value
        channels = tuple(item.strip() for item in items if item.strip())
        unknown = [c for c in channels if c not in set(Channel)]
        if unknown or not channels:
            raise ValueError(f"unknown channel {str(unknown or value)[:60]!r}; choose from {', '.join(Channel)}")
        return channels

    @model_validator(mode="after")
    def _one_cron_secret(self) -> Settings:
        a, b = self.cron_job_secret, self.cron_secret
        if a and b and a.get_secret_value() != b.get_secret_value():
            raise ValueError("CRON_JOB_SECRET and CRON_SECRET are both set and differ: set one, or make them equal")
        return self

    @cached_property
    def job_secret(self) -> SecretStr | None:
        """The one secret of the cron doors; None closes them (R4)."""
        return self.cron_job_secret or self.cron_secret
