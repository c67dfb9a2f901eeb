"""Every command with words that make no sense, every setting with such values: one line, a documented status, no traceback."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import typer

import headwater
from contracts.settings import Settings
from tests.api.server_fixture import JWT_SECRET
from tests.front.programs import command, environment

#: Commands that would go on for ever: they are only asked with options that no command has.
LONG = {
    "up", "api", "worker", "sandbox", "demo", "bench", "soak", "trial", "recovery", "db serve", "db dump", "doctor", "openapi"
}  # fmt: skip
WORDS = [
    "", " ", "-", "--", "-x", "--no-such-option", "0", "-1", "1.5", "nan", "inf", "9" * 400, "1e400", "\x1b[31m", "\n", "🙂",

    "\udcff", "a" * 20_000, "../../etc/passwd", "'; DROP TABLE runs; --", "%s%n", "{}", "[1]",
    "00000000-0000-0000-0000-000000000000",
    "well-crafted", "no-such-tenant", "system", "sent", "9999d", "99999999d", "999999999.999d", "\u0661\u0662",
    "null", "a@b.c", "--json=1",
]  # fmt: skip


def tree(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Every command: its words, and what it takes."""
    context = typer.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if hasattr(found, "list_commands"):
            yield from tree(found, *path, name)
        else:
            yield " ".join((*path, name)), found


COMMANDS = dict(tree(typer.main.get_command(headwater.app)))


def lines(name: str, count: int) -> list[list[str]]:
    """Command lines: the arguments it wants, and some of its options, with values out of `WORDS`. The same every time."""
    dice = random.Random(name)
    if name in LONG:
        return [[*name.split(), "--no-such-option"], [*name.split(), "--port", "x", "--nothing"]]
    made = []
    for _ in range(count):
        said = name.split()
        for each in COMMANDS[name].params:
            if each.param_type_name == "argument":
                said += [dice.choice(WORDS)] * dice.choice([1, 1, 1, 0, 2])
            elif each.name != "wait" and dice.random() < 0.3:
                said += [each.opts[0]] + ([] if each.is_flag else [dice.choice(WORDS)])
        made.append(said)
    return made


def ended(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Exit status and stderr of a command run in this process."""
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "argv", ["headwater", *words])
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            headwater.main()
        except SystemExit as done:
            return int(done.code or 0), err.getvalue()
    return 0, err.getvalue()


@pytest.fixture
def here(db_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of an operator at a database of the test's own."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in {"DATABASE_URL": db_url, "JWT_SECRET": JWT_SECRET, "HEADWATER_DATA": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # words are names of files to some
    monkeypatch.setattr(headwater, "_end_as_by_ctrl_c", lambda: None)  # signals of the test process stay as they are
    monkeypatch.setattr("front.logs.configure_logging", lambda *_: None)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "count", [1, pytest.param(25, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])], ids=["some", "many"]
)
def test_no_words_make_a_command_break(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # S2.14
    wrong = []
    for words in (line for name in COMMANDS for line in lines(name, count)):
        try:
            status, said = ended(words, monkeypatch)
        except Exception as error:
            wrong.append(f"{words!r:.300}: {type(error).__name__}: {error!s:.300}")
            continue
        if status not in (0, 1, 2) or "Traceback" in said or (status == 2 and not said.strip()):
            wrong.append(f"{words!r:.300}: {status} {said:.300}")
    assert not wrong, "\n".join(wrong)


WRONG_VALUES = ["x\ty", "-1", "nan", "inf", "9" * 400, "🙂" * 3000, " ", "\u0661"]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_wrong_setting_is_named_and_not_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # S2.14: whatever is refused is refused by its variable's name, with status 2
    for each in Settings.model_fields:
        monkeypatch.delenv(each.upper(), raising=False)
    monkeypatch.setattr(headwater, "_end_as_by_ctrl_c", lambda: None)
    monkeypatch.setattr("front.logs.configure_logging", lambda *_: None)
    for value in WRONG_VALUES:
        monkeypatch.setenv(name.upper(), value)
        try:
            Settings()
        except ValueError:
            status, said = ended(["openapi"], monkeypatch)
            assert status == 2
            assert said.startswith(f"headwater: {name.upper()}")
            assert value.strip() == "" or len(value) < 5 or value not in said
    monkeypatch.setenv(name.upper(), "")
    assert getattr(Settings(), name) == Settings.model_fields[name].get_default(call_default_factory=True), (
        "empty is as if it were not set"
    )


def test_so_it_is_in_a_process_of_its_own() -> None:
    for words, status in ((["outbox", "show", "x"], 2), (["nothing"], 2), (["keys", "list", "--tenant", "x"], 1)):
        changes = {"DATABASE_URL": "postgresql://127.0.0.1:1/nowhere", "HEADWATER_DATA": os.devnull}
        done = subprocess.run(command(*words), env=environment(**changes), capture_output=True, text=True, timeout=110)
        assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
