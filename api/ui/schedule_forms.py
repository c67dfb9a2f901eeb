"""The form a schedule is changed with: its clock, and what its runs are started with, by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from api.ui.session import Act
from contracts.accounts import BusinessJob
from contracts.nights import SKIPPABLE
from contracts.providers import Channel
from contracts.schedules import ChangeSchedule, ScheduleKind, ScheduleView

#: How a field is written: one line, a whole number, lines of text, a yes, one of its choices, any of them.
Shape = Literal["text", "whole", "lines", "yes", "one", "some"]


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter by its name in the API."""

    name: str
    label: str
    shape: Shape
    hint: str = ""
    choices: tuple[str, ...] = ()


_DRY = Field("dry_run", "Dry run", "yes", "count what it would do, write nothing")
FIELDS: Mapping[ScheduleKind, tuple[Field, ...]] = {
    "discovery": (
        Field("channels", "Channels", "some", "none: those of the settings", tuple(c.value for c in Channel)),
        Field("provider", "Provider", "text", "instead of channels"),
        Field("queries", "Queries, one a line", "lines", "empty: the workspace's own"),
        Field("icp_profile_id", "Profile", "text", "its id; empty: the active ones"),
        Field("max_companies", "Companies at most", "whole", "empty: the setting's"),
        Field("max_queries", "Queries at most", "whole", "empty: the setting's"),
        Field("limit", "Records at most", "whole", "empty: no limit"),
        Field("max_runtime_seconds", "Seconds at most", "whole", "empty: the setting's"),
        Field("cursor", "First page", "text", "a vendor's cursor, with one provider and one query"),
        _DRY,
    ),
    "nightly": (
        Field("limit", "Companies at most", "whole", "empty: the workspace's cap"),
        Field("skip", "Steps to leave out", "some", "", SKIPPABLE),
        _DRY,
    ),
    "job": (Field("job", "Job", "one", "", get_args(BusinessJob)), _DRY),
    "rollup": (Field("days", "Days back", "whole", "today included; empty: 35"),),
    "models": (),
    "matching": (),
    "opportunities": (),
    "register": (),
    "cleanup": (),
}
_CLOCK = ("cron", "zone", "catch_up")


def change_of(act: Act, schedule: ScheduleView) -> ChangeSchedule:
    """What the form asks to change: only what differs from what stands. Raises: Invalid.

    A form that bears `whole` holds every field: an empty one is taken away, a box without its mark is a no. Else it stays.
    """
    asked: dict[str, Any] = {name: act.one(name) for name in _CLOCK}
    asked["jitter_s"] = act.whole("jitter_s")
    if act.one("whole") is not None:
        asked["enabled"] = act.one("enabled") is not None
        asked["params"] = {
            field.name: value for field in FIELDS[schedule.kind] if (value := _read(act, field)) is not None
        }
    standing = schedule.model_dump(mode="json", include=set(asked))
    return act.read(ChangeSchedule, {name: value for name, value in asked.items() if value != standing[name]})


def _read(act: Act, field: Field) -> Any:
    """What stands in the field, as the API would be told; None where nothing does."""
    match field.shape:
        case "whole":
            return act.whole(field.name)
        case "yes":
            return True if act.one(field.name) is not None else None
        case "some":
            return act.form.get(field.name)
        case "lines":
            lines = [line.strip() for line in (act.one(field.name) or "").splitlines() if line.strip()]
            return lines or None
        case _:
            return act.one(field.name)
