"""How long an answer stands in for a new request: inside its time nobody is asked and nothing is paid, after it both happen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from contracts.findings import CompanyQuery, EmailQuery, PeopleAt, Prompt, WebQuery
from contracts.providers import Operation, Reply
from contracts.vendor_settings import VendorLimit
from db.transaction import Pool
from tests.conftest import Connection
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.subjects import known_people, mailboxes, named
from tests.worker.asking import attempt, checker, queries
from worker import ask
from worker.providers import registry
from worker.providers.sandbox.people import people_of
from worker.providers.sandbox.world import World

HOUR, DAY = 3600.0, 86_400.0
SPENT = "SELECT coalesce(sum(units_spent), 0) FROM app.vendor_calls"


async def clock(conn: Connection, ahead_s: float) -> None:
    """The database's clock stands so far ahead of the real one."""
    await conn.execute(
        "CREATE OR REPLACE FUNCTION app.clock_shift() RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE"
        f" AS $$ SELECT interval '{ahead_s:.0f} s' $$"
    )


@pytest.fixture
async def built(sandbox: RunningSandbox) -> AsyncIterator[registry.Registry]:
    made = registry.build(sandbox.settings())
    yield made
    await made.close()


@pytest.mark.parametrize(("keep_s", "keep_miss_s"), [(2 * DAY, 2 * HOUR), (2 * HOUR, 2 * DAY)])
async def test_an_answer_and_a_miss_are_kept_for_their_own_times(
    conn: Connection, pool: Pool, tenant: UUID, keep_s: float, keep_miss_s: float
) -> None:
    # S3.05
    vendor = checker(keep_s=keep_s, keep_miss_s=keep_miss_s)

    async def asked_at(after_s: float) -> list[str]:
        """Who is asked for anew then."""
        await clock(conn, after_s)
        before = len(vendor.asked)
        replies = await ask.items(await attempt(pool, tenant), vendor, queries("ann", "no-one"))
        assert [r.outcome for r in replies] == ["found", "miss"]
        return [address.partition("@")[0] for _, addresses in vendor.asked[before:] for address in addresses]

    first, second = ("no-one", "ann") if keep_miss_s < keep_s else ("ann", "no-one")
    assert sorted(await asked_at(0)) == ["ann", "no-one"]
    assert await asked_at(2 * HOUR - 60) == []
    assert await asked_at(2 * HOUR + 60) == [first]
    assert await asked_at(2 * DAY - 60) == [first], "the other one is still kept"
    assert sorted(await asked_at(2 * DAY + 60)) == [second]
    paid = 3 if first == "ann" else 2
    assert (await conn.fetchval(SPENT), vendor.bill["ann@example.com"]) == (paid, paid)


async def test_vendor_limits_say_how_long_an_answer_is_kept(conn: Connection, pool: Pool, tenant: UUID) -> None:
    # S3.05
    vendor, limits = checker(keep_s=DAY), {"checker.verify": VendorLimit(keep_s=HOUR)}
    for ahead_s, requests in ((0, 1), (HOUR - 60, 1), (HOUR + 60, 2)):
        await clock(conn, ahead_s)
        await ask.items(await attempt(pool, tenant, vendor_limits=limits), vendor, queries("ann"))
        assert len(vendor.asked) == requests


WORLD = World(7)
AT = next(c for c in WORLD.companies("ZA") if people_of(WORLD, c))
NOBODY = "nobody-knows-it.example"
#: What enrichment asks, of whom, what it hears, and for how many days the answer is kept.
QUESTIONS: list[tuple[str, BaseModel, str, float]] = [
    ("hunter.find", named(known_people("hunter", 0.6)[0]), "found", 30),
    ("hunter.domain_search", PeopleAt(domain=AT.domain), "found", 30),
    ("hunter.company", CompanyQuery(domain=AT.domain, name=AT.name), "found", 30),
    ("hunter.company", CompanyQuery(domain=NOBODY, name="Nobody"), "miss", 7),
    ("hunter.verify", EmailQuery(email=mailboxes("valid")[0]), "found", 30),
    ("apollo.match", named(known_people("apollo", 0.7)[0]), "found", 30),
    ("pdl.person", named(known_people("pdl", 0.6)[0]), "found", 30),
    ("lusha.people", named(known_people("lusha", 0.55)[0]), "found", 30),
    ("lusha.find", PeopleAt(domain=AT.domain), "found", 30),
    ("zerobounce.verify", EmailQuery(email=mailboxes("valid")[0]), "found", 30),
    ("zerobounce.verify", EmailQuery(email=mailboxes("unknown")[0]), "miss", 1800 / DAY),
    ("tavily.search", WebQuery(words=AT.name, sites=(AT.domain,), limit=3, want_text=True), "found", 30),
    ("llm.complete", Prompt(system="Be short.", user="Workwear.", max_tokens=500), "found", 30),
]


@pytest.mark.parametrize(("name", "query", "outcome", "days"), QUESTIONS, ids=[f"{q[0]} {q[2]}" for q in QUESTIONS])
async def test_a_vendor_is_paid_once_in_the_time_its_answer_is_kept(
    built: registry.Registry,
    sandbox: RunningSandbox,
    conn: Connection,
    pool: Pool,
    tenant: UUID,
    name: str,
    query: BaseModel,
    outcome: str,
    days: float,
) -> None:
    # S3.05
    operation: Operation[Any, Any] = built.operation(name)
    metered = "openai" if operation.spec.vendor == "llm" else operation.spec.vendor

    async def asked_at(ahead_s: float) -> Reply[Any]:
        await clock(conn, ahead_s)
        (reply,) = await ask.items(await attempt(pool, tenant), operation, [query])
        return reply

    said = await asked_at(0)
    assert said.outcome == outcome
    once, spent = sandbox.totals(metered), await conn.fetchval(SPENT)
    assert (once["requests"], spent) == (1, said.units)
    again = await asked_at(days * DAY - 60)
    assert (again.value, again.at) == (said.value, said.at)
    assert (sandbox.totals(metered), await conn.fetchval(SPENT)) == (once, spent)
    anew = await asked_at(days * DAY + 60)
    assert (anew.outcome, anew.value, anew.at > said.at) == (outcome, said.value, True)
    assert (sandbox.totals(metered)["requests"], await conn.fetchval(SPENT)) == (2, 2 * spent)
