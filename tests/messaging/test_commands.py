"""`headwater messages`, `suppressions` and `privacy`, in this process on a database of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from db.message_commands import messages_app
from db.privacy_commands import privacy_app
from db.suppression_commands import suppressions_app

Ask = Callable[..., Any]
APPS = {"messages": messages_app, "suppressions": suppressions_app, "privacy": privacy_app}


@pytest.fixture
def headwater(db_url: str, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs a command: its JSON, or what it said when it was to fail."""
    monkeypatch.setenv("DATABASE_URL", db_url)

    def ask(group: str, *words: str, status: int = 0, json_: bool = True) -> Any:
        done = CliRunner().invoke(APPS[group], [*words, *(["--json"] if json_ else [])])
        assert done.exit_code == status, done.output + done.stderr
        said = done.output + done.stderr
        return json.loads(done.stdout[done.stdout.index("{") :]) if json_ and "{" in done.stdout else said

    return ask


def test_the_list_is_written_asked_and_shortened(headwater: Ask) -> None:  # B.09
    made = headwater("suppressions", "add", "+27 82 123 4567", "--reason", "asked by phone")
    assert (made["key_type"], made["channel"]) == ("phone", "any")
    assert headwater("suppressions", "add", "https://linkedin.com/in/Jane")["key_type"] == "person"
    assert headwater("suppressions", "add", "acme.com")["key_type"] == "domain"
    assert headwater("suppressions", "check", "0027821234567", status=1)["entry"]["id"] == made["id"]
    assert headwater("suppressions", "check", "jane@shop.acme.com", status=1)["suppressed"]
    assert headwater("suppressions", "check", "jane@acme.org") == {"suppressed": False, "entry": None}
    assert len(headwater("suppressions", "list")["items"]) == 3
    headwater("suppressions", "remove", made["id"], json_=False)
    assert len(headwater("suppressions", "list")["items"]) == 2
    assert "--type" in headwater("suppressions", "add", "nonsense", status=2, json_=False)


def test_an_erasure_wants_a_yes_and_says_what_it_did(headwater: Ask) -> None:  # B.09
    assert "--dry-run" in headwater("privacy", "erase", "--email", "jane@acme.com", status=2, json_=False)
    assert "say who" in headwater("privacy", "erase", "--yes", status=2, json_=False)
    counted = headwater("privacy", "erase", "--email", "jane@acme.com", "--dry-run")
    assert (counted["dry_run"], counted["suppressions"]) == (True, 1)
    assert headwater("suppressions", "list")["items"] == []
    assert headwater("privacy", "erase", "--email", "jane@acme.com", "--yes")["left"] == {}
    assert headwater("suppressions", "list")["items"][0]["erased"]
    exported = headwater("privacy", "export", "--email", "jane@acme.com", json_=False)
    assert json.loads(exported[exported.index("{") :])["suppressed"]


def test_messages_are_listed_and_the_opt_in_is_a_switch(headwater: Ask) -> None:  # R20
    assert headwater("messages", "list") == {"items": [], "next_cursor": None}
    assert headwater("messages", "settings")["auto_send"] is False
    assert headwater("messages", "settings", "--auto-send")["auto_send"] is True
    assert headwater("messages", "settings")["auto_send"] is True
    missing = "00000000-0000-7000-8000-000000000000"
    assert "message_not_found" in headwater("messages", "approve", missing, status=1, json_=False)
    assert "message_not_found" in headwater("messages", "reject", missing, status=1, json_=False)
