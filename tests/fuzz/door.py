"""A real API process on a populated database, and what must still be true after it was ill-treated."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx

from contracts.settings import Settings
from contracts.tenants import Role, Tenant
from db import verification
from db.pool import open_pool
from db.transaction import DbRole, transaction
from tests.api.server_fixture import HOME, JOB_SECRET, JWT_SECRET, in_a_thread, populate
from tests.front.programs import environment


@dataclass
class Door:
    """`process` is `headwater api`; `address` is (host, port)."""

    process: subprocess.Popen[str]
    base_url: str
    database_url: str
    tenants: dict[str, Tenant]
    keys: dict[str, dict[Role, str]]
    log: Path
    client: httpx.Client = field(repr=False)

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.base_url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def as_(self, role: Role, tenant: str = HOME) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[tenant][role]}"}

    def connect(self, timeout_s: float = 60) -> socket.socket:
        return socket.create_connection(self.address, timeout=timeout_s)

    def memory_mb(self) -> int:
        """Resident memory of the process, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) // 1024

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

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

    def belongings(self, tenant: str) -> dict[str, int]:
        """How many rows a tenant has, by table."""
        tables = self.rows(
            "SELECT table_name AS name FROM information_schema.columns JOIN information_schema.tables"
            " USING (table_schema, table_name) WHERE table_schema = 'app' AND column_name = 'tenant_id'"
            " AND table_type = 'BASE TABLE'"
        )
        return {
            table["name"]: self.rows(
                f"SELECT count(*) AS n FROM {table['name']} WHERE tenant_id = $1", self.tenants[tenant].id
            )[0]["n"]
            for table in tables
        }

    def still_stands(self) -> None:
        """The same process answers, is ready, holds no transaction open, and the outbox is whole."""
        assert self.process.poll() is None, f"the API ended: {self.log.read_text()[-3000:]}"
        assert self.client.get("/healthz").status_code == 200
        ready = self.client.get("/readyz")
        assert ready.status_code == 200, ready.text

        async def proof() -> bool:
            pool = await open_pool(self.database_url, name="tests", size=1)
            try:
                async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
                    deliveries = await verification.check_deliveries(tx, None)
                    return (await verification.verify(tx, None, deliveries)).ok
            finally:
                await pool.close()

        assert in_a_thread(proof), "outbox verify is not ok"
        sessions = self.rows(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'headwater-api'"
        )
        # Its pool, and the connection that wakes dispatchers.
        assert len(sessions) <= Settings.model_construct().db_pool_size + 1, sessions
        broken = [line for line in self.log.read_text().splitlines() if "Traceback" in line or "exc_info" in line]
        assert not broken, "\n".join(broken)[:6000]


@contextmanager
def standing(database_url: str, log: Path, **changes: str) -> Iterator[Door]:
    """`headwater api` on a free port, beside two tenants with a key of each role; `changes` are settings."""

    async def prepare() -> tuple[dict[str, Tenant], dict[str, dict[Role, str]]]:
        pool = await open_pool(database_url, name="tests", size=2)
        try:
            return await populate(pool)
        finally:
            await pool.close()

    made, keys = in_a_thread(prepare)
    ours = {"DATABASE_URL": database_url, "JWT_SECRET": JWT_SECRET, "CRON_SECRET": JOB_SECRET, "LOG_LEVEL": "WARNING"}
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "headwater", "api", "--port", "0"],
            env=environment(**ours, **changes),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("ready "), log.read_text()[-3000:]
        base_url = line.split()[1]
        with httpx.Client(base_url=base_url, timeout=60) as client:
            yield Door(process, base_url, database_url, made, keys, log, client)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
