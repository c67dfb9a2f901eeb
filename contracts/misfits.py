"""What pydantic says about data that does not fit, in words for somebody who has never heard of pydantic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: Error type -> what to say instead.
_PLAIN = {
    "extra_forbidden": "there is no such field: leave it out, or correct its name",
    "missing": "is missing: it is required",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
}
#: How pydantic writes the members of an enum.
_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")


def in_words(error: Mapping[str, Any]) -> str:
    """One line about one of `ValidationError.errors()`, without the value: it may be a secret."""
    kind, said = str(error["type"]), str(error["msg"])
    if kind == "json_invalid":
        where = next((part for part in reversed(error["loc"]) if isinstance(part, int)), None)
        reason = (error.get("ctx") or {}).get("error", "")
        return f"is not JSON at character {where} ({reason}): correct it" if where is not None else said
    if kind in {"too_short", "too_long"} and said.startswith("Value "):
        # A secret: pydantic counts its characters as items.
        said = said.replace(" items after validation", " characters").replace(" item after validation", " character")
    return _PLAIN.get(kind) or _MEMBER.sub(r"\1", said.removeprefix("Value error, "))
