"""The document is complete: somebody who has nothing else can write a client."""

from __future__ import annotations

import json
from typing import Any

from openapi_spec_validator import validate

from api.openapi import document

#: Nobody waits for a body there.
EMPTY = {"204", "304"}


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_valid_openapi_3_1() -> None:
    # S2.18
    made = document()
    assert made["openapi"].startswith("3.1")
    validate(made)
    assert set(made["components"]["securitySchemes"]) == {"bearer", "jobSecret"}


def test_it_is_deterministic() -> None:
    assert json.dumps(document()) == json.dumps(document())


def test_every_operation_is_described_tagged_and_named_once() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in document()["tags"]}
    for name, operation in operations():
        assert operation.get("description"), f"{name} has no docstring"
        assert operation.get("tags"), f"{name} has no tag"
        assert set(operation["tags"]) <= tags, f"{name}: describe its tag in api/openapi.py"


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
