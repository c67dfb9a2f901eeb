"""Which value survives: four rules a field, the history kept, and what was known on a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.enrichment import FactValue, Learned
from contracts.providers import Terms
from contracts.survivorship import SetSurvivorship, Survivorship, columns, survivor, survivors
from db import companies, enrichments, survivorship
from db.transaction import transaction
from tests.matching.ground import Ground


@dataclass
class Said:
    value: Any
    vendor: str
    confidence: float
    day: int
    verified: bool | None = None
    field: str = "phone"

    @property
    def observed_at(self) -> datetime:
        return datetime(2026, 3, self.day, tzinfo=UTC)


SAID = [
    Said("A", "pdl", 0.9, 1),
    Said("B", "site", 0.5, 9),
    Said("b", "hunter", 0.4, 2),
    Said("C", "apollo", 0.95, 3, verified=False),
]


@pytest.mark.parametrize(
    ("rule", "expected"), [("highest_confidence", "A"), ("latest", "B"), ("most_frequent", "B"), ("source_order", "b")]
)
def test_each_rule_chooses_its_own_and_what_was_found_wrong_loses(rule: Any, expected: str) -> None:
    for order in (SAID, SAID[::-1]):
        found = survivor(order, rule, ("hunter", "apollo"))
        assert found is not None
        assert found.value == expected
    assert survivor([], rule) is None


def test_columns_take_only_what_fits_them() -> None:
    facts = [
        Said("x" * 900, "pdl", 1, 1, field="industry"),
        Said("South Africa", "pdl", 1, 1, field="country"),
        Said("11-50", "pdl", 1, 1, field="employees"),
        Said(11, "pdl", 1, 1, field="employees_min"),
        Said(50, "pdl", 1, 1, field="employees_max"),
        Said(["315250"], "pdl", 1, 1, field="naics"),
        Said({"not": "text"}, "pdl", 1, 1, field="phone"),
    ]
    assert columns(survivors(facts, Survivorship())) == {"industry": "x" * 300, "employees": 30, "naics": ["315250"]}


async def test_a_field_shows_its_source_and_history_by_the_tenants_rule(ground: Ground) -> None:
    # B.08
    company = await ground.company("Karoo", domain="karoo.example", country="ZA")
    await ground.fact(company, "phone", "+27 1", vendor="pdl", confidence=0.9, day=1)
    await ground.fact(company, "phone", "+27 2", vendor="site", confidence=0.5, day=9)
    await ground.fact(company, "phone", "+27 3", vendor="pdl", confidence=0.8, day=10)

    async def phone(as_of: datetime | None = None) -> Any:
        async with transaction(ground.pool, ground.tenant) as tx:
            shown = await companies.show(tx, ground.tenant, company, as_of=as_of)
        return next(iter(shown.fields), None)

    known = await phone()
    assert (known.field, known.value, known.vendor, known.rule) == ("phone", "+27 3", "pdl", "highest_confidence")
    assert [(h.value, h.superseded_at is None) for h in known.history] == [
        ("+27 3", True),
        ("+27 2", True),
        ("+27 1", False),
    ]
    await ground.conn.execute(
        "INSERT INTO app.tenant_policies (tenant_id, name, value, set_by)"
        " VALUES ($1, 'survivorship', $2::text::jsonb, 't')",
        ground.tenant, '{"fields": {"phone": "source_order"}, "source_order": ["site", "pdl"]}',
    )  # fmt: skip
    assert (await phone()).value == "+27 2"
    at = await ground.conn.fetchval("SELECT created_at FROM app.field_values WHERE value = '\"+27 1\"'")
    assert (await phone(at)).value == "+27 1"
    assert await phone(datetime(2020, 1, 1, tzinfo=UTC)) is None


async def test_a_new_policy_holds_from_the_next_fact_on(ground: Ground) -> None:
    # B.08
    company, lead = await ground.lead("Karoo", domain="karoo.example", country="ZA")
    await ground.fact(company, "industry", "Uniforms", vendor="pdl", confidence=0.9, day=1)

    async def industry() -> Any:
        return await ground.conn.fetchval("SELECT industry FROM app.companies WHERE id = $1", company)

    async def enriched(cause: str, value: str, day: int) -> None:
        fact = FactValue(
            kind="company", field="industry", value=value, vendor="site", operation="read", terms=Terms.CRAWLED,
            confidence=0.5, observed_at=datetime(2026, 3, day, tzinfo=UTC),
        )  # fmt: skip
        async with transaction(ground.pool, ground.tenant) as tx:
            of = await enrichments.subject(tx, ground.tenant, lead)
            assert of is not None
            begun = await enrichments.begin(tx, ground.tenant, lead, cause)
            await enrichments.finish(tx, ground.tenant, of, begun, cause, Learned(company_facts=(fact,)))

    await enriched("1", "Clothing", 8)
    assert await industry() == "Uniforms"
    async with transaction(ground.pool, ground.tenant) as tx:
        await survivorship.put(tx, ground.tenant, SetSurvivorship(fields={"industry": "latest"}), by="tests")
    assert await industry() == "Uniforms", "what stands waits for the next fact"
    await enriched("2", "Workwear", 9)
    assert await industry() == "Workwear"
