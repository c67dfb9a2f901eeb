"""An installation in one process: the real dispatcher, queue, frame and jobs, turned by hand; and leads with known facts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from contracts.enrichment import FactValue
from contracts.models import Model, Term
from contracts.profiles import CreateProfile, Profile
from contracts.providers import FoundCompany, Terms
from contracts.rule_sets import CreateRuleSet, RuleSetMoved
from contracts.scores import LatestScore
from contracts.settings import Settings
from db import facts, leads, profiles, queue, rule_sets, scores
from db.transaction import DbRole, Pool, transaction
from worker.activities import ACTIVITIES
from worker.dispatcher import Dispatcher
from worker.perform import Performer
from worker.providers.registry import Registry

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


class House:
    """One tenant's desk. `work()` does everything that is due on the scoring queue."""

    def __init__(self, pool: Pool, tenant: UUID, ports: Any = None, **settings: Any) -> None:
        self.pool, self.tenant = pool, tenant
        self.ports = ports or Registry({}, {})
        self.settings = Settings.model_construct(**settings)

    async def work(self) -> None:
        performer = Performer(self.pool, self.settings, self.ports, ACTIVITIES, lambda: None)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "tests", 1, ["jobs"])
        while True:
            _, claimed = await Dispatcher(self.pool, self.settings).dispatch_batch()
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                held = await queue.fetch(tx, worker, ["scoring"], 5)
            for delivery in held:
                await performer(delivery)
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                await queue.finish(tx, held)
            if not held and not claimed:
                return

    async def profile(self, **wishes: Any) -> Profile:
        body = CreateProfile(name=f"p {uuid4().hex[:8]}", **wishes)
        async with transaction(self.pool, self.tenant) as tx:
            return await profiles.create(tx, self.tenant, body, by="tests")

    async def rules(self, profile: Profile, *rules: dict[str, Any], **more: Any) -> RuleSetMoved:
        body = CreateRuleSet.model_validate({"rules": rules, **more})
        async with transaction(self.pool, self.tenant) as tx:
            return await rule_sets.create(tx, self.tenant, profile.id, body, by="tests")

    async def lead(self, profile: Profile | None = None, *, country: str = "ZA", **company: Any) -> UUID:
        """A lead whose company has these columns; nothing was looked for yet."""
        found = FoundCompany(
            external_id="x", name=f"Firm {uuid4().hex}", country=country, domain=f"{uuid4().hex}.example"
        )
        async with transaction(self.pool, self.tenant) as tx:
            lead = await leads.create(tx, self.tenant, found, icp_profile_id=profile.id if profile else None)
        if company:
            await self.learn(lead, **company)
        return lead

    async def learn(self, lead: UUID, **company: Any) -> None:
        """Set columns of a lead's company, as an enrichment does."""
        columns = ", ".join(f"{name} = ${n}" for n, name in enumerate(company, 3))
        async with transaction(self.pool, self.tenant) as tx:
            await tx.execute(
                f"UPDATE app.companies SET {columns} WHERE tenant_id = $1"
                " AND id = (SELECT company_id FROM app.leads WHERE id = $2)",
                self.tenant, lead, *company.values(),
            )  # fmt: skip

    async def fact(self, lead: UUID, field: str, value: Any) -> None:
        """A vendor says something about a lead's company."""
        said = FactValue(
            kind="company", field=field, value=value, vendor="pdl", operation="company", terms=Terms.LICENSED, confidence=0.8,
            observed_at=NOW,
        )  # fmt: skip
        async with transaction(self.pool, self.tenant) as tx:
            company = await tx.fetchval("SELECT company_id FROM app.leads WHERE id = $1", lead)
            await facts.save(tx, self.tenant, lead, [(company, said)])

    async def score(self, *lead_ids: UUID) -> None:
        """Ask for leads to be scored, and have it done."""
        async with transaction(self.pool, self.tenant) as tx:
            await scores.ask(tx, self.tenant, lead_ids, limit=100, again=True)
        await self.work()

    async def latest(self, lead: UUID) -> LatestScore:
        async with transaction(self.pool, self.tenant) as tx:
            return (await scores.latest(tx, self.tenant, [lead], whole=True))[lead]

    async def model(self, *, stage: str = "ACTIVE", traffic: float = 0.0, weight: float = 1.0) -> UUID:
        """A model that likes large companies."""
        terms = (
            Term(feature="companyEmployees", kind="number", center=100, scale=100, weight=weight, mean=0.1),
            Term(feature="companyEmployees", kind="missing", weight=-0.5, mean=0.2),
        )
        made = Model(intercept=-2.0, terms=terms, slope=0.9, offset=0.1, base_rate=0.12)
        async with transaction(self.pool, self.tenant) as tx:
            found: UUID = await tx.fetchval(
                "INSERT INTO app.model_versions (tenant_id, family, version, stage, model, traffic) VALUES ($1, 'lead',"
                " 1 + (SELECT count(*) FROM app.model_versions WHERE tenant_id = $1), $2, $3, $4) RETURNING id",
                self.tenant, stage, made.model_dump(mode="json"), traffic,
            )  # fmt: skip
        return found

    async def rows(self, query: str, *given: Any) -> list[dict[str, Any]]:
        async with transaction(self.pool, self.tenant) as tx:
            return [dict(r) for r in await tx.fetch(query, *given)]

    async def facts_out(self, type_: str, lead: UUID) -> list[dict[str, Any]]:
        """Events of a type about a lead, oldest first."""
        return [
            r["payload"]
            for r in await self.rows(
                "SELECT payload FROM app.outbox WHERE type = $1 AND aggregate_id = $2 ORDER BY created_at, id",
                type_,
                lead,
            )
        ]
