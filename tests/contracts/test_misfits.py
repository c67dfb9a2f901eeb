"""What is said about data that does not fit."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from contracts.access import CreateKey
from contracts.misfits import in_words


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = "x"
    secret: Annotated[SecretStr, Field(min_length=8)] = SecretStr("long enough")

    @field_validator("name")
    @classmethod
    def _refuse(cls, value: str) -> str:
        if value == "bad":
            raise ValueError("choose another name")
        return value


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"nmae": "x"}', "there is no such field: leave it out, or correct its name"),
        ('{"name": "bad"}', "choose another name"),
        ('{"secret": "hush"}', "Value should have at least 8 characters, not 4"),
        ("[]", "Input should be an object"),
    ],
)
def test_it_is_said_without_pydantics_words_and_without_the_value(body: str, says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Asked.model_validate_json(body)
    assert [in_words(each) for each in refused.value.errors()] == [says]


@pytest.mark.parametrize(("body", "says"), [({"role": "god", "name": "x"}, "'ops' or 'owner'"), ({}, "is required")])
def test_choices_and_gaps_are_named(body: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CreateKey.model_validate(body)
    [said] = [in_words(each) for each in refused.value.errors()]
    assert said.endswith(says)
    assert "<" not in said
