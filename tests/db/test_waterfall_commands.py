"""`headwater waterfalls`, as somebody in a shell has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.errors import Invalid
from db.waterfall_commands import waterfalls_app


@pytest.fixture
def headwater(db_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs `headwater waterfalls …`; gives JSON, or the words."""
    monkeypatch.setenv("DATABASE_URL", db_url)
    monkeypatch.setenv("LOG_LEVEL", "ERROR")

    def run(*words: object, status: int = 0) -> Any:
        done = CliRunner().invoke(waterfalls_app, [str(word) for word in words])
        if isinstance(done.exception, Invalid):  # `headwater` prints it
            assert status == 2
            return done.exception.detail
        assert done.exit_code == status, done.output
        return json.loads(done.stdout) if "--json" in words else done.output

    run("list")  # makes the tenant, and says so
    return run


def orders(found: Any, field: str) -> list[tuple[str, list[str]]]:
    [view] = [view for view in found["items"] if view["field"] == field]
    return [(order["stage"], order["operations"]) for order in view["orders"]]


def test_an_order_is_watched_followed_and_listed(headwater: Callable[..., Any]) -> None:
    # B.08
    said = headwater("list")
    assert said.count("by list price") == said.count("nobody was asked yet") == 4
    watched = headwater("propose", "email", "apollo.match", "hunter.find", "--json")
    assert orders(watched, "email") == [("SHADOW", ["apollo.match", "hunter.find"])]
    [order] = [o for view in watched["items"] for o in view["orders"]]
    assert orders(headwater("promote", order["id"], "--json"), "email") == [("ACTIVE", ["apollo.match", "hunter.find"])]
    assert orders(headwater("list", "--json"), "email") == [("ACTIVE", ["apollo.match", "hunter.find"])]
    assert order["id"] in headwater("list")
    assert "order_not_found" in headwater("promote", order["id"], status=1), "it is followed already"


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("propose", "phone", "hunter.find"), 2, "fields are company, people, email, verification"),
        (("propose", "email", "hunter"), 2, "operations look like hunter.find"),
        (("propose", "email", "hunter.find", "hunter.find"), 2, "hunter.find is named twice"),
        (("propose", "email"), 2, "Missing argument"),
        (("promote", "not-an-id"), 2, "Invalid value"),
        (("promote", "00000000-0000-7000-8000-000000000000"), 1, "headwater waterfalls list"),
        (("list", "--tenant", "nobody"), 1, "there is no tenant 'nobody'"),
        (("propose", "email", "hunter.find", "--tenant", "nobody"), 1, "there is no tenant 'nobody'"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_in_words(
    headwater: Callable[..., Any], words: tuple[object, ...], status: int, says: str
) -> None:
    assert says in " ".join(headwater(*words, status=status).split())
    assert all(view["orders"] == [] for view in headwater("list", "--json")["items"])
