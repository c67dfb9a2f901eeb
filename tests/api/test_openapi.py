"""The document is complete: somebody who has nothing else can write a client."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from api import openapi

#: Nobody waits for a body there.
EMPTY = {"204", "304"}


@cache
def document() -> dict[str, Any]:
    """Made once: every test only reads it."""
    return openapi.document()


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.mark.slow
def test_it_is_valid_openapi_3_1() -> None:
    # S2.18
    made = document()
    assert made["openapi"].startswith("3.1")
    validate(made)
    assert set(made["components"]["securitySchemes"]) == {
        "bearer",
        "jobSecret",
        "webhookSecret",
        "trengoSignature",
        "metaSignature",
        "metaVerifyToken",
    }


@pytest.mark.slow
def test_it_is_deterministic() -> None:
    assert json.dumps(document()) == json.dumps(openapi.document())


def test_every_operation_is_described_tagged_and_named_once() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in document()["tags"]}
    for name, operation in operations():
        assert operation.get("description"), f"{name} has no docstring"
        assert operation.get("tags"), f"{name} has no tag"
        assert set(operation["tags"]) <= tags, f"{name}: describe its tag in api/openapi.py"


def test_every_answer_has_an_example_and_every_example_is_true_to_its_schema() -> None:
    made = document()
    schemas = made["components"]["schemas"]

    def shows(part: dict[str, Any]) -> bool:
        """An example of its own, of a member, or of the schema it refers to."""
        if part.keys() & {"example", "examples"}:
            return True
        if "$ref" in part:
            return shows(schemas[part["$ref"].rsplit("/", 1)[1]])
        inner = [part["items"]] if "items" in part else [*part.get("properties", {}).values(), *part.get("anyOf", [])]
        return any(shows(each) for each in inner)

    for name, operation in operations():
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values():
                assert "example" in content or shows(content.get("schema", {})), f"{name} {status}: api/examples.py"
    for name, schema in schemas.items():
        for example in schema.get("examples", []):
            whole = {"$ref": f"#/components/schemas/{name}", "components": made["components"]}
            wrong = [error.message for error in Draft202012Validator(whole).iter_errors(example)]
            assert wrong == [], name


def _loose(schema: dict[str, Any]) -> str | None:
    """What an input of this schema leaves open, if anything."""
    for part in schema.get("anyOf", [schema]):
        part = part.get("items", part)
        kind, said = part.get("type"), part.keys()
        if kind in ("integer", "number") and not (
            said & {"minimum", "exclusiveMinimum"} and said & {"maximum", "exclusiveMaximum"}
        ):
            return "has no bounds"
        if kind == "string" and not said & {"maxLength", "format", "enum", "const", "pattern"}:
            return "has no length"
    return None


def test_every_number_asked_for_is_bounded_and_every_string_has_a_length() -> None:
    # S2.14
    schemas = document()["components"]["schemas"]
    asked = json.dumps([operation.get("requestBody", {}) for _, operation in operations()])
    bodies = {name for name in schemas if f'"#/components/schemas/{name}"' in asked}
    assert len(bodies) > 5
    for name, operation in operations():
        for parameter in operation.get("parameters", []):
            assert _loose(parameter["schema"]) is None, f"{name} {parameter['name']} {_loose(parameter['schema'])}"
    for name in bodies:
        for member, part in schemas[name].get("properties", {}).items():
            assert _loose(part) is None, f"{name}.{member} {_loose(part)}"


def test_it_says_how_names_are_spelt() -> None:
    # R24
    made = document()
    assert "camelCase" in made["info"]["description"]
    written = made["components"]["schemas"]
    assert "accessToken" in written["Tokens"]["properties"]
    assert "started_at" in written["RunView"]["properties"]


def test_every_answer_has_a_shape() -> None:
    for name, operation in operations():
        assert "422" not in operation["responses"], name
        for status, response in operation["responses"].items():
            if status not in EMPTY:
                assert response.get("content"), f"{name} {status} has no shape"
            for kind, content in response.get("content", {}).items():
                if int(status) >= 400 and kind != "application/json":
                    assert kind == "application/problem+json"
                    assert content["example"]["status"] == int(status)
                    assert content["schema"]


def test_every_body_has_an_example() -> None:
    schemas = document()["components"]["schemas"]
    for name, operation in operations():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        text = json.dumps(content)
        for schema, shape in schemas.items():
            if f'"#/components/schemas/{schema}"' in text:
                assert "example" in json.dumps(shape), f"{name}: {schema} shows no example"
