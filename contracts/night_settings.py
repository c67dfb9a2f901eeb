"""The settings of the nightly run. `Settings` inherits them."""

from __future__ import annotations

from typing import Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

from contracts.vendor_settings import Csv

DEFAULT_CAP = 20


def is_zone(name: str) -> bool:
    """Is there an IANA zone of that name?"""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


class NightSettings(BaseSettings):
    """Whose night it is, how many companies it may choose, how many are worked on at once (S3.08)."""

    sched_zone: str = Field(
        "Asia/Singapore", max_length=60, description="IANA zone in which a night has its date; policy `timezone`"
    )
    sched_tenant_concurrency: int = Field(3, ge=1, le=1000, description="tenants whose nights run at the same time")
    sched_company_concurrency: int = Field(8, ge=1, le=1000, description="companies of one night worked on at once")
    sched_daily_cap_per_tenant: int = Field(
        DEFAULT_CAP, ge=0, le=100_000, description="companies a night chooses; policy `shortlist_daily_cap`"
    )
    shortlist_daily_cap: int | None = Field(
        None, ge=0, le=100_000, description="another name of SCHED_DAILY_CAP_PER_TENANT: one value, or an error (R11)"
    )
    sched_tenant_include: Csv = Field((), description="slugs of the only tenants whose nights run; empty: all active")
    sched_tenant_exclude: Csv = Field((), description="slugs of tenants whose nights do not run")
    nightly_max_runtime_seconds: int = Field(
        6 * 3600, ge=60, le=86_400, description="a night that takes longer ends with what it has"
    )

    @field_validator("sched_tenant_include", "sched_tenant_exclude", mode="before")
    @classmethod
    def _slugs(cls, value: object) -> object:
        items = value.split(",") if isinstance(value, str) else value
        return tuple(i.strip() for i in items if i.strip()) if isinstance(items, list | tuple) else items

    @field_validator("sched_zone")
    @classmethod
    def _a_zone(cls, value: str) -> str:
        if not is_zone(value):
            raise ValueError("must be an IANA zone, such as Asia/Singapore")
        return value

    @model_validator(mode="after")
    def _one_cap(self) -> Self:
        a, b = self.sched_daily_cap_per_tenant, self.shortlist_daily_cap
        if b is not None and "sched_daily_cap_per_tenant" in self.model_fields_set and a != b:
            raise ValueError(
                f"SCHED_DAILY_CAP_PER_TENANT={a} and SHORTLIST_DAILY_CAP={b} are two names of one value: set one of them"
            )
        return self

    @property
    def daily_cap(self) -> tuple[int, str]:
        """How many companies a night chooses, and where that comes from: `environment` or `default` (S3.19)."""
        if self.shortlist_daily_cap is not None:
            return self.shortlist_daily_cap, "environment"
        chosen = "sched_daily_cap_per_tenant" in self.model_fields_set
        return self.sched_daily_cap_per_tenant, "environment" if chosen else "default"
