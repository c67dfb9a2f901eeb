"""The JetStream sink: which facts of which tenant go to the house's stream, as what, and what an answer means. Pure.

A message is published to PREFIX.TENANT.TYPE, such as `headwater.acme.LeadScored`, with `Nats-Msg-Id` = the event's id and the body
that webhooks have: {"id", "type", "version", "tenant", "at", "data"}. An event has the same subject, id and body at each try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

SINK = "nats"
#: What a message needs besides its body: the headers and the subject, in bytes. The server counts them too.
AROUND_BYTES = 1024
#: JetStream errors that say something about this message and will say it again: a body or headers that are too long.
_ABOUT_THE_MESSAGE = frozenset({10054, 10097})

Verdict = Literal["delivered", "refused", "outage"]


class Subscription(BaseModel):
    """Which facts of a tenant go to the stream. `waiting` counts those that have not left yet."""

    tenant: str
    events: list[str]
    enabled: bool
    set_by: str
    updated_at: datetime
    waiting: int = 0


class SubscriptionList(BaseModel):
    items: list[Subscription]


class StreamReport(BaseModel):
    """The stream as the server has it. `unfit`: why nothing is published to it; empty: it is fit. Ages are seconds, 0: no limit."""

    stream: str
    subjects: list[str]
    max_age_s: float
    duplicate_window_s: float
    replicas: int
    messages: int
    server: str
    made: bool = False
    unfit: list[str] = []


@dataclass(frozen=True, slots=True)
class Message:
    """One event as it goes out."""

    subject: str
    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message. `why`: of `refused` and `outage`. `again`: the stream had it already."""

    verdict: Verdict
    why: str = ""
    again: bool = False


def subject_of(prefix: str, tenant: str, type_: str) -> str:
    """Where facts of `type_` of the tenant with that slug go. A slug has no dot, so the tenant's part is one token."""
    return f"{prefix}.{tenant}.{type_}"


def answer_of(told: Mapping[str, Any], stream: str) -> Answer:
    """What a publish acknowledgement says: `{"stream", "seq", "duplicate"?}` or `{"error": {"code", "err_code", "description"}}`.

    Only an error about the message itself is a refusal. All others (no room, no leader, another stream) are the sink's, and time
    or an operator mends them.
    """
    error = told.get("error")
    if isinstance(error, Mapping):
        code, words = error.get("err_code"), str(error.get("description") or "an error without words")
        return Answer("refused" if code in _ABOUT_THE_MESSAGE else "outage", f"{words} ({error.get('code')}/{code})")
    if told.get("stream") != stream or not isinstance(told.get("seq"), int):
        return Answer("outage", f"stream {str(told.get('stream'))[:100]!r} answered for {stream}")
    return Answer("delivered", again=told.get("duplicate") is True)


def unfit(config: Mapping[str, Any], subjects: str) -> list[str]:
    """Why a stream with this configuration (of the API, ages in nanoseconds) cannot take `subjects` safely; empty: it can."""
    found = []
    taken: Sequence[str] = config.get("subjects") or ()
    if not any(_covers(each, subjects) for each in taken):
        found.append(f"it takes {', '.join(taken) or 'nothing'} and not {subjects}")
    age, window = config.get("max_age") or 0, config.get("duplicate_window") or 0
    if window <= 0:
        found.append("it has no duplicate_window: what is sent again after a lost answer would stand there twice")
    if 0 < age <= window:
        found.append(f"max_age ({age / 1e9:g} s) does not outlive duplicate_window ({window / 1e9:g} s)")
    if config.get("no_ack"):
        found.append("no_ack is set: nothing would tell that a message is stored")
    if config.get("sealed"):
        found.append("it is sealed")
    if (config.get("retention") or "limits") != "limits":
        found.append(f"its retention is {config['retention']}: messages would go before every consumer has seen them")
    return found


def _covers(filter_: str, subjects: str) -> bool:
    """Does a subject filter take everything that another one does? `>` is the rest, `*` is one token."""
    wide, narrow = filter_.split("."), subjects.split(".")
    for nth, part in enumerate(wide):
        if part == ">":
            return len(narrow) > nth
        if nth >= len(narrow) or narrow[nth] == ">" or part not in ("*", narrow[nth]):
            return False
    return len(wide) == len(narrow)
