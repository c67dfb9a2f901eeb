"""Merges and undoing them: a redirect with everything moved, and every row back as it was."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from contracts.errors import Conflict, NotFound
from contracts.providers import FoundCompany, FoundContact
from db import companies, entities, leads, merges
from db.transaction import transaction
from tests.db.conftest import new_tenant
from tests.matching.ground import Ground


async def merge(ground: Ground, match_id: UUID) -> UUID:
    async with transaction(ground.pool, ground.tenant) as tx:
        return await merges.merge(tx, ground.tenant, match_id, by="ada", reason="same office")


async def undo(ground: Ground, match_id: UUID) -> UUID:
    async with transaction(ground.pool, ground.tenant) as tx:
        return await merges.undo(tx, ground.tenant, match_id, by="ada")


async def test_a_merge_moves_everything_and_undo_restores_every_row(ground: Ground) -> None:
    # B.04: ids, keys, contacts, leads and facts are as they were
    profile = uuid4()
    await ground.conn.execute(
        "INSERT INTO app.icp_profiles (tenant_id, id, name, created_by) VALUES ($1, $2, 'p', 't')",
        ground.tenant,
        profile,
    )
    person = FoundContact(name="Ada", email="ada@karoo.example")
    older, first = await ground.lead("Karoo Workwear", domain="karoo.example", country="ZA", contacts=(person,))
    younger, second = await ground.lead(
        "Karoo Work Wear", domain="karoowear.example", country="ZA", city="Cape Town", phone="+27110000000",
        contacts=(FoundContact(name="Bob", email="bob@karoo.example"),),
    )  # fmt: skip
    _, third = await ground.lead("Karoo Work Wear", domain="karoowear.example", country="ZA", profile=profile)
    await ground.fact(older, "phone", "+27 1", vendor="hunter", confidence=0.4)
    await ground.fact(younger, "employees", 40, vendor="pdl", confidence=0.9)
    match_id = await ground.pair(older, younger)
    before = await ground.everything()

    assert await merge(ground, match_id) == older
    async with transaction(ground.pool, ground.tenant) as tx:
        shown = await companies.show(tx, ground.tenant, younger)
        listed = await companies.list_(tx, ground.tenant)
        placed = await entities.place(
            tx, ground.tenant, [FoundCompany(external_id="x", name="Other", domain="karoowear.example")], room=1
        )
        rows = await leads.list_(tx, ground.tenant)
        by_id = await leads.show(tx, ground.tenant, second)
    assert (shown.id, shown.asked_for, shown.merged) == (older, younger, [younger])
    assert (shown.city, shown.employees, shown.phone) == ("Cape Town", 40, "+27 1")
    assert [c.id for c in listed] == [older]
    assert placed[0].company_id == older
    assert {r["id"] for r in rows} == {first, third}
    assert {r["company_id"] for r in rows} == {older}
    assert by_id is not None
    assert by_id["id"] == first
    assert {c["email"] for c in by_id["contacts"]} == {"ada@karoo.example", "bob@karoo.example"}
    assert set(await ground.facts_sent("FeaturesRequested")) == {first, third}

    assert await undo(ground, match_id) == younger
    assert await ground.everything() == before
    said = await ground.match(match_id)
    assert (said.decision, said.survivor_id, said.decided_by) == ("undone", None, "ada")
    actions = await ground.conn.fetch(
        "SELECT action FROM app.audit_log WHERE subject_id = $1 ORDER BY id", str(match_id)
    )
    assert [r["action"] for r in actions] == ["company.merged", "company.unmerged"]


async def test_what_came_after_a_merge_stays_when_it_is_undone(ground: Ground) -> None:
    # B.04
    older = await ground.company("Karoo", domain="karoo.example", country="ZA")
    younger = await ground.company("Karoo Wear", domain="wear.example", country="ZA", city="Paarl")
    match_id = await ground.pair(older, younger)
    await merge(ground, match_id)
    await ground.fact(older, "industry", "workwear")
    await ground.conn.execute("UPDATE app.companies SET city = 'Knysna' WHERE id = $1", older)
    await undo(ground, match_id)
    async with transaction(ground.pool, ground.tenant) as tx:
        kept, back = [await companies.show(tx, ground.tenant, id_) for id_ in (older, younger)]
    assert (kept.city, [f.value for f in kept.fields]) == ("Knysna", ["workwear"])
    assert (back.city, back.fields, back.keys) == ("Paarl", [], ["domain wear.example", "name_country karoo wear|ZA"])


async def test_two_registry_ids_are_never_merged(ground: Ground) -> None:
    # R13
    one = await ground.company("Karoo", registry_id="lei:1aaa", country="ZA")
    two = await ground.company("Karoo Ltd", registry_id="lei:2bbb", country="ZA")
    match_id = await ground.pair(one, two)
    with pytest.raises(Conflict) as refused:
        await merge(ground, match_id)
    assert refused.value.code == "two_registry_ids"
    assert (await ground.match(match_id)).decision == "pending"


async def test_merges_are_undone_from_the_last_one_on(ground: Ground) -> None:
    # B.04
    a, b, c = [await ground.company(f"Karoo {n}", domain=f"{n}.example", country="ZA") for n in "abc"]
    first = await ground.pair(b, c)
    await merge(ground, first)
    second = await ground.pair(a, b)
    before = await ground.everything()
    await merge(ground, second)
    async with transaction(ground.pool, ground.tenant) as tx:
        assert (await companies.show(tx, ground.tenant, c)).id == a
    with pytest.raises(Conflict) as refused:
        await undo(ground, first)
    assert (refused.value.code, refused.value.members["match_id"]) == ("merged_further", str(second))
    await undo(ground, second)
    assert await ground.everything() == before
    assert await undo(ground, first) == c


async def test_decisions_that_make_no_sense_are_refused(ground: Ground) -> None:
    a, b, c = [await ground.company(f"Karoo {n}", domain=f"{n}.example", country="ZA") for n in "abc"]
    match_id, other = await ground.pair(a, b), await ground.pair(b, c)
    with pytest.raises(Conflict, match="only a merge"):
        await undo(ground, match_id)
    async with transaction(ground.pool, ground.tenant) as tx:
        await merges.reject(tx, ground.tenant, match_id, by="ada")
        await merges.reject(tx, ground.tenant, match_id, by="ada")
    assert await merge(ground, match_id) == a  # a person may think again
    with pytest.raises(Conflict, match="merged before"):
        await merge(ground, match_id)
    with pytest.raises(Conflict) as refused:
        await merge(ground, other)
    assert (refused.value.code, refused.value.members["company_id"]) == ("already_merged", str(a))
    with pytest.raises(NotFound):
        await merge(ground, uuid4())
    stranger = await new_tenant(ground.pool)
    async with transaction(ground.pool, stranger) as tx:
        with pytest.raises(NotFound):
            await merges.merge(tx, stranger, match_id, by="eve")
