"""Settings of schedules and of the doors that external schedulers use, by the documents' names (S3.08)."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from contracts import cron


class ScheduleSettings(BaseSettings):
    """SCHED_ENABLED gates the nightly schedule only (R25)."""

    sched_enabled: bool = Field(True, description="the nightly schedule fires")
    sched_start_cron: str = Field(
        "0 1 * * *", max_length=cron.MAX_LENGTH, description="when nights begin, in Asia/Singapore"
    )
    sched_poll_s: float = Field(5.0, gt=0.01, le=60, description="how often a scheduler looks for what is due")
    job_door_calls: int = Field(
        60, ge=1, le=100_000, description="calls of the job doors by one caller, and from one address, in a minute"
    )
    job_door_wait_s: float = Field(
        20, ge=0, le=600, description="how long the job doors wait for runs to end before they answer `running`"
    )

    @field_validator("sched_start_cron")
    @classmethod
    def _a_cron(cls, value: str) -> str:
        return cron.parse(value).text
