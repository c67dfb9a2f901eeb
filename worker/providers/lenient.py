"""Member types for reading vendors: what has the wrong type or is too long is dropped or cut, and the rest stands.

They are for optional members only: the members an answer cannot do without keep their strict types, so that an answer of
another shape is still noticed (`answers.shaped`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

_Shape = TypeVar("_Shape", bound=BaseModel)

_ADDRESS = re.compile(r"[^\s@<>\"',;:]+@[^\s@<>\"',;:]+\.[^\s@<>\"',;:]{2,}")


class Lenient(BaseModel):
    """A part of a vendor's answer: unknown members are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def words(value: Any, most: int = 300) -> str | None:
    """`value` as text of at most `most` characters on one line; None for what is no text, and for "" and "null"."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value}"
    if not isinstance(value, str):
        return None
    text = " ".join(value.split())[:most].strip()
    return None if not text or text.casefold() in ("null", "none", "n/a") else text


def address(value: Any) -> str | None:
    """`value` as an e-mail address in lower case, None when it is none."""
    text = words(value, 321)
    return text.casefold() if text and len(text) <= 320 and _ADDRESS.fullmatch(text) else None


def domain(value: Any) -> str | None:
    """`value` as a host name in lower case without "www.", scheme or path; None when it is none."""
    text = words(value, 2000)
    if text is None:
        return None
    host = (
        re.sub(r"^[a-z]+://", "", text.casefold()).partition("/")[0].partition(":")[0].removeprefix("www.").strip(".")
    )
    return host if 3 <= len(host) <= 253 and "." in host and not re.search(r"[\s@]", host) else None


def url(value: Any) -> str | None:
    """`value` as an http(s) address of at most 2,000 characters; a bare "www." or host gets its scheme."""
    text = words(value, 2001)
    if text is None or len(text) > 2000 or " " in text:
        return None
    if re.match(r"https?://", text, re.IGNORECASE):
        return text
    return f"https://{text}" if "://" not in text and "." in text.partition("/")[0] else None


def country(value: Any) -> str | None:
    """`value` as ISO 3166-1 alpha-2, None when it is no code."""
    text = (words(value) or "").upper()
    return text if re.fullmatch("[A-Z]{2}", text) else None


def number(value: Any) -> float | None:
    """`value` as a finite number, also out of a text such as "1,250"; None otherwise."""
    if isinstance(value, str):
        try:
            value = float(value.replace(",", ""))
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def whole(value: Any) -> int | None:
    """`value` as a whole number that is not negative, None otherwise."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < 2**63 else None


def flag(value: Any) -> bool | None:
    """`value` as a truth value, also out of a text; None otherwise."""
    if isinstance(value, str):
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
            value.strip().lower()
        )
    return value if isinstance(value, bool) else None


def share(value: Any) -> float | None:
    """A score of 0 to 100 as a confidence of 0 to 1; None when there is none."""
    found = number(value)
    return min(max(found / 100, 0.0), 1.0) if found is not None else None


def listed(value: Any) -> list[Any]:
    """`value` when it is a list, else nothing."""
    return value if isinstance(value, list) else []


def texts(value: Any, most: int = 50) -> tuple[str, ...]:
    """The texts in a list, each on one line and cut, without repeats; at most `most`."""
    return tuple(dict.fromkeys(text for each in listed(value) if (text := words(each))))[:most]


def members(value: Any) -> dict[str, Any]:
    """`value` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def readable(shape: type[_Shape]) -> Callable[[Any], list[_Shape]]:
    """Reads a list and keeps the elements that fit `shape`."""

    def read(value: Any) -> list[_Shape]:
        return [each for item in listed(value) if (each := _or_none(shape, item)) is not None]

    return read


def _or_none(shape: type[_Shape], value: Any) -> _Shape | None:
    try:
        return shape.model_validate(value)
    except ValidationError:
        return None


Words = Annotated[str | None, BeforeValidator(words)]
Address = Annotated[str | None, BeforeValidator(address)]
Domain = Annotated[str | None, BeforeValidator(domain)]
Url = Annotated[str | None, BeforeValidator(url)]
Country = Annotated[str | None, BeforeValidator(country)]
Number = Annotated[float | None, BeforeValidator(number)]
Whole = Annotated[int | None, BeforeValidator(whole)]
Flag = Annotated[bool | None, BeforeValidator(flag)]
Share = Annotated[float | None, BeforeValidator(share)]
Texts = Annotated[tuple[str, ...], BeforeValidator(texts)]
