"""`headwater runs`, beside everything running."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.front.programs import Up, run

pytestmark = pytest.mark.slow

LIVELY = ("--channel", "register", "--channel", "google", "--max-companies", "10")


@pytest.fixture
def headwater(running: Up) -> Any:
    """Runs a command on that installation's database: (exit status, stdout, stderr)."""

    def ask(*words: str) -> tuple[int, str, str]:
        done = run(*words, HEADWATER_DATA=str(running.data), LOG_LEVEL="WARNING")
        return done.returncode, done.stdout, done.stderr

    return ask


def test_a_run_is_made_watched_listed_and_verified(headwater: Any) -> None:
    # B.01 B.02
    status, said, progress = headwater("runs", "create", *LIVELY, "--wait", "--json")
    made = json.loads(said)
    assert (status, made["status"], made["counts"]["companies_created"]) == (0, "completed", 10), progress
    status, said, _ = headwater("runs", "list", "--status", "completed", "--json")
    assert made["id"] in [each["id"] for each in json.loads(said)["items"]]
    status, said, _ = headwater("runs", "show", made["id"])
    assert "«workwear manufacturers Johannesburg»" in said
    status, said, _ = headwater("runs", "verify", made["id"], "--json")
    checked = json.loads(said)
    assert (status, checked["ok"], checked["lost"], checked["doubled"]) == (0, True, 0, 0)
    status, said, _ = headwater("runs", "timeline", made["id"], "--json")
    whats = {moment["what"] for moment in json.loads(said)["moments"]}
    assert whats >= {"run", "event", "execution", "vendor_call", "slice", "lead"}


def test_progress_is_shown_and_a_failed_run_is_a_failed_command(headwater: Any) -> None:
    status, said, progress = headwater("runs", "create", "--channel", "register", "--query", "zzz", "--wait")
    assert status == 0
    assert "1 of 1 slices" in progress
    assert "completed" in said


def test_one_key_is_one_run(headwater: Any) -> None:
    key = ("--idempotency-key", uuid4().hex, "--dry-run", "--json")
    first, again = (json.loads(headwater("runs", "create", *LIVELY, *key)[1])["id"] for _ in range(2))
    assert first == again
    status, _, said = headwater("runs", "create", "--channel", "google", *key)
    assert status == 1
    assert "idempotency_key_reused" in said


def test_an_ended_run_cannot_be_cancelled(headwater: Any) -> None:
    made = json.loads(headwater("runs", "create", *LIVELY, "--wait", "--json")[1])
    status, _, said = headwater("runs", "cancel", made["id"])
    assert status == 1
    assert "run_ended" in said


@pytest.mark.parametrize(
    ("words", "expected", "said"),
    [
        (("create", "--channel", "fax"), 2, "--channels: Input should be"),
        (("create", "--max-companies", "0"), 2, "--max-companies: "),
        (("create", "--channel", "google", "--provider", "gleif"), 2, "either channels or provider"),
        (("list", "--tenant", "nobody"), 1, "headwater tenants list"),
        (("show", "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01"), 1, "headwater runs list"),
    ],
)
def test_what_cannot_be_done_says_the_next_step(
    headwater: Any, words: tuple[str, ...], expected: int, said: str
) -> None:
    status, out, errors = headwater("runs", *words)
    assert status == expected
    assert out == ""
    assert said in errors
