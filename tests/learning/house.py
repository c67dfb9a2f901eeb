"""A tenant with a history: leads, what was known of them, and what became of them. Jobs are turned by hand."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from contracts.learning import ModelDetail, TrainingConfig
from contracts.runs import RunView
from db import models, queue, runs
from db.transaction import DbRole, Pool, transaction
from tests.api.server_fixture import settings_of_tests
from tests.conftest import Connection
from worker.activities import ACTIVITIES
from worker.dispatcher import Dispatcher
from worker.perform import Performer
from worker.providers.registry import Registry, build

NOW = datetime.now(UTC)
SNAPSHOT = (
    "INSERT INTO app.feature_snapshots (tenant_id, lead_id, snapshot_version, source_version, feature_vector_hash, vector, verdict,"
    " created_at) VALUES ($1, $2, 1, 'tests', sha256(gen_random_uuid()::text::bytea), $3, $4, $5)"
)
LABEL = (
    "INSERT INTO app.labels (tenant_id, lead_id, kind, value, source, source_event, event_at, known_at)"
    " VALUES ($1, $2, $3, $4, 'tests', $5, $6, $6)"
)


@dataclass
class House:
    """`history()` makes leads, `train()` and `work()` do what the worker would."""

    conn: Connection
    pool: Pool
    tenant: UUID

    def __post_init__(self) -> None:
        self.settings = settings_of_tests()
        self._open: list[Registry] = []

    async def close(self) -> None:
        for registry in self._open:
            await registry.close()

    async def lead(self) -> UUID:
        (made,) = await self.leads(1)
        return made

    async def leads(self, number: int) -> list[UUID]:
        made = [uuid4() for _ in range(number)]
        companies = "INSERT INTO app.companies (tenant_id, id, name, name_core) VALUES ($1, $2, 'Firm', 'firm')"
        await self.conn.executemany(companies, [(self.tenant, each) for each in made])
        leads = "INSERT INTO app.leads (tenant_id, id, company_id, source) VALUES ($1, $2, $2, 'tests')"
        await self.conn.executemany(leads, [(self.tenant, each) for each in made])
        return made

    async def snapshot(self, lead: UUID, vector: dict[str, Any], at: datetime, verdict: str = "PASSED") -> None:
        await self.conn.execute(SNAPSHOT, self.tenant, lead, json.dumps(vector), verdict, at)

    async def history(
        self, leads: int, *, strength: float = 1.5, first_day: int = 400, last_day: int = 91, seed: int = 5,
        against: str | None = None,
    ) -> None:  # fmt: skip
        """Leads decided on evenly between so many days ago, whose outcome hangs on what was known by `strength`; the other way
        round in the country `against`.
        """
        dice = random.Random(seed)
        snapshots, labels = [], []
        for nth, lead in enumerate(await self.leads(leads)):
            at = NOW - timedelta(days=first_day - (first_day - last_day) * nth / leads)
            vector, won = _lead(dice, strength, against)
            snapshots.append((self.tenant, lead, json.dumps(vector), "PASSED", at - timedelta(hours=1)))
            kind = "outcome" if dice.random() < 0.5 else "judgement"
            labels.append((self.tenant, lead, kind, float(won), str(uuid4()), at))
        await self.conn.executemany(SNAPSHOT, snapshots)
        await self.conn.executemany(LABEL, labels)

    async def train(self, **config: Any) -> tuple[RunView, ModelDetail | None]:
        """Ask for a training, do all that follows, and show the run and the version it brought."""
        async with transaction(self.pool, self.tenant) as tx:
            run_id, _ = await models.request_training(tx, self.tenant, TrainingConfig(**config), triggered_by="tests")
        await self.work()
        async with transaction(self.pool, self.tenant) as tx:
            run = await runs.show(tx, self.tenant, run_id)
            assert run is not None
            made = (run.stats or {}).get("training", {}).get("modelVersionId")
            return run, await models.show(tx, self.tenant, UUID(made)) if made else None

    async def check(self, cause: str) -> None:
        """What the nightly step does."""
        async with transaction(self.pool, self.tenant) as tx:
            await models.request_check(tx, self.tenant, cause)
        await self.work()

    async def show(self, model: UUID) -> ModelDetail:
        async with transaction(self.pool, self.tenant) as tx:
            return await models.show(tx, self.tenant, model)

    async def work(self) -> None:
        """Hand off and perform until nothing is due any more."""
        ports = build(self.settings)
        self._open.append(ports)
        performer = Performer(self.pool, self.settings, ports, ACTIVITIES, lambda: None)
        async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
            worker = await queue.register(tx, "tests", 1, ["jobs"])
        while True:
            _, claimed = await Dispatcher(self.pool, self.settings).dispatch_batch()
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                held = await queue.fetch(tx, worker, ["learning"], 1)
            for delivery in held:
                await performer(delivery)
            async with transaction(self.pool, None, role=DbRole.SYSTEM) as tx:
                await queue.finish(tx, held)
            if not held and not claimed:
                return


def _lead(dice: random.Random, strength: float, against: str | None) -> tuple[dict[str, Any], bool]:
    """What was known of a lead, and whether it was won."""
    size, hiring, country = dice.gauss(4, 1), dice.random() < 0.4, dice.choice(["ZA", "US", "DE"])
    vector = {
        "companyEmployees": round(math.exp(size)), "companyCountry": country, "siteHasCareers": hiring, "leadSource": "register",
        "contactsCount": None if dice.random() < 0.3 else dice.randint(1, 40), "companyTechnologies": ["a"],
        "companyName": "x",
    }  # fmt: skip
    lean = (size - 4) + (1 if hiring else -0.7) + (0.8 if country == "ZA" else 0)
    lean = -lean if country == against else lean
    return vector, dice.random() < 1 / (1 + math.exp(2.8 - strength * lean))
