"""The scan: what is sure is merged, what is likely waits for a person, and what was decided stays decided."""

from __future__ import annotations

import pytest

from db import merges
from db.transaction import transaction
from tests.matching.ground import Ground


async def test_sure_ones_are_merged_likely_ones_wait_others_are_left(ground: Ground) -> None:
    # B.04 R13
    sure = await ground.company(
        "Karoo Workwear Manufacturing (Pty) Ltd", country="ZA", city="Johannesburg", phone="+27 11 555 0101"
    )
    copy = await ground.company("Karoo Workware Manufacturing", country="ZA", city="Johannesburg", phone="011 555 0101")
    first = await ground.company("Umhlanga Fishing Supplies", country="ZA", registry_id="lei:1x")
    second = await ground.company("Umhlanga Fishing Supply", country="ZA", registry_id="lei:2x")
    await ground.company("Drakensberg Catering", country="ZA")
    assert await ground.scan() >= 1
    auto = await ground.matches("auto")
    assert [(m.a.id, m.b.id, m.survivor_id) for m in auto] == [(sure, copy, sure)]
    assert auto[0].probability >= 0.9
    assert auto[0].decided_by == "matching"
    told = {m.a.id for m in await ground.matches()} | {m.b.id for m in await ground.matches()}
    assert not told & {first, second}  # two registry ids are two companies
    assert (
        await ground.conn.fetchval(
            "SELECT count(*) FROM app.companies WHERE compared_at IS NULL AND merged_into IS NULL"
        )
        == 0
    )


async def test_a_contradiction_is_for_a_person(ground: Ground) -> None:
    one = await ground.company(
        "Karoo Workwear Manufacturing",
        country="ZA",
        city="Johannesburg",
        phone="+27 11 555 0101",
        domain="karoo.example",
    )
    other = await ground.company(
        "Karoo Workwear Manufacturin", country="ZA", city="Johannesburg", phone="+27 11 555 0101", domain="else.example"
    )
    await ground.scan()
    (match,) = await ground.matches()
    assert (match.a.id, match.b.id, match.decision, match.contradictions) == (one, other, "pending", ["website"])


async def test_what_a_person_decided_stays(ground: Ground) -> None:
    one = await ground.company(
        "Karoo Workwear Manufacturing", country="ZA", city="Johannesburg", phone="+27 11 555 0101"
    )
    await ground.company("Karoo Workwear Manufacturin", country="ZA", city="Johannesburg", phone="+27 11 555 0101")
    await ground.scan()
    (match,) = await ground.matches("auto")
    async with transaction(ground.pool, ground.tenant) as tx:
        await merges.undo(tx, ground.tenant, match.id, by="ada")
    await ground.conn.execute("UPDATE app.companies SET compared_at = NULL WHERE id = $1", one)
    await ground.scan()
    assert [m.decision for m in await ground.matches()] == ["undone"]
    assert await ground.conn.fetchval("SELECT count(*) FROM app.companies WHERE merged_into IS NOT NULL") == 0


@pytest.mark.slow
async def test_rounds_go_on_until_none_is_left(ground: Ground) -> None:
    names = [
        f"{a}{b} {c}"
        for a in "bcdfgh"
        for b in ("anta", "ontio", "urell", "elvo")
        for c in ("Mining", "Fishing", "Foods", "Textiles", "Legal")
    ]
    await ground.rows([(f"{name} {n}{n}{n}", "ZA") for n in range(1, 6) for name in names])
    assert await ground.scan() == 2  # 600 companies, 500 a round
    assert (
        await ground.conn.fetchval(
            "SELECT count(*) FROM app.companies WHERE compared_at IS NULL AND merged_into IS NULL"
        )
        == 0
    )
