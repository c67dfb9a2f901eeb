"""What real rows teach: other orders are tried, a cheaper one is watched beside the one followed, promoted, and followed."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import pytest

from contracts.identity import name_core
from tests.enrichment.house import WORLD, House
from worker.enrichment import jobs
from worker.providers.sandbox.people import people_of

pytestmark = pytest.mark.slow
#: Rows that are enriched before anything is looked at again.
BATCH = 25
LISTED, LEARNED = ["hunter.domain_search", "lusha.find"], ["lusha.find", "hunter.domain_search"]
ORDERS = "SELECT id, stage, operations, made_by, verdict FROM app.waterfall_orders WHERE field = 'people' ORDER BY id"
#: Rows whose people were looked for, oldest first: who came first, whether that was drawn, and what it cost.
ROWS = (
    "SELECT enrichment_id AS id, (array_agg(operation ORDER BY place))[1] AS first, bool_or(explored) AS drawn,"
    " sum(cost_usd) AS cost_usd, bool_or(shadow_id IS NOT NULL) AS watched FROM app.waterfall_steps WHERE field = 'people'"
    " GROUP BY enrichment_id ORDER BY enrichment_id"
)


async def test_an_order_is_learned_from_rows_watched_beside_the_other_and_followed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # B.08: by the list a question costs a credit at either; Hunter bills each person, Lusha a page of them
    monkeypatch.setattr(jobs, "LEARN", 1.0)  # every row thinks about the orders, instead of one in 25
    keys = {f"{vendor}_api_key": None for vendor in ("apollo", "pdl", "zerobounce", "openai", "tavily")}
    at_once = {vendor: {"windows": [[100_000, 60]]} for vendor in ("hunter", "lusha")}
    await house.furnish(waterfall_explore=0.4, vendor_limits=at_once, langchain_model=None, **keys)
    known = [c for land in ("ZA", "SG", "GB", "US") for c in WORLD.companies(land) if people_of(WORLD, c)]
    companies = iter({name_core(c.name): c for c in known}.values())

    async def enrich() -> None:
        await house.enrich(*islice(companies, BATCH))
        # Nobody here performs what follows a score: it must not fill the tenant's room in the queue.
        await house.conn.execute(
            "DELETE FROM queue.procrastinate_jobs WHERE queue_name NOT IN ('enrichment', 'scoring')"
        )

    async def orders() -> list[dict[str, Any]]:
        return [dict(r) for r in await house.conn.fetch(ORDERS)]

    async def until(stage: str, most: int) -> list[dict[str, Any]]:
        """Enrich until an order for people stands there; gives the rows so far."""
        for _ in range(0, most, BATCH):
            if any(order["stage"] == stage for order in await orders()):
                break
            await enrich()
        assert [o["stage"] for o in await orders()] == [stage], await orders()
        return [dict(r) for r in await house.conn.fetch(ROWS)]

    rows = await until("SHADOW", 400)
    [watched] = await orders()
    assert (watched["operations"], watched["made_by"]) == (LEARNED, "learned")
    drawn = [row["first"] for row in rows if row["drawn"]]
    assert set(drawn) == set(LISTED), "drawn rows try either first"
    assert 0.2 < len(drawn) / len(rows) < 0.6
    assert {row["first"] for row in rows if not row["drawn"]} == {LISTED[0]}, "what is only watched is not followed"

    rows = await until("ACTIVE", 400)
    [followed] = await orders()
    assert (followed["id"], followed["operations"]) == (watched["id"], LEARNED)
    verdict = json.loads(followed["verdict"])
    assert verdict["rows"] >= 50
    assert 0 < verdict["low"] <= verdict["saving_usd"]
    assert sum(row["watched"] for row in rows) >= 50
    assert not any(row["watched"] and row["drawn"] for row in rows), "a drawn row says nothing of either order"
    audited = await house.conn.fetch("SELECT actor, subject_id FROM app.audit_log WHERE action = 'waterfall.promote'")
    assert [(r["actor"], r["subject_id"]) for r in audited] == [("learned", str(watched["id"]))]

    before = [row for row in rows if not row["drawn"] and row["first"] == LISTED[0]]
    await enrich()
    seen = {row["id"] for row in rows}
    after = [dict(r) for r in await house.conn.fetch(ROWS)]
    after = [row for row in after if row["id"] not in seen and not row["drawn"]]
    assert after
    assert {row["first"] for row in after} == {LEARNED[0]}
    assert _mean(after) < _mean(before), "people cost less now, on the vendors' own bills"


def _mean(rows: list[dict[str, Any]]) -> float:
    return float(sum(row["cost_usd"] for row in rows)) / len(rows)
