"""One vendor's answer before anything goes wrong with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Answer:
    """`credits` is what the vendor bills for it, in the vendor's units; `delay_s` how long it lets one wait."""

    status: int
    content_type: str
    body: bytes
    credits: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


def json_answer(status: int, value: object, *, kind: str = "application/json", credits: float = 0.0) -> Answer:
    """`value` as an answer in JSON."""
    return Answer(status, kind, json.dumps(value, ensure_ascii=False).encode(), credits)
