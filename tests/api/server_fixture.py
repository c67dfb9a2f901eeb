"""The API on a real socket, beside a tenant with a user of each role, and a second tenant to keep out."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api import openapi
from api.app import create_app
from api.server import Server
from contracts.access import GrantedRole
from contracts.settings import Settings
from contracts.tenants import Role, Tenant
from db import access, passwords, tenants
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction

JWT_SECRET = "a signing secret of the tests, long enough for every algorithm that must not be accepted"
JOB_SECRET = "the job secret of the tests"
PASSWORD = "correct horse battery staple"
ROLES: tuple[GrantedRole, ...] = (Role.VIEWER, Role.ANALYST, Role.OPS, Role.OWNER)
HOME = "well-crafted"
ABROAD = "another-tenant"


@dataclass
class Served:
    """A running API. `keys[tenant slug][role]` are API keys; `login()` gives the tokens of a user."""

    base_url: str
    database_url: str
    app: FastAPI
    tenants: dict[str, Tenant]
    keys: dict[str, dict[Role, str]]
    client: httpx.Client = field(repr=False)

    def as_(self, role: Role, tenant: str = HOME) -> dict[str, str]:
        """Headers that make a request that role's."""
        if role is Role.SERVICE:
            return {"x-job-secret": JOB_SECRET}
        return {"Authorization": f"Bearer {self.keys[tenant][role]}"}

    def login(self, role: Role = Role.OWNER, tenant: str = HOME) -> dict[str, Any]:
        answer = self.client.post("/v1/auth/login", json={"email": email(role), "password": PASSWORD, "tenant": tenant})
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def rows(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        """Look into the database as the login user, who sees everything."""

        async def look() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.database_url, server_settings={"search_path": "app"})
            try:
                return [dict(row) for row in await connection.fetch(query, *arguments)]
            finally:
                await connection.close()

        found: list[dict[str, Any]] = in_a_thread(look)
        return found

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])


def email(role: Role) -> str:
    return f"{role.value}@example.com"


def in_a_thread(work: Callable[[], Any]) -> Any:
    """Run a coroutine function on a loop of its own, from a test with or without one."""
    result: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            result.append(asyncio.run(work()))
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    if failure:
        raise failure[0]
    return result[0]


def settings_of_tests(**changes: Any) -> Settings:
    """Settings that owe nothing to the environment of whoever runs the tests."""
    fresh = Settings.model_construct().model_dump()
    secrets = {"jwt_secret": SecretStr(JWT_SECRET), "cron_secret": SecretStr(JOB_SECRET)}
    return Settings.model_construct(**{**fresh, **secrets, **changes})


@cache
def _document() -> dict[str, Any]:
    return openapi.document()


@contextmanager
def serving(database_url: str, settings: Settings | None = None) -> Iterator[tuple[str, FastAPI]]:
    """Serve the API on a free port of 127.0.0.1; gives its address."""
    settings = settings or settings_of_tests()
    app = create_app(settings, database_url=database_url)
    # It takes seconds to make, and is the same for every application: tests/test_snapshots.py makes it anew.
    app.openapi_schema = _document()
    listening = socket.create_server(("127.0.0.1", 0))
    server = _Server(app, settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        assert server.settled.wait(30), "the API did not start within 30 s"
        assert server.started, "the API refused to start: see the log"
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", app
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


class _Server(Server):
    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(app, settings)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.settled.set()


@cache
def _password_hash() -> str:
    return str(in_a_thread(lambda: passwords.hashed(PASSWORD)))


async def populate(pool: Pool) -> tuple[dict[str, Tenant], dict[str, dict[Role, str]]]:
    """Two tenants, a user and a key of each role in both."""
    made: dict[str, Tenant] = {}
    keys: dict[str, dict[Role, str]] = {}
    for slug in (HOME, ABROAD):
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            made[slug] = await tenants.create(tx, slug, by="tests")
        keys[slug] = {}
        async with transaction(pool, made[slug].id) as tx:
            for role in ROLES:
                await access.create_user(tx, made[slug].id, email(role), role, _password_hash(), by="tests")
                _, keys[slug][role] = await access.create_key(tx, made[slug].id, f"{role} of tests", role, by="tests")
    return made, keys


@contextmanager
def served(database_url: str, settings: Settings | None = None) -> Iterator[Served]:
    """A populated database, served."""

    async def prepare() -> tuple[dict[str, Tenant], dict[str, dict[Role, str]]]:
        pool = await open_pool(database_url, name="tests", size=2)
        try:
            return await populate(pool)
        finally:
            await pool.close()

    made, keys = in_a_thread(prepare)
    with serving(database_url, settings) as (base_url, app), httpx.Client(base_url=base_url, timeout=30) as client:
        yield Served(base_url, database_url, app, made, keys, client)


@pytest.fixture
def api(db_url: str) -> Iterator[Served]:
    """The API on a database of the test's own. Import it where it is used, or list it in a conftest."""
    with served(db_url) as running:
        yield running
