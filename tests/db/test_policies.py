"""What tenants decide for themselves."""

from __future__ import annotations

from uuid import UUID

from db import policies
from db.transaction import Pool, transaction
from tests.db.conftest import new_tenant


async def test_a_decision_holds_for_its_tenant_and_is_audited_once(pool: Pool, tenant: UUID) -> None:
    other = await new_tenant(pool)
    async with transaction(pool, tenant) as tx:
        assert await policies.value(tx, tenant, "crm_min_band", "MEDIUM") == "MEDIUM"
        assert await policies.put(tx, tenant, "crm_min_band", "HIGH", by="ops@example.com")
        assert not await policies.put(tx, tenant, "crm_min_band", "HIGH", by="somebody else"), "it stood so already"
        assert await policies.value(tx, tenant, "crm_min_band", "MEDIUM") == "HIGH"
        rows = await tx.fetch("SELECT actor, detail FROM app.audit_log WHERE action = 'policy.set'")
    assert [(r["actor"], r["detail"]) for r in rows] == [("ops@example.com", {"value": "HIGH"})]
    async with transaction(pool, other) as tx:
        assert await policies.value(tx, other, "crm_min_band", "MEDIUM") == "MEDIUM"


async def test_a_value_of_another_type_counts_as_absent(pool: Pool, tenant: UUID) -> None:
    async with transaction(pool, tenant) as tx:
        await policies.put(tx, tenant, "cap", 20, by="ops")
        await policies.put(tx, tenant, "gates", {"US": False}, by="ops")
        assert await policies.value(tx, tenant, "cap", 1.5) == 20.0
        assert await policies.value(tx, tenant, "cap", "none") == "none"
        assert await policies.value(tx, tenant, "cap", False) is False
        assert await policies.value(tx, tenant, "gates", None) == {"US": False}
        assert await policies.values(tx, tenant) == {"cap": 20, "gates": {"US": False}}
        assert await policies.put(tx, tenant, "cap", None, by="ops")
        assert await policies.value(tx, tenant, "cap", 7) == 7
