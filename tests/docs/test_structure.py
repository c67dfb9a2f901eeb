"""Every fenced block, command, path and link of the documents is one that exists. S2.17, B.10."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.core import TyperGroup
from typer.exceptions import TyperException

from contracts import alert_words, isolation
from headwater import Doors
from tests.docs.fences import PAGES, ROOT, Block, Misplaced, all_blocks, blocks, collected, commands
from worker.crm_sync import erasure

#: What a block that is not run may call beside our own commands: programs of whoever runs an installation.
OTHERS = {"docker", "kubectl", "systemctl", "pg_dump"}

#: Where a collector of traces listens: not ours.
COLLECTOR = "/v1/traces"


def test_every_block_says_what_it_is() -> None:
    found = list(all_blocks())
    assert {block.page for block in found} >= {
        "README.md",
        "docs/getting-started.md",
        "docs/api-guide.md",
        "docs/runbook.md",
    }
    assert [block.where for block in found if not block.text.strip()] == []


@pytest.mark.parametrize(
    ("opening", "text", "said"),
    [
        ("", "headwater doctor", "language ''"),
        ("bash", "headwater doctor", "language 'bash'"),
        ("console", "$ headwater doctor", "language 'console'"),
        ("http", "GET /v1/leads", "language 'http'"),
        ("sh skip", "make demo", "only `no-run: REASON`"),
        ("sh no-run:", "make demo", "wants its reason"),
        ("sh no-run: slow", "make demo", "wants its reason"),
        ("json no-run: nobody reads this", "{}", "nothing runs a block of json"),
        ("text", "curl -s localhost:5050/v1/leads", "is to be typed"),
        ("text", "headwater keys create --role ops", "is to be typed"),
    ],
)
def test_a_block_that_nobody_would_check_is_refused(opening: str, text: str, said: str) -> None:
    with pytest.raises(Misplaced, match=re.escape(said)):
        blocks("page.md", f"words\n\n```{opening}\n{text}\n```\n")


def test_a_block_that_is_never_closed_is_refused() -> None:
    with pytest.raises(Misplaced, match="never closed"):
        blocks("page.md", "```sh\nheadwater doctor\n")


def test_json_and_yaml_can_be_read() -> None:
    for block in all_blocks():
        if block.language == "json":
            json.loads(block.text)
        elif block.language == "yaml":
            assert yaml.safe_load(block.text), block.where


def test_pictures_are_of_a_kind_that_is_drawn_and_close_what_they_open() -> None:
    for block in all_blocks():
        if block.language == "mermaid":
            assert re.match(r"(flowchart (LR|TD)|sequenceDiagram|stateDiagram-v2)\n", block.text), block.where
            opened = [block.text.count(each) for each in "([{"]
            assert opened == [block.text.count(each) for each in ")]}"], block.where
            assert block.text.count('"') % 2 == 0, block.where


@pytest.mark.parametrize("block", collected("sh"), ids=lambda block: block.where)
def test_our_commands_in_a_block_parse(block: Block) -> None:
    for words in commands(block.text):
        if "headwater" in words:
            parse(words[words.index("headwater") + 1 :], block.where)


@pytest.mark.parametrize(
    "words", [["runs", "shows", "x"], ["runs", "show"], ["doctor", "--urll", "x"], ["db", "backup"]]
)
def test_a_command_that_does_not_exist_is_found(words: list[str]) -> None:
    with pytest.raises(AssertionError):
        parse(words, "here")


def test_what_is_not_run_calls_programs_that_are_known_and_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    for block in all_blocks():
        if block.language != "sh" or block.no_run is None:
            continue
        for words in commands(block.text):
            first = next((word for word in words if not re.match(r"^[A-Z_]+=", word)), "export")
            assert first in OTHERS | {"headwater", "make", "curl"}, f"{block.where}: {first}"
            if first == "make":
                assert words[1] in targets, f"{block.where}: make {words[1]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_paths_of_the_api_exist(page: Path) -> None:
    for path in _named_paths(page.read_text(encoding="utf-8")):
        assert any(_fits(path, each) for each in _paths()), f"{page.name}: {path}"


def test_a_path_that_does_not_exist_is_found() -> None:
    [path] = _named_paths("see `GET /v1/runs/$RUN_ID`")
    assert not any(_fits(path, each) for each in _paths())


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = _prose(page)
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in _anchors(file), f"{page.name}: {target}"
    for named in re.findall(r"`(docs/[\w/-]+\.(?:md|json))`", text):
        assert (ROOT / named).exists(), f"{page.name}: {named}"


def test_every_alert_has_a_page_of_the_runbook() -> None:
    # S4.06
    runbooks = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("runbook*.md"))]
    told = {
        name
        for text in runbooks
        for line in text.splitlines()
        if line.startswith(("#", "Alerts: "))
        for name in _names(line)
    }
    assert _alerts() - told == set()


def test_the_runbook_names_no_alert_that_does_not_exist() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    told = {name for line in text.splitlines() if line.startswith("Alerts: ") for name in _names(line)}
    assert told - _alerts() == set()


def _names(line: str) -> list[str]:
    return re.findall(r"`([a-z_.]+)`", line)


def _alerts() -> set[str]:
    """Rules with words of their own, and those that are opened by name somewhere."""
    raised = {*alert_words._SENTENCES, isolation.RULE, erasure.RULE}
    for package in ("db", "worker"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            raised |= set(re.findall(r"""alerts\.raise_\([^")]*"([a-z_]+\.[a-z_]+)\"""", text))
    return raised


def parse(words: list[str], where: str) -> None:
    """Hold the words of a command against its parser, values aside: a variable of the shell may stand for any."""
    command: Any = Doors(name="headwater")
    context: Any = command.make_context("headwater", [], resilient_parsing=True)
    rest = [word for word in words if not word.startswith(("2", "/dev"))] if "/dev/null" in words else list(words)
    while isinstance(command, TyperGroup):
        if not rest or rest[0] in ("--help", "--version"):
            return
        inner = command.get_command(context, rest[0])
        assert inner is not None, f"{where}: headwater {' '.join(words)}: there is no {rest[0]!r}"
        command, rest = inner, rest[1:]
        context = type(context)(command, parent=context)
    _hold(command, context, rest, f"{where}: headwater {' '.join(words)}")


def _hold(command: Any, context: Any, rest: list[str], where: str) -> None:
    try:
        given, left, _ = command.make_parser(context).parse_args(list(rest))
    except TyperException as error:
        raise AssertionError(f"{where}: {error}") from error
    assert left == [], f"{where}: {left} are too many"
    if "help" in given:
        return
    for parameter in command.params:
        value = given.get(parameter.name)
        missing = value in (None, ()) and parameter.required
        assert not missing, f"{where}: {parameter.name} is missing"


@cache
def _paths() -> frozenset[str]:
    return frozenset(json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"])


def _named_paths(text: str) -> set[str]:
    found = re.findall(r"(?<![\w.}-])(/(?:v1|api|admin|export)/[\w/{}$-]+(?:\.csv)?|/healthz|/readyz|/metrics)", text)
    return {path.rstrip("/") for path in found} - {COLLECTOR}


def _fits(named: str, path: str) -> bool:
    """Whether a document means `path`. It may name the front of several (`/v1/privacy`), and put anything where a parameter is."""
    ours, theirs = named.strip("/").split("/"), path.strip("/").split("/")
    if len(ours) > len(theirs):
        return False
    pairs = zip(ours, theirs[: len(ours)], strict=True)
    return all(given == wanted or wanted.startswith("{") for given, wanted in pairs)


def _prose(page: Path) -> str:
    """A page without its blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def _anchors(file: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", _prose(file), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}
