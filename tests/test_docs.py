"""What the documents say exists: settings, commands, files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.core import TyperGroup

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


def _commands() -> set[str]:
    from headwater import DOORS, Doors

    doors = Doors(name="headwater")
    found = set(DOORS)
    for name in DOORS:
        behind = doors.get_command(None, name)
        if isinstance(behind, TyperGroup):
            found |= {f"{name} {inner}" for inner in behind.commands}
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_the_documents_exist(document: Path) -> None:
    commands = _commands()
    groups = {name.split()[0] for name in commands if " " in name}
    for first, second in re.findall(
        r"(?:^|`)headwater ([a-z]+)(?: ([a-z]+))?", document.read_text(encoding="utf-8"), re.MULTILINE
    ):
        assert first in commands, f"{document.name}: headwater {first}"
        if second and first in groups:
            assert f"{first} {second}" in commands, f"{document.name}: headwater {first} {second}"


@pytest.mark.parametrize("document", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda path: path.name)
def test_decisions_end_in_files_that_exist(document: Path) -> None:
    last = document.read_text(encoding="utf-8").split("Files:")[-1]
    named = re.findall(r"`([\w/.-]+)`", last)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
