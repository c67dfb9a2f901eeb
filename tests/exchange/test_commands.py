"""`headwater import` and `headwater export`, in this process on a database of their own."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from db.import_commands import export_app, import_app

Ask = Callable[..., str]


@pytest.fixture
def headwater(db_url: str, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs a command; gives its standard output, or all it said when it was to fail."""
    monkeypatch.setenv("DATABASE_URL", db_url)

    def ask(*words: str, status: int = 0) -> str:
        app = {"import": import_app, "export": export_app}[words[0]]
        done = CliRunner().invoke(app, list(words[1:]))
        assert done.exit_code == status, done.output + done.stderr
        return done.output + done.stderr if status else done.stdout

    return ask


def read(said: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said[said.index("{") :])
    return found


def test_a_file_in_and_out(headwater: Ask, tmp_path: Path) -> None:
    file = tmp_path / "firms.csv"
    file.write_bytes("Firm;Land;Web\nMüller;DE;müller.de\nX;Narnia;\n".encode("cp1252"))
    words = ("import", "companies", str(file), "--map", "name=Firm", "--map", "country=Land", "--map", "domain=Web")
    dry = read(headwater(*words, "--dry-run", "--json"))
    done = read(headwater(*words, "--json"))
    assert (dry["created"], done["created"], done["bad"], done["dry_run"]) == (1, 1, 1, False)
    assert "Windows-1252" in done["notes"][0]
    assert read(headwater(*words, "--json"))["again"] is True
    assert [i["id"] for i in read(headwater("import", "list", "--json"))["items"]] == [done["id"], dry["id"]]
    assert read(headwater("import", "show", done["id"], "--json"))["first_errors"][0]["row"] == 3
    assert "bad_country" in headwater("import", "errors", done["id"])
    out = tmp_path / "out.csv"
    headwater("export", "companies", "--out", str(out))
    assert [(c["name"], c["domain"]) for c in csv.DictReader(io.StringIO(out.read_text()))] == [
        ("Müller", "xn--mller-kva.de")
    ]
    assert "key_hash" in headwater("export", "suppressions")
    assert "contact_email" in headwater("export", "leads")


def test_nonsense_is_status_2_and_a_refusal_1(headwater: Ask, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a,b\n")
    assert "--map name=THEIRS" in headwater("import", "companies", str(file), status=2)
    assert "cannot be read" in headwater("import", "companies", str(tmp_path / "no.csv"), status=2)
    headwater("import", "companies", str(file), "--map", "name", status=2)
    headwater("import", "show", "01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01", status=1)
