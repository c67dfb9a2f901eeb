"""Secrets stay where they belong: a whole installation is used, misused and broken, then everything it said or kept is searched."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.front.programs import Up, family, run, until, up

OWNER = "ada@example.com"
RUNS = "/v1/discovery/runs"


def canary(name: str) -> str:
    """A secret nobody could write by accident."""
    return f"{name}{uuid4().hex}"


class Secrets(dict[str, str]):
    """Name -> secret. `found(text)` names those that can be read in it, in any usual spelling."""

    def add(self, name: str, value: str | None = None) -> str:
        return self.setdefault(name, value or canary(name))

    def found(self, said: bytes) -> set[str]:
        return {name for name, value in self.items() if any(form in said for form in _forms(value))}


def _forms(value: str) -> list[bytes]:
    # Of base64 the middle, which is the same wherever in a text it starts at a multiple of three.
    raw = value.encode()
    packed = [base64.b64encode(b" " * shift + raw)[4:-4] for shift in range(3)]
    return [raw, raw.hex().encode(), quote(value, safe="").encode(), *packed]


class Vendor:
    """A vendor that fails in a chosen way and says back everything it was told, keys too."""

    def __init__(self) -> None:
        self.status, self.kind, self.asked = 401, "text/plain", 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked += 1
                sent = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
                told = f"no: {self.headers.get('authorization')} {self.headers} {sent} at {self.path}"
                said = (json.dumps({"error": told}) if "json" in outer.kind else told).encode()
                self.send_response(outer.status)
                self.send_header("Content-Type", outer.kind)
                self.send_header("Location", f"http://127.0.0.1:9/?api_key={self.headers.get('authorization')}")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Not on our output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def echoing_vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    thread = threading.Thread(target=vendor.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield vendor
    finally:
        vendor.server.shutdown()
        vendor.server.server_close()
        thread.join(10)


class Scene:
    """Everything that was answered is kept in `heard`, except where an answer hands out a secret once."""

    def __init__(self, running: Up, secrets: Secrets, client: httpx.Client) -> None:
        self.running, self.secrets, self.client = running, secrets, client
        self.heard = b""

    def ask(self, method: str, path: str, expect: int, **how: Any) -> httpx.Response:
        answer = self.client.request(method, path, **how)
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text}"
        hands_out = expect < 300 and path in ("/v1/auth/login", "/v1/auth/refresh", "/v1/keys") and method == "POST"
        self.heard += str(answer.headers).encode() + (b"" if hands_out else answer.content)
        return answer

    def tokens(self, path: str, body: dict[str, str]) -> dict[str, str]:
        pair: dict[str, str] = self.ask("POST", path, 200, json=body).json()
        for name in ("accessToken", "refreshToken"):
            self.secrets.add(f"{name}{len(self.secrets)}", pair[name])
        return pair

    def people(self) -> dict[str, str]:
        """Logging in, right and wrong and malformed; staying in; leaving. Gives an API key's headers."""
        secrets, login, refresh = self.secrets, "/v1/auth/login", "/v1/auth/refresh"
        password = secrets["bootstrap"]
        for n, body in enumerate(
            (
                {"email": OWNER, "password": secrets.add("guess")},
                {"email": "nobody@example.com", "password": secrets.add("guess2")},
            )
        ):
            self.ask("POST", login, 401, json=body, headers={"X-Request-Id": f"guess-{n}"})
        for wrong in (
            {"email": OWNER, "passwort": secrets.add("misspelt")},
            {"email": OWNER, "password": [secrets.add("listed")]},
            {"email": OWNER, "password": {"is": secrets.add("nested")}},
            {"email": secrets.add("inmail"), "password": password},
            {"email": OWNER, "password": secrets.add("long") * 100},
            {"email": OWNER, "password": password, "tenant": secrets.add("astenant").upper()},
        ):
            self.ask("POST", login, 400, json=wrong)
        for text in (
            f'{{"password": "{secrets.add("cut")}',
            f'{{"password": "{secrets.add("nul")}\\u0000"}}',
            password,
        ):
            self.ask("POST", login, 400, content=text, headers={"Content-Type": "application/json"})
        self.ask("POST", login, 400, content=f"password={password}", headers={"Content-Type": "text/plain"})
        self.client.post(login, params={"password": secrets.add("inquery")}, json={})
        pair = self.tokens(login, {"email": OWNER, "password": password})
        later = self.tokens(refresh, {"refreshToken": pair["refreshToken"]})
        self.ask("POST", refresh, 401, json={"refreshToken": pair["refreshToken"]})
        self.ask("POST", refresh, 400, json={"refresh": later["refreshToken"]})
        self.ask("POST", "/v1/auth/logout", 204, json={"refreshToken": later["refreshToken"]})
        bearer = {
            "Authorization": f"Bearer {self.tokens(login, {'email': OWNER, 'password': password})['accessToken']}"
        }
        key = self.ask("POST", "/v1/keys", 201, json={"name": "canary", "role": "owner"}, headers=bearer).json()["key"]
        self.secrets.add("key", key)
        self.ask("GET", "/v1/keys", 200, headers=bearer)
        for headers in (
            {"x-job-secret": secrets["cron"]},
            {"Authorization": f"Bearer {secrets['cron']}"},
        ):
            self.ask("GET", "/v1/keys", 403, headers=headers)
        for headers in (
            {"x-job-secret": secrets.add("wrongcron")},
            {"Authorization": f"Bearer {secrets.add('junk')}.{secrets.add('junk2')}.x"},
            {"Authorization": f"Bearer {key[:-1]}_"},
            {"Authorization": f"Basic {base64.b64encode(password.encode()).decode()}"},
            {"Cookie": f"session={key}"},
        ):
            self.ask("GET", "/v1/auth/me", 401, headers=headers)
        return {"Authorization": f"Bearer {key}"}

    def vendor_fails(self, vendor: Vendor, headers: dict[str, str], url: str) -> None:
        """Every way of failing: run it, and read all that can be read about it. `url`: the database's."""
        failures = [
            (401, "text/plain"),
            (200, "text/plain"),
            (302, "text/html"),
            (402, "application/json"),
            (500, "text/html"),
        ]
        for vendor.status, vendor.kind in failures:
            asked = vendor.asked
            body = {"channels": ["google"], "queries": [f"shirts {vendor.status}"], "max_companies": 2}
            made = self.ask("POST", RUNS, 202, json=body, headers=headers).json()["id"]
            until(lambda asked=asked: vendor.asked > asked, "the vendor is asked", 90)  # type: ignore[misc]
            if vendor.status != 500:  # which is tried again, later
                until(lambda made=made: self._ended(made, headers), "the run ends", 90)  # type: ignore[misc]
            # A refused key opens the vendor's breaker, and nobody would be asked again.
            said = run("vendors", "reset", "tavily", DATABASE_URL=url)
            self.heard += (said.stdout + said.stderr).encode()
            for part in ("", "/timeline", "/verify"):
                self.ask("GET", f"{RUNS}/{made}{part}", 200, headers=headers)
            self.ask("POST", f"{RUNS}/{made}/inspect", 200, headers=headers)
        for path in ("/v1/jobs", "/v1/jobs/dead-letters", "/v1/outbox/events", "/v1/outbox/stats", "/v1/leads", RUNS):
            self.ask("GET", path, 200, headers=headers)
        for job in self.client.get("/v1/jobs", headers=headers).json()["items"]:
            self.ask("GET", f"/v1/jobs/{job['id']}", 200, headers=headers)

    def _ended(self, run_id: str, headers: dict[str, str]) -> bool:
        shown = self.client.get(f"{RUNS}/{run_id}", headers=headers).json()["status"]
        return shown in ("completed", "partial", "failed")

    def breaks(self, url: str) -> None:
        """The database loses tables under whoever logs in, refreshes and reads: bugs, with tracebacks."""
        password, key = self.secrets["bootstrap"], self.secrets["key"]
        pair = self.tokens("/v1/auth/login", {"email": OWNER, "password": password})
        for table in ("sessions", "users", "api_keys", "refresh_tokens"):
            asyncio.run(_execute(url, f"ALTER TABLE app.{table} RENAME TO gone"))
            for method, path, how in (
                ("POST", "/v1/auth/login", {"json": {"email": OWNER, "password": password}}),
                ("POST", "/v1/auth/refresh", {"json": {"refreshToken": pair["refreshToken"]}}),
                ("GET", "/v1/auth/me", {"headers": {"Authorization": f"Bearer {key}"}}),
                ("GET", "/v1/auth/me", {"headers": {"Authorization": f"Bearer {pair['accessToken']}"}}),
            ):
                answer = self.client.request(method, path, **how)  # type: ignore[arg-type]
                if answer.status_code >= 400:
                    self.heard += answer.content
                else:  # what this table is not needed for still hands out tokens
                    self.secrets.update(
                        {f"{table}{k}": v for k, v in answer.json().items() if "Token" in k and len(v) > 20}
                    )
            asyncio.run(_execute(url, f"ALTER TABLE app.gone RENAME TO {table}"))
        assert self.heard.count(b'"code":"internal"') >= 4


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _kept(url: str) -> bytes:
    """Every row of every table, and what is being run."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relkind IN ('r', 'm')"
            " AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        )
        assert len(tables) > 25
        rows = [row[0] for t in tables for row in await connection.fetch(f"SELECT t::text FROM {t['name']} t")]
        rows += [row[0] for row in await connection.fetch("SELECT a::text FROM pg_stat_activity a")]
        return "\n".join(rows).encode()
    finally:
        await connection.close()


def _files(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """What lies in the data folder: tables, the write-ahead log and the server's log; not the two files that are secrets."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("jwt-secret", "password"):
            yield path, path.read_bytes()


def _misconnect(scene: Scene, url: str) -> None:
    """Commands that cannot reach their database, for every reason a URL may have."""
    parts = urlsplit(url)
    secret = scene.secrets.add("dbpassword")
    there = f"127.0.0.1:{parts.port}{parts.path}"
    for wrong, commands in (
        (f"postgresql://headwater:{secret}@{there}", ("doctor", "api", "worker", "db status")),
        (f"postgresql://headwater:{secret}@127.0.0.1:1/x", ("db status", "keys list")),
        (f"postgresql://headwater:{secret}/x@{there}", ("db status", "api", "worker", "doctor", "up")),
        (f"postgresql://headwater:{secret}#x@{there}", ("db status", "doctor")),
        (f"mysql://headwater:{secret}@{there}", ("db status", "tenants list")),
        (f"postgresql://headwater:[{secret}@{there}", ("db status",)),
    ):
        for command in commands:
            port = {"API_PORT": "0", "JWT_SECRET": scene.secrets["jwt"], "LOG_LEVEL": "DEBUG"}
            ended = run(*command.split(), DATABASE_URL=wrong, **port)
            assert ended.returncode != 0, command
            assert "Traceback" not in ended.stderr, f"{command}: {ended.stderr[-2000:]}"
            scene.heard += (ended.stdout + ended.stderr).encode()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_secret_is_ever_said_or_kept() -> None:
    # R16 R4 S2.16
    secrets = Secrets()
    with echoing_vendor() as vendor:
        environment = {
            "LOG_LEVEL": "DEBUG",
            "JWT_SECRET": secrets.add("jwt"),
            "CRON_JOB_SECRET": secrets.add("cron"),
            "BOOTSTRAP_EMAIL": OWNER,
            "BOOTSTRAP_PASSWORD": secrets.add("bootstrap"),
            "TAVILY_API_KEY": secrets.add("vendor"),
            "TAVILY_BASE_URL": vendor.url,
            "GLEIF_BASE_URL": vendor.url,
        }
        with up(**environment) as running, httpx.Client(base_url=running.url, timeout=60) as client:
            secrets.add("server", (running.data / "pg" / "password").read_text().strip())
            url = run("db", "url", "--data", str(running.data)).stdout.strip()
            assert secrets["server"] in url
            scene = Scene(running, secrets, client)
            headers = scene.people()
            scene.vendor_fails(vendor, headers, url)
            scene.breaks(url)
            _misconnect(scene, url)
            scene.ask("GET", "/metrics", 200)
            scene.ask("GET", "/readyz", 200)
            scene.ask("GET", "/openapi.json", 200)
            assert secrets.found(" ".join(family(running.mark).values()).encode()) == set(), "in a command line"
            rows = asyncio.run(_kept(url))
            assert secrets.found(rows) == set(), "in a table"
            assert b"bearer ***" in rows.lower(), "what the vendor said is kept without the key"
            assert secrets.found(scene.heard) == set(), "in an answer or in what a command said"
            running.process.terminate()
            assert running.process.wait(60) == 0
            assert running.log.count('"level": "error"') >= 4
            assert secrets.found(running.log.encode()) == set(), "in the log"
            kept = {str(path): found for path, said in _files(running.data) if (found := secrets.found(said))}
            assert kept == {}
    assert len(secrets) > 25
    assert json.dumps(secrets["key"]).encode() not in scene.heard
    # The search does find what is there.
    assert secrets.found(b"x" + base64.b64encode(b"ab" + secrets["vendor"].encode() + b"c")) == {"vendor"}
