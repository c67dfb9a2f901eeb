"""Daily figures against rows that were counted by hand."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.analytics import RequestRollup, Span
from contracts.errors import Invalid
from contracts.runs import RunStatus
from db import analytics, runs
from db.transaction import DbRole, Pool, transaction
from tests.conftest import Connection
from tests.db.conftest import new_tenant
from tests.worker.dispatching import dispatcher
from worker.activities import ACTIVITIES
from worker.perform import Performer
from worker.providers.registry import Registry

DAY, NEXT = date(2026, 3, 4), date(2026, 3, 5)
WEEK = Span(first=date(2026, 3, 1), last=date(2026, 3, 7))
NOON, LATE, EARLY = "2026-03-04T12:00Z", "2026-03-04T23:59:59.9Z", "2026-03-05T00:00Z"


def _cell(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return str(value) if isinstance(value, UUID) else value


class Books:
    """A tenant's rows, written one by one at chosen times."""

    def __init__(self, conn: Connection, pool: Pool, tenant: UUID) -> None:
        self.conn, self.pool, self.tenant = conn, pool, tenant

    async def add(self, table: str, **values: Any) -> UUID:
        row = {"tenant_id": str(self.tenant)} | {name: _cell(value) for name, value in values.items()}
        columns = ", ".join(row)
        query = (
            f"INSERT INTO app.{table} ({columns}) SELECT {columns}"
            f" FROM jsonb_populate_record(NULL::app.{table}, $1::jsonb) RETURNING id"
        )
        made: UUID = await self.conn.fetchval(query, json.dumps(row))
        return made

    async def lead(self, at: str, **company: Any) -> UUID:
        company_id = await self.add("companies", **{"name": "x", "name_core": "x", "domain": "x.example"} | company)
        return await self.add("leads", company_id=company_id, source="register", created_at=at)

    async def scored(self, lead: UUID, band: str, at: str, *, decides: bool = True, rejected: bool = False) -> UUID:
        snapshot = await self.add(
            "feature_snapshots", lead_id=lead, snapshot_version=1, source_version="1", feature_vector_hash=uuid4().bytes * 2,
            vector={}, verdict="REJECTED" if rejected else "PASSED", reasons=["country"] if rejected else [], created_at=at,
        )  # fmt: skip
        if decides:
            await self.conn.execute("UPDATE app.score_predictions SET decides = false WHERE lead_id = $1", lead)
        return await self.add(
            "score_predictions", lead_id=lead, snapshot_id=snapshot, decides=decides, score=0.5, band=band, coverage=1.0,
            rejected=rejected, created_at=at, decided_at=at if decides else None,
        )  # fmt: skip

    async def call(self, vendor: str, units: float, at: str, found: int, missed: int, ms: float, **more: Any) -> None:
        await self.add(
            "vendor_calls", vendor=vendor, operation="find", billable=True, state="answered", units_reserved=units,
            units_spent=units,
            sent_at=at, settled_at=at, found=found, missed=missed, latency_ms=ms, **more,
        )  # fmt: skip

    async def roll_up(self, span: Span = WEEK) -> dict[str, int]:
        async with transaction(self.pool, self.tenant) as tx:
            return await analytics.roll_up(tx, self.tenant, span)

    async def figures(self, day: date = DAY) -> dict[str, float]:
        """metric, or metric:dims, -> value."""
        async with transaction(self.pool, self.tenant) as tx:
            page = await analytics.daily(tx, self.tenant, Span(first=day, last=day), limit=500)
        return {":".join([m.metric, *map(str, sorted(m.dims.values()))]): m.value for m in page.items}


@pytest.fixture
async def books(conn: Connection, pool: Pool) -> Books:
    made = Books(conn, pool, await new_tenant(pool))
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await tx.execute(
            "INSERT INTO app.vendor_operations (vendor, operation, unit, units, billable, unit_price_usd)"
            " VALUES ('hunter', 'find', 'credit', 1, true, 0.1), ('pdl', 'find', 'credit', 1, true, 0.25)"
        )
    return made


async def a_day(books: Books) -> list[UUID]:
    """Four leads of one day, one of the next: what came of each is in the tests' own figures."""
    leads = [
        await books.lead(NOON),
        await books.lead(NOON),
        await books.lead(NOON),
        await books.lead(LATE),
        await books.lead(EARLY),
    ]
    for lead in leads[:3]:
        await books.add("enrichments", lead_id=lead, cause="1", state="COMPLETED", finished_at=NOON)
    await books.add("enrichments", lead_id=leads[3], cause="1", state="FAILED", finished_at=NOON)
    await books.scored(leads[0], "HIGH", NOON)
    await books.scored(leads[0], "HIGH", LATE)
    await books.scored(leads[1], "MEDIUM", NOON)
    await books.scored(leads[1], "HIGH", EARLY)
    await books.scored(leads[2], "LOW", NOON, rejected=True)
    await books.scored(leads[1], "LOW", NOON, decides=False)
    await books.add(
        "messages", lead_id=leads[0], channel="email", state="delivered", template="t", body="b", written_by="template",
        created_at=NOON, approved_at=NOON, sent_at=EARLY,
    )  # fmt: skip
    await books.add("crm_pushes", lead_id=leads[0], cause="1", outcome="done", at=NOON)
    await books.add("crm_pushes", lead_id=leads[2], cause="1", outcome="skipped", at=NOON)
    await books.add(
        "labels",
        lead_id=leads[0],
        kind="outcome",
        value=1.0,
        source="user",
        source_event="1",
        event_at=EARLY,
        known_at=EARLY,
    )
    company = await books.conn.fetchval("SELECT company_id FROM app.leads WHERE id = $1", leads[0])
    for email, status in (("a@X.example", "valid"), ("b@gmail.com", "valid"), ("c@x.example", "invalid"), (None, None)):
        await books.add(
            "contacts",
            company_id=company,
            email=email,
            email_status=status,
            created_at=NOON,
            email_checked_at=NOON if email else None,
        )
    run = await books.add("runs", kind="discovery", triggered_by="tests")
    part = await books.add("run_slices", run_id=run, ordinal=0, channel="register", query="q")
    said = [("DISCOVERED", None), ("DUPLICATE", None), ("DUPLICATE", None), ("REJECTED", "cap")]
    for number, (status, reason) in enumerate(said):
        await books.add(
            "source_records", source="register", vendor="gleif", external_id=str(number), content_hash=bytes(32), payload={},
            status=status, reason=reason, run_id=run, slice_id=part, page=0, created_at=NOON,
        )  # fmt: skip
    await books.call("hunter", 3, NOON, 2, 1, 100.0)
    await books.call("hunter", 1, LATE, 1, 0, 300.0)
    await books.call("hunter", 0, NOON, 0, 0, 50.0, error_class="vendor_down")
    await books.call("pdl", 2, NOON, 0, 2, 10.0)
    await books.call("hunter", 5, EARLY, 5, 0, 10.0)
    return leads


async def test_the_figures_of_a_day_are_what_a_person_counts(books: Books) -> None:
    # S2.13
    await a_day(books)
    await books.roll_up()
    assert await books.figures() == {
        "funnel:discovered": 4, "funnel:enriched": 3, "funnel:snapshot": 3, "funnel:scored": 3, "funnel:high": 1,
        "funnel:drafted": 1, "funnel:approved": 1, "funnel:exported": 1, "qualified_leads": 1,
        "leads_by_band:HIGH": 1, "leads_by_band:MEDIUM": 1, "leads_by_band:LOW": 1,
        "contacts": 4, "contacts_with_email": 3, "domain_matches": 2, "checked_emails": 3, "valid_emails": 2,
        "records:DISCOVERED": 1, "records:DUPLICATE": 2, "records:REJECTED": 1, "duplicates": 2,
        "rejections:cap:discovery": 1, "rejections:country:rules": 1, "messages:delivered:email": 1,
        "vendor_calls:find:hunter": 3, "vendor_units:find:hunter": 4, "vendor_spend_usd:find:hunter": 0.4,
        "vendor_errors:find:hunter": 1, "vendor_hit_rate:find:hunter": 0.75, "vendor_median_ms:find:hunter": 100,
        "vendor_p95_ms:find:hunter": 280,
        "vendor_calls:find:pdl": 1, "vendor_units:find:pdl": 2, "vendor_spend_usd:find:pdl": 0.5, "vendor_errors:find:pdl": 0,
        "vendor_hit_rate:find:pdl": 0, "vendor_median_ms:find:pdl": 10, "vendor_p95_ms:find:pdl": 10,
        "spend_usd": 0.9, "cost_per_qualified_lead": 0.9,
    }  # fmt: skip
    following = await books.figures(NEXT)
    assert {k: v for k, v in following.items() if k.startswith("funnel")} == {
        "funnel:discovered": 1, "funnel:high": 1, "funnel:sent": 1, "funnel:delivered": 1, "funnel:won": 1,
    }  # fmt: skip
    assert following["cost_per_qualified_lead"] == 0.5


async def test_a_second_roll_up_changes_nothing_and_late_facts_correct_the_day(books: Books) -> None:
    # S2.13
    leads = await a_day(books)
    first = await books.roll_up()
    marks = "SELECT id, xmin::text, ctid::text FROM app.daily_metrics ORDER BY id"
    before = [tuple(r) for r in await books.conn.fetch(marks)]
    assert (first["changed"], first["dropped"], len(before)) == (first["figures"], 0, first["figures"])
    assert await books.roll_up() == {"figures": first["figures"], "changed": 0, "dropped": 0}
    assert [tuple(r) for r in await books.conn.fetch(marks)] == before
    await books.conn.execute("UPDATE app.contacts SET email_status = 'invalid' WHERE email = 'b@gmail.com'")
    await books.scored(leads[2], "HIGH", LATE)
    await books.conn.execute("DELETE FROM app.messages")
    again = await books.roll_up()
    now = await books.figures()
    assert (now["valid_emails"], now["funnel:high"], now["cost_per_qualified_lead"]) == (1, 2, 0.45)
    assert "funnel:drafted" not in now
    # Drafted, approved, the message and the band LOW of the day; sent and delivered of the next.
    assert again["dropped"] == 6
    other = Books(books.conn, books.pool, await new_tenant(books.pool))
    await other.roll_up()
    assert await other.figures() == {}, "one tenant's figures are its own"


async def test_days_outside_the_range_are_left_alone(books: Books) -> None:
    await a_day(books)
    await books.roll_up()
    before = await books.figures()
    await books.conn.execute("DELETE FROM app.leads")
    await books.roll_up(Span(first=NEXT, last=NEXT))
    assert await books.figures() == before
    assert "funnel:discovered" not in await books.figures(NEXT)


async def test_the_funnel_adds_up_over_days(books: Books) -> None:
    # S2.13
    await a_day(books)
    await books.roll_up()
    async with transaction(books.pool, books.tenant) as tx:
        found = await analytics.show_funnel(tx, books.tenant, WEEK)
    assert {stage.stage: stage.leads for stage in found.stages} == {
        "discovered": 5, "enriched": 3, "snapshot": 3, "scored": 3, "high": 2, "drafted": 1, "approved": 1, "sent": 1,
        "delivered": 1, "exported": 1, "won": 1,
    }  # fmt: skip
    shares = {stage.stage: stage.of_discovered for stage in found.stages}
    assert (shares["enriched"], shares["high"]) == (0.6, 0.4)
    assert (found.spend_usd, found.qualified_leads, found.cost_per_qualified_lead) == (1.4, 2, 0.7)


async def test_figures_are_paged_in_order(books: Books) -> None:
    await a_day(books)
    await books.roll_up()
    async with transaction(books.pool, books.tenant) as tx:
        whole = (await analytics.daily(tx, books.tenant, WEEK, limit=500)).items
        walked: list[Any] = []
        cursor = None
        while True:
            page = await analytics.daily(tx, books.tenant, WEEK, cursor=cursor, limit=7)
            walked += page.items
            if (cursor := page.next_cursor) is None:
                break
        only = await analytics.daily(tx, books.tenant, WEEK, metric="spend_usd")
        for wrong in ("x", "W10", "WyJkYWlseSIsIjIwMjYiLCJ4IiwieiJd"):
            with pytest.raises(Invalid):
                await analytics.daily(tx, books.tenant, WEEK, cursor=wrong)
    assert walked == whole
    assert [m.day for m in whole] == sorted(m.day for m in whole)
    assert [(str(m.day), m.value) for m in only.items] == [("2026-03-04", 0.9), ("2026-03-05", 0.5)]


async def test_a_run_rolls_up_and_says_what_it_came_to(books: Books) -> None:
    # S2.01 S2.13 R1
    await a_day(books)
    body = RequestRollup.model_validate({"from": "2026-03-01", "to": "2026-03-07"})
    async with transaction(books.pool, books.tenant) as tx:
        run_id = await analytics.request_rollup(tx, books.tenant, body, by="tests", triggered_by="tests")
    await work(books.pool)
    async with transaction(books.pool, books.tenant) as tx:
        run = await runs.show(tx, books.tenant, run_id)
    assert run is not None
    assert (run.kind, run.status, run.params["days"]) == ("rollup", RunStatus.COMPLETED, ["2026-03-01", "2026-03-07"])
    counters = json.loads(await books.conn.fetchval("SELECT counters FROM app.runs WHERE id = $1", run_id))
    assert counters["figures"] == counters["changed"] > 30
    assert (await books.figures())["funnel:discovered"] == 4


async def test_nothing_named_is_yesterday_and_today(books: Books) -> None:
    span = RequestRollup().span(date(2026, 3, 1))
    assert (str(span.first), str(span.last)) == ("2026-02-28", "2026-03-01")


async def work(pool: Pool) -> None:
    from contracts.settings import Settings
    from db import queue

    await dispatcher(pool).dispatch_batch()
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "tests", 1, ["jobs"])
        held = await queue.fetch(tx, worker, ["analytics"], 5)
    performer = Performer(pool, Settings.model_construct(), Registry({}, {}), ACTIVITIES, lambda: None)
    for delivery in held:
        await performer(delivery)
