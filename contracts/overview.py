"""The console's overview: what stands where, counted in bounded time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, Field

#: A count stops here: the overview has to answer at any size.
BOUND = 10_000
#: What the documents ask of runs (S4.06): seconds, and shares of 1 over `LEVEL_DAYS` days.
EXECUTION_S = 30.0
SUCCESS = 0.999
ERRORS = 0.01
LEVEL_DAYS = 30
#: A run that brings so many times what runs bring on average is as odd as one that brings nothing.
EXCESS = 3.0


class Standing(BaseModel):
    """Leads by the band of the score that decides, and what waits for a person. A count stops at `BOUND`."""

    bands: dict[str, int]
    drafts: int = Field(description="messages that wait for an approval")
    matches: int = Field(description="pairs of companies that wait for a decision")


class CallsOfVendor(BaseModel):
    """Calls of one vendor, one figure for each time of the series."""

    vendor: str
    calls: list[int]


class CallSeries(BaseModel):
    """Vendor calls over time (S1.07): by `hour` from the ledger, by `day` as of the last roll-up. Times: where a bucket begins."""

    by: Literal["hour", "day"]
    times: list[datetime]
    vendors: list[CallsOfVendor]

    @property
    def total(self) -> int:
        return sum(sum(one.calls) for one in self.vendors)

    def end(self, nth: int) -> datetime:
        """Where a bucket ends, which is where the next one begins."""
        return self.times[nth] + (timedelta(hours=1) if self.by == "hour" else timedelta(days=1))


class ServiceLevels(BaseModel):
    """How runs did over the last `LEVEL_DAYS` days, beside what is asked of them (S4.06). None: there was nothing to tell by.

    Shares are of the runs that ended by themselves; `records` is what the newest discovery run found, `usual` the mean before.
    """

    days: int = LEVEL_DAYS
    runs: int
    completed: int
    partial: int
    failed: int
    median_s: float | None
    p95_s: float | None
    success_rate: float | None
    error_rate: float | None
    records: int | None
    usual: float | None

    @property
    def records_odd(self) -> Literal["zero", "excessive"] | None:
        if self.records is None or self.usual is None:
            return None
        if self.records == 0 and self.usual > 0:
            return "zero"
        return "excessive" if self.usual > 0 and self.records > EXCESS * self.usual else None
