"""`headwater demo`: what a newcomer is promised."""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.front.programs import MARK, family, run, until

pytestmark = pytest.mark.slow


def test_one_command_shows_the_whole_flow() -> None:
    # S0.01 S0.02 S0.09 B.01 B.02 C.03 C.04 C.05 C.06
    with tempfile.TemporaryDirectory(prefix="headwater-test-") as folder:
        # Enterable, as /tmp is: the embedded server may run as another user.
        Path(folder).chmod(0o755)
        mark, began = uuid4().hex, time.monotonic()
        # A caller's own settings are left out of it: this database is not there.
        shown = run("demo", TMPDIR=folder, DATABASE_URL="postgresql://127.0.0.1:1/none", **{MARK: mark})
        assert shown.returncode == 0, shown.stdout[-2000:] + shown.stderr[-3000:]
        assert time.monotonic() - began < 60
        until(lambda: not family(mark), "no process is left")
        assert list(Path(folder).iterdir()) == []
    said = shown.stdout
    assert max(len(line) for line in said.splitlines()) <= 130
    table = re.findall(r"^   (.+?)  +([A-Z]{2})  +(\S+)  +(google|register|google, register) *$", said, re.MULTILINE)
    assert len(table) >= 20
    assert {source for row in table for source in row[3].split(", ")} == {"google", "register"}
    assert any(row[3] == "google, register" for row in table), "a company both channels named is one lead"
    assert re.search(r"^   keyword +\(5 slices\) tavily answered 432", said, re.MULTILINE)
    assert "  partial" in said
    assert re.search(r"^8\. Qualified: 6 leads", said, re.MULTILINE)
    assert re.search(r"^   0\.\d\d (?:HIGH|MEDIUM) ", said, re.MULTILINE), "a score, with its rationale below it"
    assert re.search(r"drafts +wait for a person's yes", said)
    assert re.search(r"channels +google [1-9]\d*, keyword 0, register [1-9]", said)
    assert "pending 0, processing 0, failed 0" in said
    story = [
        said.index(text) for text in ("discovery.run queued", "discovery.fetch asked", "LeadDiscovered was written")
    ]
    assert story == sorted(story), "event, job, vendor call, next event"
    assert said.count("lost 0, doubled 0") == 2
