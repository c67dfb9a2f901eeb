"""Orders of vendors as the API and the command line take and show them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from contracts.enrichment import OrderRow, TriedRow, Waterfall

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,50}\.[a-z0-9_]{1,50}$", examples=["hunter.find"])]


class WaterfallView(BaseModel):
    """One field: the orders that count now, and what was learned in the window."""

    field: Waterfall
    orders: list[OrderRow]
    tried: list[TriedRow]


class Waterfalls(BaseModel):
    items: list[WaterfallView]


class ProposeOrder(BaseModel):
    """A new order for a field. It is SHADOW first: judged on live rows, followed only once it was promoted."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"field": "email", "operations": ["hunter.find", "apollo.match"]}]},
    )

    field: Waterfall
    operations: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]

    @field_validator("operations")
    @classmethod
    def _each_once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if twice := next((name for name in given if given.count(name) > 1), None):
            raise ValueError(f"{twice} is named twice: an order asks everybody once")
        return given
