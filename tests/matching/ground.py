"""Companies of a tenant, as rows, and the real scan over them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from contracts.enrichment import FactValue
from contracts.identity import name_core
from contracts.matching import Match, Verdict
from contracts.providers import FoundCompany, Terms
from contracts.settings import Settings
from db import facts, leads, matching, queue
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from worker.activities import ACTIVITIES
from worker.dispatcher import Dispatcher
from worker.perform import Performer
from worker.providers.registry import Registry

#: Everything a merge may touch.
TABLES = (
    "companies",
    "contacts",
    "leads",
    "entity_keys",
    "field_values",
    "source_records",
    "crawl_sites",
    "icp_candidate_companies",
)
SETTINGS = Settings.model_construct()


class Ground:
    def __init__(self, conn: Connection, pool: Pool, tenant: UUID) -> None:
        self.conn, self.pool, self.tenant = conn, pool, tenant

    async def lead(self, name: str, *, profile: UUID | None = None, **what: Any) -> tuple[UUID, UUID]:
        """A company that somebody typed in, with its lead: (company, lead)."""
        phone = what.pop("phone", None)
        body = FoundCompany(external_id=name, name=name, **what)
        async with transaction(self.pool, self.tenant) as tx:
            lead = await leads.create(tx, self.tenant, body, icp_profile_id=profile)
        row = await self.conn.fetchrow("SELECT company_id FROM app.leads WHERE id = $1", lead)
        assert row is not None
        await self.conn.execute("UPDATE app.companies SET phone = $2 WHERE id = $1", row["company_id"], phone)
        return row["company_id"], lead

    async def company(self, name: str, **what: Any) -> UUID:
        return (await self.lead(name, **what))[0]

    async def rows(self, names: list[tuple[str, str]]) -> None:
        """Bare companies (name, country), many at once."""
        await self.conn.executemany(
            "INSERT INTO app.companies (tenant_id, name, name_core, country) VALUES ($1, $2, $3, $4)",
            [(self.tenant, name, name_core(name), country) for name, country in names],
        )

    async def fact(
        self, company: UUID, field: str, value: object, *, vendor: str = "site", confidence: float = 0.5, day: int = 1
    ) -> None:
        fact = FactValue(
            kind="company", field=field, value=value, vendor=vendor, operation="said", terms=Terms.CRAWLED,
            confidence=confidence, observed_at=datetime(2026, 3, day, tzinfo=UTC),
        )  # fmt: skip
        async with transaction(self.pool, self.tenant) as tx:
            await facts.save(tx, self.tenant, None, [(company, fact)])

    async def pair(self, a: UUID, b: UUID, probability: float = 0.8) -> UUID:
        """A pair that waits for a person."""
        first, second = sorted((a, b))
        said = Verdict(a_id=first, b_id=second, probability=probability, features={"name_rare": probability})
        async with transaction(self.pool, self.tenant) as tx:
            return (await matching.propose(tx, self.tenant, [said]))[first, second]

    async def match(self, match_id: UUID) -> Match:
        async with transaction(self.pool, self.tenant) as tx:
            return await matching.get(tx, self.tenant, match_id)

    async def matches(self, state: Any = None) -> list[Match]:
        async with transaction(self.pool, self.tenant) as tx:
            return await matching.list_(tx, self.tenant, state=state, limit=1000)

    async def everything(self) -> dict[str, list[dict[str, Any]]]:
        """All rows that a merge may touch."""
        return {
            table: [
                dict(r)
                for r in await self.conn.fetch(
                    f"SELECT * FROM app.{table} t WHERE tenant_id = $1 ORDER BY t::text", self.tenant
                )
            ]
            for table in TABLES
        }

    async def facts_sent(self, type_: str) -> list[UUID]:
        rows = await self.conn.fetch("SELECT aggregate_id FROM app.outbox_events WHERE type = $1 ORDER BY id", type_)
        return [r["aggregate_id"] for r in rows]

    async def scan(self) -> int:
        """Ask for a scan and perform all its rounds; gives how many there were."""
        async with transaction(self.pool, self.tenant) as tx:
            await matching.request_scan(tx, self.tenant)
        performer = Performer(self.pool, SETTINGS, Registry({}, {}), ACTIVITIES, lambda: None)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "tests", 1, ["jobs"])
        rounds = 0
        while True:
            _, claimed = await Dispatcher(self.pool, SETTINGS).dispatch_batch()
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                held = await queue.fetch(tx, worker, ["matching"], 1)
            for delivery in held:
                await performer(delivery)
                rounds += 1
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                await queue.finish(tx, held)
            if not held and not claimed:
                return rounds
