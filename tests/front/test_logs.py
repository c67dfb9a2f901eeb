"""Log lines as an operator reads them (S2.17)."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import logging, sys, structlog
from contracts.settings import Settings
from front.logs import configure_logging
configure_logging(Settings(log_format=sys.argv[1], log_level="INFO"), "headwater-test")
for say in (logging.getLogger("uvicorn.error").exception, structlog.get_logger("ours").exception):
    try:
        raise ValueError("no such mountain")
    except ValueError:
        say("it broke")
"""


def said(how: str) -> str:
    run = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True, timeout=60)
    return run.stderr


def test_an_error_of_a_library_shows_where_it_came_from_as_ours_do() -> None:
    lines = [json.loads(line) for line in said("json").splitlines()]
    assert [line["event"] for line in lines] == ["it broke", "it broke"]
    for line in lines:
        assert line["exception"].startswith("Traceback")
        assert line["exception"].endswith("ValueError: no such mountain")
        assert "exc_info" not in line
        assert line["service"] == "headwater-test"


def test_to_a_person_as_well() -> None:
    assert said("console").count("ValueError: no such mountain") == 2
