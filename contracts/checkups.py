"""What `headwater doctor` finds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Finding(BaseModel):
    """One thing looked at. `wrong` needs mending, `note` is worth knowing; `mend` is the next step."""

    check: str
    level: Literal["ok", "note", "wrong"]
    found: str
    mend: str | None = None


def fine(check: str, found: str) -> Finding:
    return Finding(check=check, level="ok", found=found)


def note(check: str, found: str, mend: str) -> Finding:
    return Finding(check=check, level="note", found=found, mend=mend)


def wrong(check: str, found: str, mend: str) -> Finding:
    return Finding(check=check, level="wrong", found=found, mend=mend)
