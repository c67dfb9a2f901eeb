"""Rules a tenant sets over its customers, stock and samples: what is watched, and what follows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.accounts import AccountType
from contracts.alerts import Severity
from contracts.errors import Invalid
from contracts.misfits import in_words
from contracts.texts import NoNul

TriggerRule = Literal["account_type_changed", "no_order_for", "stock_below", "sample_not_converted"]
TriggerAction = Literal["alert", "webhook"]
SubjectKind = Literal["account", "sku", "sample"]
Days = Annotated[int, Field(strict=True, ge=1, le=3660)]


class _Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TypeChanged(_Params):
    """A company became another type of account after the trigger was made. Empty: from any, to any."""

    from_types: tuple[AccountType, ...] = Field(default=(), max_length=6)
    to_types: tuple[AccountType, ...] = Field(default=(), max_length=6)


class NoOrderFor(_Params):
    """A customer has not ordered for so many days. Empty `types`: whatever type of account it is."""

    days: Days
    types: tuple[AccountType, ...] = Field(default=(), max_length=6)


class StockBelow(_Params):
    """What is on hand lasts for less than so many days at the present burn rate."""

    days: Days


class SampleNotConverted(_Params):
    """A sample was given at least so many days ago, at most 30 more, and nothing came of it."""

    days: Days


PARAMS: Mapping[str, type[_Params]] = {
    "account_type_changed": TypeChanged,
    "no_order_for": NoOrderFor,
    "stock_below": StockBelow,
    "sample_not_converted": SampleNotConverted,
}
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S"), NoNul]
_EXAMPLE: dict[str, Any] = {
    "name": "key account is silent",
    "rule": "no_order_for",
    "params": {"days": 45, "types": ["KEY"]},
}


def params_of(rule: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A rule's parameters, checked. Raises: Invalid (code `bad_params`)."""
    try:
        return PARAMS[rule].model_validate(dict(given), strict=False).model_dump(mode="json")
    except (ValidationError, KeyError) as error:
        words = in_words(error.errors(include_url=False)[0]) if isinstance(error, ValidationError) else "unknown rule"
        takes = ", ".join(PARAMS[rule].model_fields) if rule in PARAMS else ", ".join(PARAMS)
        raise Invalid(f"the params of {rule} do not fit ({words}): it takes {takes}", code="bad_params") from None


class CreateTrigger(BaseModel):
    """Body of POST /v1/triggers. After it fired for a subject it is silent about it for `cooldown_days`.

    `alert` opens an alert of `severity`; `webhook` tells the fact TriggerFired to the endpoints that subscribe to it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    rule: TriggerRule
    params: dict[str, Any] = Field(default_factory=dict, max_length=5)
    cooldown_days: Days = 30
    action: TriggerAction = "alert"
    severity: Severity = "warning"
    enabled: bool = True


class ChangeTrigger(BaseModel):
    """Body of PATCH: what is named is replaced; the rule itself stays what it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"enabled": False}]})

    name: Name | None = None
    params: dict[str, Any] | None = Field(default=None, max_length=5)
    cooldown_days: Days | None = None
    action: TriggerAction | None = None
    severity: Severity | None = None
    enabled: bool | None = None


class Trigger(BaseModel):
    id: UUID
    name: str
    rule: TriggerRule
    params: dict[str, Any]
    cooldown_days: int
    action: TriggerAction
    severity: Severity
    enabled: bool
    created_by: str
    created_at: datetime
    updated_at: datetime


class TriggerPage(BaseModel):
    items: list[Trigger]
    next_cursor: str | None


class TriggerExecution(BaseModel):
    """A trigger fired: once for a subject and a window."""

    id: UUID
    trigger_id: UUID
    subject_kind: SubjectKind
    subject_id: UUID
    window_start: datetime
    fired_at: datetime
    action: TriggerAction
    evidence: dict[str, Any]


class TriggerExecutionPage(BaseModel):
    items: list[TriggerExecution]
    next_cursor: str | None
