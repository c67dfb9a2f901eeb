"""A tenant's word on which source wins, over HTTP and by command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, HOME, Served

AT = "/v1/survivorship"
BY_DEFAULT: dict[str, Any] = {"default": "highest_confidence", "fields": {}, "source_order": []}
WANTED: dict[str, Any] = {"default": "latest", "fields": {"phone": "source_order"}, "source_order": ["site", "pdl"]}


def test_the_policy_is_read_set_and_taken_back_audited(api: Served) -> None:
    # B.08
    ops = api.as_(Role.OPS)
    assert api.client.get(AT, headers=ops).json() == BY_DEFAULT
    body = {"default": "latest", "fields": {"phone": "source_order"}, "sourceOrder": ["site", "pdl"]}
    assert api.client.put(AT, json=body, headers=ops).json() == WANTED
    assert api.client.get(AT, headers=ops).json() == WANTED
    assert api.client.get(AT, headers=api.as_(Role.OPS, ABROAD)).json() == BY_DEFAULT
    assert api.client.put(AT, json={}, headers=ops).json() == BY_DEFAULT
    told = api.rows("SELECT detail FROM audit_log WHERE action = 'policy.set' ORDER BY id")
    assert [json.loads(row["detail"])["value"] for row in told] == [WANTED, None]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"default": "loudest"}, "invalid_request"),
        ({"fields": {"Phone Number": "latest"}}, "invalid_request"),
        ({"rules": {}}, "invalid_request"),
        ({"default": "source_order"}, "no_source_order"),
        ({"source_order": ["site", "site"]}, "source_twice"),
    ],
)
def test_what_makes_no_sense_is_refused(api: Served, body: dict[str, Any], code: str) -> None:
    answer = api.client.put(AT, json=body, headers=api.as_(Role.OPS))
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_only_ops_see_and_set_it(api: Served) -> None:
    assert api.client.get(AT, headers=api.as_(Role.ANALYST)).status_code == 403
    assert api.client.put(AT, json={}, headers=api.as_(Role.ANALYST)).status_code == 403


def test_the_command_sets_what_the_route_shows(api: Served) -> None:
    words = ["set", "--default", "latest", "--field", "phone=source_order", "--source", "site", "--source", "pdl"]
    done = subprocess.run(
        [sys.executable, "-m", "headwater", "survivorship", *words, "--tenant", HOME, "--json"],
        env={**os.environ, "DATABASE_URL": api.database_url}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout) == api.client.get(AT, headers=api.as_(Role.OPS)).json() == WANTED
    wrong = subprocess.run(
        [sys.executable, "-m", "headwater", "survivorship", "set", "--field", "phone", "--tenant", HOME],
        env={**os.environ, "DATABASE_URL": api.database_url}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (wrong.returncode, "NAME=RULE" in wrong.stderr) == (2, True)
