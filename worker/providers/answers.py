"""Reading what a vendor sent without trusting it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from contracts.errors import BadAnswer

Json = dict[str, Any]
_Shape = TypeVar("_Shape", bound=BaseModel)

#: What is stored must be read again: the database's JSON is read 200 levels deep, and a page wraps the vendor's own records.
MAX_DEPTH = 100
#: Longer waits are cut to this: a vendor's typing error must not park a run for a year.
MAX_RETRY_AFTER_S = 3600.0


def is_json(content_type: str) -> bool:
    """True for application/json and the +json family."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def parse_json(body: bytes) -> Json:
    """Decode the JSON object in `body`. Raises ValueError for anything that is not one object of finite numbers."""
    value = parse_any(body)
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one kind of error for one kind of answer
    return value


def parse_any(body: bytes) -> Any:
    """Decode the JSON in `body`, free of what Postgres cannot store (NUL, lone surrogates).

    Raises ValueError for what is no JSON of finite numbers, or nested too deeply.
    """
    try:
        value: Any = json.loads(body, parse_constant=_not_a_number, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _deeper_than(value, MAX_DEPTH):
        raise ValueError("nested too deeply")
    return _storable(value) if b"\\u0000" in body or b"\\ud" in body.lower() else value


def _deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = (
            [
                item
                for each in layer
                for item in (each.values() if isinstance(each, dict) else each)
                if isinstance(item, dict | list)
            ]
            if isinstance(value, dict | list)
            else []
        )
        if not layer:
            return False
    return True


def shaped(shape: type[_Shape], answer: Json, vendor: str) -> _Shape:
    """`answer` read as `shape`. Raises BadAnswer naming the first member that does not fit."""
    try:
        return shape.model_validate(answer)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
    # Raised out here: pydantic's error holds the answer, and with it people's data.
    where = ".".join(str(part) for part in first["loc"])
    text = f"{vendor} answered in another shape ({where}: {first['msg']}): its API may have changed"
    raise BadAnswer(text, vendor=vendor)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait according to `Retry-After` (seconds or an HTTP date), 0 to MAX_RETRY_AFTER_S; None if
    unsaid.
    """
    said = headers.get("retry-after", "").strip()
    if not said:
        return None
    try:
        seconds = float(said)
    except ValueError:
        until = _date(said)
        if until is None:
            return None
        # Their clock against their clock: ours may be minutes off.
        seconds = (until - (_date(headers.get("date", "")) or datetime.now(UTC))).total_seconds()
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def error_text(content_type: str, body: bytes) -> str:
    """What an error answer says, on one line and at full length; "" for HTML and what cannot be read."""
    kind = content_type.partition(";")[0].strip().lower()
    if is_json(content_type):
        try:
            return _message(parse_json(body))
        except ValueError:
            return ""
    if kind == "text/plain":
        return " ".join(body.decode("utf-8", "replace").replace("\0", "").split())
    return ""


def _message(value: object) -> str:
    """The first sentence in the places where vendors put one: detail, error, message, errors[0].title."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _message(value[0]) if value else ""
    if isinstance(value, dict):
        for name in ("detail", "details", "error", "errors", "message", "title", "msg"):
            if found := _message(value.get(name)):
                return found
    return ""


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "ignore").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _not_a_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
