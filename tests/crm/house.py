"""An installation in one process with one tenant: the real dispatcher, queue, frame and jobs over the sandbox's Odoo."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from contracts.crm import LinkRow, Policy, PushRow, SetConnection, SyncAnswer, SyncRequest
from contracts.events import LeadScored
from contracts.settings import Settings
from db import crm, crm_connections, crm_syncs, outbox, queue
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.providers.sandbox_fixture import KEY, RunningSandbox
from worker.activities import ACTIVITIES
from worker.dispatcher import Dispatcher
from worker.perform import Performer
from worker.providers.registry import Registry, build

#: Where the stand-ins answer, and how: Odoo 19 at its newer door, and 16 at the older one.
DOORS = {"json2": ("/odoo", "json2"), "jsonrpc": ("/odoo16", "jsonrpc")}


class House:
    """`work()` does everything that is due. `at` is the stand-in that the tenant's connection leads to."""

    def __init__(self, conn: Connection, pool: Pool, sandbox: RunningSandbox, tenant: UUID) -> None:
        self.conn, self.pool, self.sandbox, self.tenant = conn, pool, sandbox, tenant
        self.settings = sandbox.settings()
        self.at = "/odoo"
        self._open: list[Registry] = []

    async def close(self) -> None:
        for registry in self._open:
            await registry.close()

    async def connect(self, door: str = "json2", **more: Any) -> None:
        """Set the tenant's connection."""
        self.at, transport = DOORS[door]
        given: dict[str, Any] = {
            "url": self.sandbox.url + self.at, "database": "sandbox", "login": "sandbox@example.com",
            "secret_ref": "ODOO_API_KEY", "transport": transport,
        }  # fmt: skip
        body = SetConnection.model_validate(given | more)
        async with transaction(self.pool, self.tenant) as tx:
            await crm_connections.put(tx, self.tenant, body, self.settings, by="tests")

    async def policy(self, **given: Any) -> None:
        async with transaction(self.pool, self.tenant) as tx:
            await crm_connections.set_policy(tx, self.tenant, Policy.model_validate(given), by="tests")

    async def lead(self, name: str = "Karoo Workwear", score: float | None = 0.8, **company: Any) -> UUID:
        """A lead with a company, a contact and, unless `score` is None, a score."""
        row = {"domain": "karoo.example", "country": "ZA", "city": "Durban", "phone": "+27 31 000 0001"} | company
        company_id = await self.conn.fetchval(
            "INSERT INTO app.companies (tenant_id, name, name_core, domain, country, city, phone)"
            " VALUES ($1, $2::text, lower($2::text), $3, $4, $5, $6) RETURNING id",
            self.tenant, name, row["domain"], row["country"], row["city"], row["phone"],
        )  # fmt: skip
        contact = await self.conn.fetchval(
            "INSERT INTO app.contacts (tenant_id, company_id, name, title, email, email_status)"
            " VALUES ($1, $2, 'Mei Tan', 'Buyer', $3, 'valid') RETURNING id", self.tenant, company_id, f"mei@{row['domain']}",
        )  # fmt: skip
        lead: UUID = await self.conn.fetchval(
            "INSERT INTO app.leads (tenant_id, company_id, contact_id, source) VALUES ($1, $2, $3, 'register') RETURNING id",
            self.tenant, company_id, contact,
        )  # fmt: skip
        if score is not None:
            await self.score(lead, score)
        return lead

    async def score(self, lead: UUID, score: float) -> UUID:
        """A prediction that decides."""
        band = "HIGH" if score >= 0.66 else "MEDIUM" if score >= 0.33 else "LOW"
        snapshot = await self.conn.fetchval(
            "INSERT INTO app.feature_snapshots (tenant_id, lead_id, snapshot_version, source_version, feature_vector_hash,"
            " vector, verdict) VALUES ($1, $2, 1, '1', sha256($3), '{}', 'PASSED') RETURNING id", self.tenant, lead, uuid4().bytes,
        )  # fmt: skip
        await self.conn.execute("UPDATE app.score_predictions SET decides = false WHERE lead_id = $1", lead)
        made: UUID = await self.conn.fetchval(
            "INSERT INTO app.score_predictions (tenant_id, lead_id, snapshot_id, decides, score, band, coverage, rationale)"
            " VALUES ($1, $2, $3, true, $4, $5, 1, 'They buy uniforms.') RETURNING id", self.tenant, lead, snapshot, score, band,
        )  # fmt: skip
        return made

    async def scored(self, lead: UUID, score: float = 0.8, *, work: bool = True) -> PushRow | None:
        """What scoring says of a lead, with all that follows."""
        prediction = await self.score(lead, score)
        event = LeadScored(lead_id=lead, prediction_id=prediction, band="MEDIUM", score=score, export=True)
        async with transaction(self.pool, self.tenant) as tx:
            await outbox.emit(tx, self.tenant, event, correlation_id=lead)
        if not work:
            return None
        await self.work()
        return await self.push(lead)

    async def sync(self, *leads: UUID, dry_run: bool = False, work: bool = True, **more: Any) -> SyncAnswer:
        """Ask for a sync as the API does."""
        body = SyncRequest(lead_ids=list(leads), dry_run=dry_run, **more)
        async with transaction(self.pool, self.tenant) as tx:
            answer = await crm_syncs.sync(tx, self.tenant, body, self.settings, by="tests")
        if work:
            await self.work()
        return answer

    async def work(self, settings: Settings | None = None) -> None:
        """Hand off and perform until nothing is due any more; what is put off waits."""
        settings = settings or self.settings
        ports = build(settings)
        self._open.append(ports)
        performer = Performer(self.pool, settings, ports, ACTIVITIES, lambda: None)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "tests", 1, ["jobs"])
        while True:
            _, claimed = await Dispatcher(self.pool, settings).dispatch_batch()
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                held = await queue.fetch(tx, worker, ["crm_sync"], 1)
            for delivery in held:
                await performer(delivery)
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                await queue.finish(tx, held)
            if not held and not claimed:
                return

    async def now_due(self) -> None:
        """What was put off is due."""
        await self.conn.execute("UPDATE app.outbox_events SET available_at = app.now() WHERE available_at > app.now()")

    async def push(self, lead: UUID) -> PushRow:
        """What came of the newest push of a lead."""
        async with transaction(self.pool, self.tenant) as tx:
            return (await crm.list_pushes(tx, self.tenant, lead_id=lead, limit=1))[0]

    async def link(self, kind: str = "company") -> LinkRow:
        """The only link of that kind."""
        async with transaction(self.pool, self.tenant) as tx:
            found = await crm.list_links(tx, self.tenant, limit=100)
        (one,) = [link for link in found if link.external_id.startswith(f"headwater.{kind}_")]
        return one

    async def resolve(self, link: UUID, keep: Any) -> None:
        async with transaction(self.pool, self.tenant) as tx:
            await crm.resolve(tx, self.tenant, link, keep, by="ada@example.com")
        await self.work()

    async def set_company(self, lead: UUID, **fields: Any) -> None:
        """What we know of a lead's company changes."""
        for name, value in fields.items():
            await self.conn.execute(
                f"UPDATE app.companies SET {name} = $2 WHERE id = (SELECT company_id FROM app.leads WHERE id = $1)",
                lead,
                value,
            )

    # --- what an Odoo user does ----------------------------------------------------------------------------------------------

    def stored(self, model: str = "res.partner", *, archived: bool = False) -> list[dict[str, Any]]:
        """What the stand-in keeps of `model`, asked without our adapter."""
        domain = [["active", "in", [True, False]]] if archived else []
        found: list[dict[str, Any]] = self.odoo(model, "search_read", domain)
        return found

    def company(self) -> dict[str, Any]:
        (one,) = [row for row in self.stored(archived=True) if row["is_company"]]
        return one

    def write(self, model: str, number: int, **values: Any) -> None:
        self.odoo(model, "write", [number], values)

    def odoo(self, model: str, method: str, *arguments: Any) -> Any:
        call = {
            "service": "object",
            "method": "execute_kw",
            "args": ["sandbox", 2, KEY, model, method, list(arguments), {}],
        }
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1, "params": call}).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(f"{self.sandbox.url}{self.at}/jsonrpc", body), timeout=10) as answer:
            said = json.load(answer)
        assert "result" in said, said
        return said["result"]

    async def audit(self, action: str) -> list[Mapping[str, Any]]:
        rows = await self.conn.fetch("SELECT detail FROM app.audit_log WHERE action = $1 ORDER BY id", action)
        return [json.loads(r["detail"]) for r in rows]


async def housed(conn: Connection, pool: Pool, sandbox: RunningSandbox) -> House:
    return House(conn, pool, sandbox, await new_tenant(pool))
