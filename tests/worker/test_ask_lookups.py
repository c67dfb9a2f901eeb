"""The ledger around the look-ups of enrichment: nothing is bought twice, and what is counted is what the vendor bills."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from contracts.errors import VendorRefused
from contracts.findings import EmailQuery, Prompt
from db.transaction import Pool
from tests.conftest import Connection
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.subjects import known_people, mailboxes, named, people
from tests.worker.asking import attempt
from worker import ask
from worker.providers import registry

SPENT = "SELECT sum(units_spent) FROM app.vendor_calls"


@pytest.fixture
async def built(sandbox: RunningSandbox) -> AsyncIterator[registry.Registry]:
    made = registry.build(sandbox.settings())
    yield made
    await made.close()


async def test_addresses_verified_in_a_batch_are_not_bought_again_one_by_one(
    built: registry.Registry, sandbox: RunningSandbox, conn: Connection, pool: Pool, tenant: UUID
) -> None:  # S3.05
    batch, single = built.operation("zerobounce.verify_batch"), built.operation("zerobounce.verify")
    emails = [EmailQuery(email=p.email) for p in people()[:130]]
    told = await ask.items(await attempt(pool, tenant), batch, emails)
    assert sandbox.totals("zerobounce")["requests"] == 2
    again = [(await ask.items(await attempt(pool, tenant), single, [query]))[0] for query in emails[:3]]
    assert [r.value for r in again] == [r.value for r in told[:3]]
    assert sandbox.totals("zerobounce")["requests"] == 2
    assert await conn.fetchval(SPENT) == sandbox.totals("zerobounce")["credits"]
    # What it could not tell was free, is kept as such, and may be asked again soon.
    unknown = await ask.items(await attempt(pool, tenant), single, [EmailQuery(email=mailboxes("unknown")[0])])
    assert (unknown[0].outcome, unknown[0].units) == ("miss", 0)
    assert unknown[0].value is not None
    assert unknown[0].value.standing == "unknown"


async def test_look_ups_are_counted_by_the_person_and_tokens_by_the_server(
    built: registry.Registry, sandbox: RunningSandbox, conn: Connection, pool: Pool, tenant: UUID
) -> None:  # S3.05, S3.08
    asked = [named(p) for p in known_people("lusha", 0.55)[:5]]
    ctx = await attempt(pool, tenant, lusha_max_contact_lookups=5, openai_daily_tokens_cap=2_000)
    replies = await ask.items(ctx, built.operation("lusha.people"), asked)
    assert [r.outcome for r in replies] == ["found"] * 5
    with pytest.raises(VendorRefused) as caught:
        await ask.items(ctx, built.operation("lusha.people"), [named(known_people("lusha", 0.55)[5])])
    assert caught.value.code == "budget_spent"
    model = built.operation("llm.complete")
    (said,) = await ask.items(ctx, model, [Prompt(system="Be short.", user="Workwear.", max_tokens=500)])
    assert said.units == sandbox.totals("openai")["credits"]
    with pytest.raises(VendorRefused) as caught:
        await ask.items(ctx, model, [Prompt(system="Be short.", user="Uniforms.", max_tokens=2_000)])
    assert caught.value.code == "budget_spent"
    assert sandbox.totals("openai")["requests"] == 1
    assert await conn.fetchval(SPENT) == 5 + said.units
