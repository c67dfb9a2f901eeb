"""The commands, as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from api.openapi import document
from tests.api.server_fixture import JWT_SECRET

HEADWATER = (sys.executable, "-m", "headwater")


def environment(url: str, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "DATABASE_URL": url, "JWT_SECRET": JWT_SECRET, "PYTHONUNBUFFERED": "1", **more}


def run(url: str, *arguments: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HEADWATER, *arguments],
        env=environment(url, **more),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def told(url: str, *arguments: str, stdin: str = "") -> Any:
    done = run(url, *arguments, "--json", stdin=stdin)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def running(url: str, *arguments: str, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [*HEADWATER, "api", "--port", "0", *arguments], env=environment(url, **more), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_the_api_says_when_it_is_ready_and_stops_cleanly(db_url: str, how: signal.Signals) -> None:
    # S2.03 S2.17
    with running(db_url) as (process, line):
        word, address = line.split()
        assert word == "ready"
        assert urlsplit(address).port
        assert httpx.get(f"{address}/readyz").status_code == 200
        process.send_signal(how)
        assert process.wait(20) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "", "more than one line on stdout"


@pytest.mark.slow
def test_an_occupied_port_is_named(db_url: str) -> None:
    with running(db_url) as (_, line):
        port = str(urlsplit(line.split()[1]).port)
        second = run(db_url, "api", "--port", port)
    assert second.returncode == 1
    assert port in second.stderr
    assert "--port" in second.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"JWT_SECRET": ""}, "JWT_SECRET"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"}, "DATABASE_URL"),
        ({"CRON_SECRET": "a", "CRON_JOB_SECRET": "b"}, "CRON_JOB_SECRET and CRON_SECRET"),
        ({"BOOTSTRAP_EMAIL": "a@example.com"}, "BOOTSTRAP_PASSWORD"),
        (
            {"DEFAULT_TENANT_ID": "00000000-0000-7000-8000-000000000001", "DEFAULT_TENANT_SLUG": "acme"},
            "DEFAULT_TENANT_ID",
        ),
    ],
)
def test_what_keeps_it_from_starting_is_said(db_url: str, change: dict[str, str], says: str) -> None:
    # R4 R26
    done = run(db_url, "api", "--port", "0", **change)
    assert done.returncode in (1, 2)
    assert says in done.stderr.splitlines()[-1]
    assert done.stdout == ""


@pytest.mark.slow
def test_access_is_given_and_taken_on_the_command_line(db_url: str) -> None:
    # S2.16
    tenant = told(db_url, "tenants", "create", "acme")
    assert told(db_url, "tenants", "list")[0]["slug"] == "acme"
    user = told(
        db_url,
        "users",
        "create",
        "Ada@Example.com",
        "--role",
        "ops",
        "--tenant",
        "acme",
        stdin="correct horse battery\n",
    )
    assert (user["email"], user["role"]) == ("ada@example.com", "ops")
    key = told(db_url, "keys", "create", "--tenant", "acme", "--role", "analyst")
    assert {"id", "key"} <= key.keys()
    for listing, whole in (("tenants", tenant["id"]), ("users", user["id"]), ("keys", key["id"])):
        given = () if listing == "tenants" else ("--tenant", "acme")
        assert whole in run(db_url, listing, "list", *given, COLUMNS="40").stdout, "an id is there to be copied"
    with running(db_url) as (_, line), httpx.Client(base_url=line.split()[1]) as client:
        me = client.get("/v1/auth/me", headers={"Authorization": f"Bearer {key['key']}"}).json()
        assert (me["tenantId"], me["role"]) == (tenant["id"], "analyst")
        login = {"email": "ada@example.com", "password": "correct horse battery", "tenant": "acme"}
        assert client.post("/v1/auth/login", json=login).status_code == 200
        assert run(db_url, "keys", "revoke", key["id"], "--tenant", "acme").returncode == 0
        assert client.get("/v1/auth/me", headers={"Authorization": f"Bearer {key['key']}"}).status_code == 401
        assert run(db_url, "users", "disable", "ada@example.com", "--tenant", "acme").returncode == 0
        assert client.post("/v1/auth/login", json=login).status_code == 401


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("users", "create", "ada", "--role", "ops"), "e-mail"),
        (("users", "create", "ada@example.com", "--role", "king"), "role"),
        (("users", "create", "ada@example.com"), "12 to"),
        (("keys", "create", "--tenant", "nobody"), "tenants create nobody"),
        (("keys", "revoke", "no-id"), "UUID"),
        (("keys", "create", "--scope", "everything"), "scope"),
        (("tenants", "create", "Not A Slug"), "slug"),
    ],
)
def test_refusals_say_the_next_step(db_url: str, arguments: tuple[str, ...], says: str) -> None:
    done = run(db_url, *arguments, stdin="short\n")
    assert done.returncode != 0
    assert says.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_document_is_the_same_in_any_environment(db_url: str) -> None:
    # S2.18
    printed = run(db_url, "openapi", ENV="elsewhere", API_PORT="9", API_MAX_BODY_BYTES="4096")
    assert printed.returncode == 0, printed.stderr
    assert json.loads(printed.stdout) == document()
