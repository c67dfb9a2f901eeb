"""Our check of an answer agrees with a complete one, for the schemas that it takes."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.providers.json_schema import problem, unknown_words

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(-2, 2, width=16)
    | st.sampled_from(["", "a", "ab", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=6,
)
_KINDS = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
_LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": _KINDS | st.lists(_KINDS, min_size=1, max_size=2, unique=True),
        "enum": st.lists(_VALUES, min_size=1, max_size=3),
        "const": _VALUES,
        "minimum": st.integers(-2, 2),
        "maximum": st.integers(-2, 2),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 3),
        "minItems": st.integers(0, 2),
        "maxItems": st.integers(0, 3),
        "description": st.just("x"),
    },
)


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": _KINDS,
            "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
            "required": st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
        },
    )


_SCHEMAS = st.recursive(_LEAVES, _grown, max_leaves=5)


@settings(max_examples=60, deadline=None)
@given(_SCHEMAS, _VALUES)
def test_it_says_what_a_complete_check_says(schema: dict[str, Any], value: Any) -> None:  # S3.04
    theirs = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (problem(value, schema) is None) == theirs
    assert unknown_words(schema) == set()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "$.score: is missing"),
        ({"score": True}, "$.score: must be integer"),
        ({"score": 1, "tags": ["a", 2]}, "$.tags[1]: must be string"),
        ({"score": 1, "x": 1}, "$: 'x' is not a member"),
        ({"score": 200}, "$.score: must be at most 100"),
        ({"score": 1, "who": {"name": 3}}, "$.who.name: must be string"),
        ({"score": 1}, None),
    ],
)
def test_it_names_the_place_and_the_trouble(value: Any, said: str | None) -> None:
    schema = {
        "type": "object", "required": ["score"], "additionalProperties": False,
        "properties": {
            "score": {"type": "integer", "maximum": 100}, "tags": {"type": "array", "items": {"type": "string"}},
            "who": {"$ref": "#/$defs/Who"},
        },
        "$defs": {"Who": {"type": "object", "properties": {"name": {"type": "string"}}}},
    }  # fmt: skip
    assert problem(value, schema) == said


def test_words_it_does_not_know_are_named_and_a_circle_ends() -> None:
    assert unknown_words({"properties": {"a": {"pattern": "x", "not": {}}}}) == {"pattern", "not"}
    circle = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert "nested too deeply" in (problem(1, circle) or "")
