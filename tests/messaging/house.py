"""A lead that scored HIGH, in an installation of one process: the real dispatcher, queue, frame and jobs over the sandbox."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from contracts.events import LeadScored
from contracts.message_settings import MessageSettings, RecordConsent, SetTemplate
from contracts.messages import MessageDetail
from contracts.providers import FoundCompany, FoundContact
from contracts.settings import Settings
from db import consents, leads, message_settings, messages, outbox, queue
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.providers.sandbox_fixture import RunningSandbox
from worker.activities import ACTIVITIES
from worker.dispatcher import Dispatcher
from worker.perform import Performer
from worker.providers.registry import build

PHONE = "+27821234567"
TRENGO, WHATSAPP = "98231", "intro_facilities"
BODY = "Hello {{1}}, this is {{2}}. {{3}} Reply STOP and we will not write again."


class House:
    """`lead()` makes one, `scored()` says that it is HIGH, `work()` does everything that is due in queue `messaging`."""

    def __init__(self, conn: Connection, pool: Pool, tenant: UUID, sandbox: RunningSandbox) -> None:
        self.conn, self.pool, self.tenant, self.sandbox = conn, pool, tenant, sandbox
        self.settings = sandbox.settings()

    async def lead(
        self,
        name: str = "Karoo Workwear (Pty) Ltd",
        *,
        phone: str | None = PHONE,
        who: str = "Thandi Nkosi",
        **more: Any,
    ) -> UUID:
        """A lead in South Africa with a contact, Thandi Nkosi."""
        about = {"country": "ZA", "domain": f"{name.split()[0].lower()}.co.za", **more}
        person = FoundContact(name=who, email=f"{who.split()[0].lower()}@{about['domain']}")
        company = FoundCompany(external_id="t", name=name, contacts=(person,), confidence=1.0, **about)
        async with transaction(self.pool, self.tenant) as tx:
            lead_id = await leads.create(tx, self.tenant, company, icp_profile_id=None)
        await self.conn.execute(
            "UPDATE app.contacts SET phone = $2 WHERE id = (SELECT contact_id FROM app.leads WHERE id = $1)",
            lead_id,
            phone,
        )
        return lead_id

    async def scored(self, lead_id: UUID) -> None:
        """As scoring says it."""
        snapshot = await self.conn.fetchval(
            "INSERT INTO app.feature_snapshots (tenant_id, lead_id, snapshot_version, source_version, feature_vector_hash, vector,"
            " verdict) VALUES ($1, $2, 1, 't', sha256($2::uuid::text::bytea), '{}', 'PASSED') RETURNING id",
            self.tenant,
            lead_id,
        )
        await self.conn.execute("UPDATE app.score_predictions SET decides = false WHERE lead_id = $1", lead_id)
        prediction = await self.conn.fetchval(
            "INSERT INTO app.score_predictions (tenant_id, lead_id, snapshot_id, decides, score, band, coverage)"
            " VALUES ($1, $2, $3, true, 0.9, 'HIGH', 1) RETURNING id",
            self.tenant,
            lead_id,
            snapshot,
        )
        async with transaction(self.pool, self.tenant) as tx:
            await outbox.emit(
                tx, self.tenant, LeadScored(lead_id=lead_id, prediction_id=prediction, band="HIGH", score=0.9)
            )

    async def may_write(self, lead_id: UUID) -> None:
        """The contact agreed, and vendors have approved our words."""
        contact = await self.conn.fetchval("SELECT contact_id FROM app.leads WHERE id = $1", lead_id)
        async with transaction(self.pool, self.tenant) as tx:
            wanted = RecordConsent(contact_id=contact, basis="opt_in", source="trade fair")
            await consents.record(tx, self.tenant, wanted, by="t")
        await self.template()

    async def template(self, **more: Any) -> None:
        about = {"language": "en", "body": BODY, "parameters": ["first_name", "sender", "opener"], **more}
        about.setdefault("vendor_templates", {"trengo": TRENGO, "whatsapp": WHATSAPP})
        async with transaction(self.pool, self.tenant) as tx:
            await message_settings.put_template(tx, self.tenant, SetTemplate.model_validate(about), by="t")

    async def decide(self, **more: Any) -> None:
        async with transaction(self.pool, self.tenant) as tx:
            await message_settings.put(tx, self.tenant, MessageSettings.model_validate(more), by="t")

    async def message(self, lead_id: UUID) -> MessageDetail:
        """The lead's one message."""
        async with transaction(self.pool, self.tenant) as tx:
            [found] = await messages.list_(tx, self.tenant, lead_id=lead_id)
            return await messages.get(tx, self.tenant, found.id)

    async def approve(self, lead_id: UUID) -> MessageDetail:
        message = await self.message(lead_id)
        async with transaction(self.pool, self.tenant) as tx:
            return await messages.approve(tx, self.tenant, message.id, by="ada")

    async def drafted(self, lead_id: UUID) -> MessageDetail:
        """HIGH, and what message.generate makes of it."""
        await self.scored(lead_id)
        await self.work()
        return await self.message(lead_id)

    async def work(self, settings: Settings | None = None) -> list[str]:
        """Hand off and perform until nothing is due any more. Gives the jobs that ran."""
        settings = settings or self.settings
        ports = build(settings)
        performer = Performer(self.pool, settings, ports, ACTIVITIES, lambda: None)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "tests", 1, ["jobs"])
        ran: list[str] = []
        try:
            while True:
                _, claimed = await Dispatcher(self.pool, settings).dispatch_batch()
                async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                    held = await queue.fetch(tx, worker, ["messaging"], 1)
                for delivery in held:
                    ran.append(delivery.job or "")
                    await performer(delivery)
                    async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                        await queue.finish(tx, [delivery])
                if not claimed and not held:
                    return ran
        finally:
            await ports.close()

    def asked(self, vendor: str) -> int:
        """How many messages this vendor was asked to send."""
        lines = [line for line in self.sandbox.requests() if (line["vendor"], line["operation"]) == (vendor, "send")]
        return sum(line["count"] for line in lines)
