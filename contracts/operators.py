"""What the operators of rules ask, in Kleene's three-valued logic: True, False, or None where the value is not known. Pure.

Texts are compared without regard to case. A list contains what one of its elements equals; an element may itself be not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

from contracts.fields import FieldSpec
from contracts.patterns import compiled

Operator = Literal[
    "EQ", "NEQ", "GT", "GTE", "LT", "LTE", "BETWEEN", "IN", "NOT_IN", "CONTAINS", "CONTAINS_ANY", "CONTAINS_ALL", "STARTS_WITH",
    "MATCHES", "EXISTS", "NOT_EXISTS", "NAICS_PREFIX",
]  # fmt: skip
Answer = bool | None
Question = Callable[[Any], Answer]

MAX_ITEMS = 500
#: Operators by what they compare with.
BARE = ("EXISTS", "NOT_EXISTS")
_ORDERED = ("GT", "GTE", "LT", "LTE", "BETWEEN")
_LISTED = ("IN", "NOT_IN", "CONTAINS_ANY", "CONTAINS_ALL", "NAICS_PREFIX")
#: Operators that make sense for a kind of field.
OPERATORS: Mapping[str, tuple[str, ...]] = {
    "number": ("EQ", "NEQ", *_ORDERED, "IN", "NOT_IN", *BARE),
    "text": ("EQ", "NEQ", "IN", "NOT_IN", "CONTAINS", "CONTAINS_ANY", "CONTAINS_ALL", "STARTS_WITH", "MATCHES", *BARE),
    "list": ("CONTAINS", "CONTAINS_ANY", "CONTAINS_ALL", "STARTS_WITH", "MATCHES", *BARE),
    "bool": ("EQ", "NEQ", *BARE),
}


def all3(answers: Iterable[Answer]) -> Answer:
    """Kleene's and: False if any is, else None if any is."""
    result: Answer = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            result = None
    return result


def any3(answers: Iterable[Answer]) -> Answer:
    """Kleene's or: True if any is, else None if any is."""
    result: Answer = False
    for answer in answers:
        if answer is True:
            return True
        if answer is None:
            result = None
    return result


def not3(answer: Answer) -> Answer:
    return None if answer is None else not answer


def frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@lru_cache(maxsize=4096)
def question(spec: FieldSpec, operator: Operator, wanted: Any) -> Question:
    """What an operator asks of a field's value. A value of another kind than the field's is not known."""
    if operator in BARE:
        there = operator == "EXISTS"
        return lambda value: (value is not None) is there
    kinds: dict[str, Any] = {"number": (int, float), "text": str, "bool": bool, "list": list}
    kind, asked = kinds[spec.kind], _comparison(spec, operator, wanted)

    def ask(value: Any) -> Answer:
        if value is None or not isinstance(value, kind) or (spec.kind == "number" and isinstance(value, bool)):
            return None
        return asked(value)

    return ask


def _comparison(spec: FieldSpec, operator: Operator, wanted: Any) -> Question:
    if spec.kind == "number":
        return _of_numbers(operator, wanted)
    if spec.kind == "bool":
        return lambda value: (value is wanted) is (operator == "EQ")
    words = [str(w).casefold() for w in (wanted if isinstance(wanted, tuple) else (wanted,))]
    if spec.kind == "text":
        return _of_texts(operator, words, wanted)
    return _of_lists(operator, words, wanted)


def _of_numbers(operator: Operator, wanted: Any) -> Question:
    simple: dict[str, Question] = {
        "EQ": lambda v: v == wanted, "NEQ": lambda v: v != wanted, "GT": lambda v: v > wanted, "GTE": lambda v: v >= wanted,
        "LT": lambda v: v < wanted, "LTE": lambda v: v <= wanted, "BETWEEN": lambda v: wanted[0] <= v <= wanted[1],
        "IN": lambda v: v in wanted, "NOT_IN": lambda v: v not in wanted,
    }  # fmt: skip
    return simple[operator]


def _of_texts(operator: Operator, words: list[str], wanted: Any) -> Question:
    if operator == "MATCHES":
        pattern = compiled(wanted)
        return pattern.found_in
    among = frozenset(words)
    simple: dict[str, Callable[[str], Answer]] = {
        "EQ": lambda v: v == words[0], "NEQ": lambda v: v != words[0], "IN": lambda v: v in among,
        "NOT_IN": lambda v: v not in among, "CONTAINS": lambda v: words[0] in v,
        "CONTAINS_ANY": lambda v: any(w in v for w in words), "CONTAINS_ALL": lambda v: all(w in v for w in words),
        "STARTS_WITH": lambda v: v.startswith(words[0]),
    }  # fmt: skip
    asked = simple[operator]
    return lambda value: asked(value.casefold())


def _of_lists(operator: Operator, words: list[str], wanted: Any) -> Question:
    """Of a list's elements, each of which may itself be unknown (None)."""

    def each(value: list[Any], asked: Callable[[str], Answer]) -> Answer:
        return any3(None if v is None else asked(str(v).casefold()) for v in value)

    if operator == "MATCHES":
        pattern = compiled(wanted)
        return lambda value: each(value, pattern.found_in)
    if operator == "STARTS_WITH":
        return lambda value: each(value, lambda v: v.startswith(words[0]))
    if operator == "NAICS_PREFIX":
        return lambda value: each(value, lambda v: any(v.startswith(w) for w in words))
    if operator == "CONTAINS_ALL":
        return lambda value: all3(each(value, lambda v, w=w: v == w) for w in words)  # type: ignore[misc]
    among = frozenset(words)
    return lambda value: each(value, lambda v: v in among)


def check_value(spec: FieldSpec, operator: Operator, value: Any) -> None:
    """Raises: ValueError saying which value the operator takes."""
    if operator in BARE:
        _insist(value is None, f"{operator} takes no value: leave it out")
        return
    one: Callable[[Any], bool] = {"number": _is_number, "bool": lambda v: isinstance(v, bool)}.get(spec.kind, _is_text)
    what = {"number": "number", "bool": "true or false"}.get(spec.kind, "text")
    if operator == "BETWEEN":
        fits = isinstance(value, list) and len(value) == 2 and all(_is_number(v) for v in value)
        _insist(fits and value[0] <= value[1], "BETWEEN takes two numbers, the lower one first")
    elif operator in _LISTED:
        fits = isinstance(value, list) and bool(value) and all(one(v) for v in value)
        _insist(fits, f"{operator} takes a list of 1 to {MAX_ITEMS}, each a {what}")
    else:
        _insist(one(value), f"{operator} of {spec.key} takes a {what}")
    if operator == "NAICS_PREFIX":
        _insist(all(v.isascii() and v.isdigit() and len(v) <= 6 for v in value), "a NAICS code has up to 6 digits")
    if operator == "MATCHES":
        compiled(value)


def _insist(fits: bool, otherwise: str) -> None:
    if not fits:
        raise ValueError(otherwise)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
