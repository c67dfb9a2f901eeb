"""Queries with their values written into them: only what needs no escaping gets in."""

from __future__ import annotations

from uuid import UUID

import pytest

from db import faults
from db.lending import OWED
from db.sql import filled
from db.transaction import DbRole, opening


def test_values_stand_in_their_places_and_the_name_before() -> None:
    text = filled("jobs", "complete", UUID(int=1), UUID(int=2), 3)
    assert text == f"/* jobs.complete */ CALL app.complete('{UUID(int=1)}', '{UUID(int=2)}', 3)"


@pytest.mark.parametrize("value", ["'; DROP TABLE app.runs; --", True, 1.5, None, b"x"])
def test_any_other_value_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        filled("jobs", "complete", UUID(int=1), UUID(int=2), value)  # type: ignore[arg-type]


def test_a_fault_point_is_named_by_what_a_message_does() -> None:
    begin = opening(DbRole.APP, UUID(int=1), read_only=True)
    fenced = f"{begin}; {filled('jobs', 'complete', UUID(int=1), UUID(int=2), 3)}"
    assert [faults._name(each) for each in (begin, OWED + begin)] == ["begin", "begin"]
    assert [faults._name(each) for each in (fenced, OWED + fenced)] == ["jobs.complete", "jobs.complete"]
    assert faults._name("COMMIT") == "commit"
