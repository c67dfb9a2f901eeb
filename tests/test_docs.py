"""What the documents say exists: settings, commands, files."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from typer.core import TyperGroup

from contracts.run_replays import INSTEAD
from contracts.settings import Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_setting_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z][A-Z_]+)`", readme))
    assert {name.upper() for name in Settings.model_fields} - named == set()


def test_the_readme_names_no_setting_that_does_not_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in readme.splitlines() if line.startswith("| `") and line.count("|") == 4]
    named = {name for row in rows for name in re.findall(r"`([A-Z][A-Z_]+)`", row)}
    assert named - {name.upper() for name in Settings.model_fields} == set()


@cache
def _commands() -> frozenset[str]:
    from headwater import DOORS, Doors

    doors = Doors(name="headwater")
    found = set(DOORS)
    for name in DOORS:
        behind = doors.get_command(None, name)
        if isinstance(behind, TyperGroup):
            found |= {f"{name} {inner}" for inner in behind.commands}
    return frozenset(found)


def _named(text: str, before: str) -> set[str]:
    """Commands that a text names, by the words of which they are found."""
    commands = _commands()
    groups = {name.split()[0] for name in commands if " " in name}
    found = re.findall(rf"(?:{before})headwater ([a-z]+)(?: ([a-z]+(?:-[a-z]+)*))?", text, re.MULTILINE)
    return {f"{first} {second}" if second and first in groups else first for first, second in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_the_documents_exist(document: Path) -> None:
    assert _named(document.read_text(encoding="utf-8"), "^|`") - _commands() == set()


@pytest.mark.parametrize("package", ["api", "contracts", "db", "front", "worker"])
def test_commands_that_the_program_tells_people_to_run_exist(package: str) -> None:
    for each in sorted((ROOT / package).rglob("*.py")):
        assert _named(each.read_text(encoding="utf-8"), "`") - _commands() == set(), each
    for each in sorted((ROOT / package).rglob("*.html")):
        assert _named(each.read_text(encoding="utf-8"), "<code>") - _commands() == set(), each


def test_what_does_the_like_of_a_replay_exists() -> None:
    # B.03
    from headwater import Doors

    doors = Doors(name="headwater")
    for kind, words in INSTEAD.items():
        for line in re.findall(r"`headwater ([^`]+)`", words):
            name, *rest = line.split()
            command = doors.get_command(None, name)
            if isinstance(command, TyperGroup):
                command = command.commands.get(rest[0])
            assert command is not None, f"{kind}: headwater {line}"
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in rest if word.startswith("--")} <= known, f"{kind}: headwater {line}"


@pytest.mark.parametrize("document", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda path: path.name)
def test_decisions_end_in_files_that_exist(document: Path) -> None:
    last = document.read_text(encoding="utf-8").split("Files:")[-1]
    named = re.findall(r"`([\w/.-]+)`", last)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_make_help_lists_every_target_and_documents_name_only_those() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[0].split())
    listed = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    assert phony == listed
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= listed, document.name


_ID = re.compile(r"\b(?:S\d\.\d\d|[BC]\.\d\d|R\d{1,2})\b")
_TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")


def _acceptance() -> list[tuple[str, str, str]]:
    """(id, state, tests or what is missing) of every row, as often as it stands there."""
    text = (ROOT / "docs" / "acceptance.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    return [(row[0], row[1], row[2]) for row in rows if _ID.fullmatch(row[0])]


def test_every_id_stands_in_the_acceptance_table_once() -> None:
    ids = [each for each, _, _ in _acceptance()]
    assert [each for each in ids if ids.count(each) > 1] == []
    expected = {"S0": 19, "S1": 10, "S2": 20, "S3": 20, "S4": 12, "C": 6, "B": 10}
    numbers = {f"{group}.{n:02}" for group, last in expected.items() for n in range(1, last + 1)}
    assert set(ids) == numbers | {f"R{n}" for n in range(1, 27)}


def test_tests_named_by_the_acceptance_table_exist_and_name_the_id() -> None:
    text = (ROOT / "docs" / "acceptance.md").read_text(encoding="utf-8")
    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path, _ in set(_TEST.findall(text))}
    for path, name in _TEST.findall(text):
        assert re.search(rf"^\s*(async )?def {name}\(", sources[path], re.MULTILINE), f"{path} has no {name}"
    for each, state, told in _acceptance():
        shown = _TEST.findall(told)
        assert state in ("shown", "part", "later"), each
        assert bool(shown) == (state != "later"), f"{each} is {state}"
        assert ("missing: " in told) == (state == "part"), each
        for path, _ in shown:
            assert re.search(rf"\b{re.escape(each)}\b", sources[path]), f"{path} does not name {each}"


def test_what_tests_name_is_not_called_later() -> None:
    built = {each for each, state, _ in _acceptance() if state != "later"}
    for path in (ROOT / "tests").rglob("test_*.py"):
        named = set(_ID.findall(path.read_text(encoding="utf-8")))
        assert named <= built, f"docs/acceptance.md calls later what {path.name} names: {named - built}"


def test_nothing_names_a_machine_or_a_registry() -> None:
    """Paths of one machine, and addresses of package registries, are true nowhere else."""
    told = re.compile("|".join(["/wo" + "rk/", "/ho" + r"me/\w", "/ro" + "ot/", "pyp" + r"i\.", "python" + "hosted"]))
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout: git ls-files says which files are the project's")
    found = [
        f"{name}:{number}"
        for name in tracked.stdout.splitlines()
        if not name.endswith(".gz") and (ROOT / name).is_file()
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1)
        if told.search(line)
    ]
    assert found == []
