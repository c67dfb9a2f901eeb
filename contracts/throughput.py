"""How fast things went, minute by minute: events written and sent, jobs ended, and how long each took."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

#: The newest rows of each kind that are looked at: the answer has to come at any size.
LOOK = 5_000
#: Minutes of a series, at most and as a rule.
MOST_MINUTES = 24 * 60
MINUTES = 60


class Throughput(BaseModel):
    """One figure for each of `times`, where a step begins. Durations are seconds; None: nothing ended in that step.

    Only the newest `LOOK` events and jobs are counted; `whole_from` is since when nothing is left out.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "step_s": 60, "times": ["2026-01-05T06:00:00Z"], "whole_from": "2026-01-05T05:30:00Z", "written": [31],
                    "sent": [30], "ended": [29], "failed": [1], "handoff_p50_s": [0.03], "handoff_p95_s": [0.2], "job_p50_s": [0.4],
                    "job_p95_s": [2.1],
                }
            ]
        }
    )  # fmt: skip

    step_s: int
    times: list[datetime]
    whole_from: datetime | None
    written: list[int] = Field(description="events written")
    sent: list[int] = Field(description="events handed off or delivered")
    ended: list[int] = Field(description="jobs done")
    failed: list[int] = Field(description="jobs that gave up")
    handoff_p50_s: list[float | None] = Field(description="from an event's commit to its handoff")
    handoff_p95_s: list[float | None]
    job_p50_s: list[float | None] = Field(description="from a job's start to its end")
    job_p95_s: list[float | None]
