"""How the installation stands with a vendor: when it may be asked next, and whether it is asked at all."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

#: closed -> open (it failed or refused) -> half_open (one request tries) -> closed | open.
BreakerState = Literal["closed", "open", "half_open"]


class PaceView(BaseModel):
    """One pace of one credential. `in_flight` is what workers may have under way at most; `next_at` is the last slot given out
    or the time until which nobody asks, whichever is later.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    credential: str
    next_at: AwareDatetime | None = None
    in_flight: int = Field(ge=0)
    updated_at: AwareDatetime


class BreakerView(BaseModel):
    """One operation (`vendor.operation`) that has failed before. `error_code` is set when the vendor refused us (key, credits,
    address), None when it failed; both tell the last time it did.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    operation: str
    credential: str
    state: BreakerState
    opened_until: AwareDatetime | None = None
    failures: int = Field(ge=0, description="in a row")
    error_code: str | None = None
    error: str | None = None
    error_at: AwareDatetime | None = None
    updated_at: AwareDatetime
