"""A tenant with something in every table, what can be named of it, and a print of all its rows."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from contracts.replays import ReplayRequest
from contracts.tenants import Role
from db import replays
from db.pool import open_pool
from tests.api.server_fixture import ABROAD, HOME, Served, in_a_thread
from tests.db.rows import tenant_tables
from tests.inspection.scene import Scene

JSON = dict[str, Any]
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)")
_NUMBER = re.compile(r"(?<=_s\":)[\d.]+")
#: Says nothing about what was found: the moment, the request's own name.
_PASSING = ("date", "x-request-id")

#: What a parameter in a path names, and where ids of it stand. A new kind of parameter needs a line here.
OWNED = {
    "slug": "SELECT slug FROM app.tenants WHERE id = $1",
    "scope": "SELECT scope FROM app.limits WHERE tenant_id = $1",
    "name": "SELECT slug FROM app.tenants WHERE id = $1",
    "run_id": "SELECT id FROM app.runs WHERE tenant_id = $1",
    "job_id": "SELECT id FROM app.job_executions WHERE tenant_id = $1",
    "event_id": "SELECT event_id FROM app.outbox WHERE tenant_id = $1",
    "batch_id": "SELECT replay_id FROM app.dead_letters WHERE tenant_id = $1 AND replay_id IS NOT NULL",
    "order_id": "SELECT id FROM app.waterfall_orders WHERE tenant_id = $1 AND stage = 'SHADOW'",
    "lead_id": "SELECT id FROM app.leads WHERE tenant_id = $1",
    "alert_id": "SELECT id FROM app.alerts WHERE tenant_id = $1",
    "channel_id": "SELECT id FROM app.alert_channels WHERE tenant_id = $1",
    "key_id": "SELECT id FROM app.api_keys WHERE tenant_id = $1",
    "query_id": "SELECT id FROM app.discovery_queries WHERE tenant_id = $1",
    "uen": "SELECT uen FROM app.staging_acra_companies WHERE tenant_id = $1",
    "message_id": "SELECT id FROM app.messages WHERE tenant_id = $1",
    "template_id": "SELECT id FROM app.message_templates WHERE tenant_id = $1",
    "consent_id": "SELECT id FROM app.consents WHERE tenant_id = $1",
    "suppression_id": "SELECT id FROM app.suppressions WHERE tenant_id = $1",
    "company_id": "SELECT id FROM app.companies WHERE tenant_id = $1",
    "match_id": "SELECT id FROM app.match_decisions WHERE tenant_id = $1",
    "profile_id": "SELECT id FROM app.icp_profiles WHERE tenant_id = $1",
    "rule_set_id": "SELECT id FROM app.rule_sets WHERE tenant_id = $1",
    "endpoint_id": "SELECT id FROM app.webhook_endpoints WHERE tenant_id = $1",
    "import_id": "SELECT id FROM app.imports WHERE tenant_id = $1",
    "link_id": "SELECT id FROM app.crm_links WHERE tenant_id = $1",
    "model_id": "SELECT id FROM app.model_versions WHERE tenant_id = $1",
    "schedule_id": "SELECT id FROM app.schedules WHERE tenant_id = $1",
    "replay_id": "SELECT id FROM app.runs WHERE tenant_id = $1",
    "sku_id": "SELECT id FROM app.skus WHERE tenant_id = $1",
    "trigger_id": "SELECT id FROM app.triggers WHERE tenant_id = $1",
    "night": "SELECT night FROM app.night_manifests WHERE tenant_id = $1",
    "opportunity_id": "SELECT id FROM app.opportunities WHERE tenant_id = $1",
}


@dataclass
class Apart:
    """`victim` is ABROAD, who asks is HOME, the default tenant: so the job secret asks as HOME too."""

    api: Served
    victim: UUID
    asking: UUID
    session: dict[str, str]
    everything: set[str] = field(default_factory=set)

    def askers(self) -> dict[str, dict[str, str]]:
        """Headers of everybody at HOME."""
        by_key = {role.value: self.api.as_(role) for role in (Role.VIEWER, Role.OPS, Role.OWNER)}
        return {**by_key, "session": self.session, "job secret": self.api.as_(Role.SERVICE)}

    def ids(self, parameter: str) -> list[str]:
        """Ids of the victim that fit a path parameter."""
        assert parameter in OWNED, f"no id of another tenant is known for {{{parameter}}}: add it to OWNED"
        found = [str(next(iter(row.values()))) for row in self.api.rows(OWNED[parameter], self.victim)]
        assert found, f"the victim has nothing for {{{parameter}}}"
        return found

    def values(self, parameter: str, limit: int = 4) -> list[str]:
        """What the victim's rows hold in columns of that name, in any table or view."""
        columns = self.api.rows(
            "SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND a.attname = $1"
            " AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')",
            parameter,
        )
        found: list[str] = []
        for column in columns:
            query = (
                f"SELECT DISTINCT {parameter}::text AS v FROM {column['name']}"
                f" WHERE tenant_id = $1 AND {parameter} IS NOT NULL LIMIT {limit}"
            )
            found += [row["v"] for row in self.api.rows(query, self.victim)]
        return list(dict.fromkeys(found))

    def print(self) -> dict[str, str]:
        """A digest of every row of the victim, its version included, by table."""

        async def look() -> dict[str, str]:
            connection = await asyncpg.connect(self.api.database_url)
            try:
                tables = [table.name for table in await tenant_tables(connection)] + ["queue.procrastinate_jobs"]
                return {
                    name: await connection.fetchval(
                        "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text || t.xmin::text, ',' ORDER BY t::text)), '')"
                        f" FROM (SELECT *, xmin FROM {name} WHERE tenant_id = $1) t",
                        self.victim,
                    )
                    for name in tables
                }
            finally:
                await connection.close()

        found: dict[str, str] = in_a_thread(look)
        return found

    def leaked(self, answer: httpx.Response, *sent: str) -> set[str]:
        """Ids of the victim in an answer, beside those that were sent."""
        said = answer.text + "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
        said += "".join(_unpacked(cursor) for cursor in re.findall(r'"next_cursor":"([^"]+)"', answer.text))
        return (set(_UUID.findall(said)) & self.everything) - set(sent)


def _unpacked(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode(errors="replace")
    except binascii.Error:
        return cursor


def alike(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers of an answer without ids, times and what names the request."""
    body = _NUMBER.sub("SECONDS", _TIME.sub("TIME", _UUID.sub("ID", answer.text)))
    headers = {k: _UUID.sub("ID", v) for k, v in answer.headers.items() if k not in _PASSING}
    if body != _UUID.sub("ID", answer.text):
        headers.pop("content-length", None)  # a time or a duration is as long as it is
    return answer.status_code, body, headers


def set_apart(api: Served) -> Apart:
    """Let both tenants work, then put a row of the victim into every table there is."""
    victim, asking = api.tenants[ABROAD].id, api.tenants[HOME].id

    async def work() -> set[str]:
        pool = await open_pool(api.database_url, name="tests", size=2)
        try:
            for mine, other in ((victim, asking), (asking, victim)):
                await _history(Scene(pool, api.database_url, mine, other))
        finally:
            await pool.close()
        connection = await asyncpg.connect(api.database_url)
        try:
            return await _everywhere(connection, victim)
        finally:
            await connection.close()

    for tenant in (ABROAD, HOME):
        for n in range(3):
            body = {"company_name": f"Company {n} of {tenant}", "country": "ZA", "domain": f"{tenant}-{n}.example"}
            assert api.client.post("/v1/leads", json=body, headers=api.as_(Role.OWNER, tenant)).status_code == 201
            headers = {**api.as_(Role.OWNER, tenant), "Idempotency-Key": f"{tenant}-{n}"}
            assert api.client.post("/v1/discovery/runs", json={"limit": 1}, headers=headers).status_code == 202
    session = {"Authorization": f"Bearer {api.login(Role.OWNER, HOME)['accessToken']}"}
    return Apart(api, victim, asking, session, in_a_thread(work))


async def _history(scene: Scene) -> None:
    """Events sent, waiting and dead; jobs queued, done with and given up."""
    await scene.emit()
    await scene.dispatch()
    for delivery in await scene.take(1):
        await scene.give_up(delivery)
    await scene.bury()
    async with scene.app() as tx:
        await replays.replay_many(tx, [scene.mine], ReplayRequest(), "olga")
    await scene.bury()
    await scene.emit()


async def _everywhere(connection: Any, victim: UUID) -> set[str]:
    """One row more in each table; gives every id that only the victim's rows hold."""
    ids = {str(victim)}
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for table in await tenant_tables(connection):
            try:
                await table.insert(connection, victim)
            except asyncpg.UniqueViolationError:
                assert await connection.fetchval(f"SELECT count(*) FROM {table.name} WHERE tenant_id = $1", victim)
    for table in await tenant_tables(connection):
        text = await connection.fetchval(
            f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table.name} t WHERE t.tenant_id = $1", victim
        )
        others = await connection.fetchval(
            f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table.name} t WHERE t.tenant_id <> $1", victim
        )
        ids |= set(_UUID.findall(text)) - set(_UUID.findall(others))
    return ids


def unknown(count: int = 1) -> Iterator[str]:
    """Ids that nobody has."""
    for _ in range(count):
        yield str(uuid4())
