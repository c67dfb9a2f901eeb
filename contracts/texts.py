"""Strings from outside: bounded, and without NUL, which Postgres cannot store."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field


def without_nul(value: str) -> str:
    """Refuse NUL characters. Raises ValueError."""
    if "\x00" in value:
        raise ValueError("must not contain NUL characters")
    return value


def storable(value: str, limit: int = 4000) -> str:
    """At most `limit` characters of `value`, as Postgres can store them: no NUL, no half of a surrogate pair."""
    return value[:limit].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


NoNul = AfterValidator(without_nul)
Name = Annotated[str, Field(min_length=1, max_length=50), NoNul]
Title = Annotated[str, Field(min_length=1, max_length=300), NoNul]
LongTitle = Annotated[str, Field(min_length=1, max_length=500), NoNul]
