"""`headwater staging` and `headwater queries`, as an operator types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from db.profile_commands import icp_app
from db.query_commands import queries_app
from db.staging_commands import staging_app
from tests.staging.rows import csv_file, row

APPS = {"staging": staging_app, "queries": queries_app, "icp": icp_app}


def run(url: str, group: str, *words: str) -> Result:
    return CliRunner().invoke(APPS[group], list(words), env={"DATABASE_URL": url})


def told(url: str, group: str, *words: str) -> Any:
    done = run(url, group, *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout[done.stdout.index("{") :])  # a log line may come first


def test_a_file_is_imported_and_its_status_is_shown(db_url: str, tmp_path: Path) -> None:
    # S3.18
    path = csv_file(tmp_path / "acra.csv", [row(1), row(2, uen="na")])
    done = run(db_url, "staging", "import", str(path))
    assert done.exit_code == 0, done.stderr
    assert "dropped: line 3: uen is missing" in done.stderr
    shown = told(db_url, "staging", "status")
    assert (shown["companies"], shown["imports"][0]["label"]) == (1, "acra.csv")
    nothing = run(db_url, "staging", "import", str(tmp_path / "none.csv"))
    assert (nothing.exit_code, "give the path of a CSV file" in nothing.stderr) == (2, True)


def test_queries_are_typed_in_made_and_taken_out(db_url: str) -> None:
    # S0.19
    added = told(db_url, "queries", "add", "Hotels  in Durban")
    assert added["text"] == "Hotels in Durban"
    run(db_url, "icp", "create", "cleaners", "--industry", "cleaning", "--country", "SG")
    made = told(db_url, "queries", "generate", "--profile", "cleaners")
    assert [query["text"] for query in made["added"]] == ["cleaning companies Singapore"]
    assert run(db_url, "queries", "remove", "hotels in durban").exit_code == 0
    assert [query["text"] for query in told(db_url, "queries", "list")["items"]] == ["cleaning companies Singapore"]
