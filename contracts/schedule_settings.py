"""Settings of schedules and nights, by the documents' names (S3.08)."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

from contracts import cron
from contracts.vendor_settings import Csv


class ScheduleSettings(BaseSettings):
    """SCHED_ENABLED gates the nightly schedule only (R25)."""

    sched_enabled: bool = Field(True, description="the nightly schedule fires")
    sched_start_cron: str = Field(
        "0 1 * * *", max_length=cron.MAX_LENGTH, description="when nights begin, in Asia/Singapore"
    )
    sched_tenant_concurrency: int = Field(3, ge=1, le=100, description="tenants whose nights go on at once")
    sched_company_concurrency: int = Field(8, ge=1, le=1000, description="companies of a night worked on at once")
    sched_daily_cap_per_tenant: int = Field(20, ge=1, le=100_000, description="companies a night takes on for a tenant")
    shortlist_daily_cap: int | None = Field(
        None, ge=1, le=100_000, description="another name for SCHED_DAILY_CAP_PER_TENANT"
    )
    sched_tenant_include: Csv = Field((), description="slugs of the only tenants that have nights; empty: all")
    sched_tenant_exclude: Csv = Field((), description="slugs of tenants that have none")
    sched_poll_s: float = Field(5.0, gt=0.01, le=60, description="how often a scheduler looks for what is due")
    job_door_calls: int = Field(
        60, ge=1, le=100_000, description="calls of the job doors by one caller, and from one address, in a minute"
    )
    job_door_wait_s: float = Field(
        20, ge=0, le=600, description="how long the discovery door waits for a run to end before it answers `running`"
    )

    @field_validator("sched_start_cron")
    @classmethod
    def _a_cron(cls, value: str) -> str:
        return cron.parse(value).text

    @field_validator("sched_tenant_include", "sched_tenant_exclude", mode="before")
    @classmethod
    def _slugs(cls, value: object) -> object:
        items = value.split(",") if isinstance(value, str) else value
        return tuple(slug.strip() for slug in items if slug.strip()) if isinstance(items, list | tuple) else items

    @model_validator(mode="after")
    def _one_cap(self) -> ScheduleSettings:
        both = {"sched_daily_cap_per_tenant", "shortlist_daily_cap"} <= self.model_fields_set
        if both and self.shortlist_daily_cap not in (None, self.sched_daily_cap_per_tenant):
            raise ValueError("SCHED_DAILY_CAP_PER_TENANT and SHORTLIST_DAILY_CAP differ: set one of them")
        return self

    @property
    def daily_cap(self) -> int:
        """Companies a night takes on for a tenant."""
        return self.shortlist_daily_cap or self.sched_daily_cap_per_tenant
