"""Whoever is erased here is erased in the tenant's Odoo too, and nobody else's record is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts.privacy import Erased, Who
from db import privacy
from tests.crm.house import DOORS, House

MEI = Who(email="mei@karoo.example")


async def erased(house: House) -> Erased:
    made = await privacy.erase(house.pool, house.tenant, MEI, by="ops")
    await house.work()
    return made


def people(house: House) -> list[dict[str, Any]]:
    return [row for row in house.stored(archived=True) if not row["is_company"]]


async def alerts(house: House) -> list[str]:
    rows = await house.conn.fetch(
        "SELECT evidence FROM app.alerts WHERE rule = 'crm.erasure_left' AND resolved_at IS NULL ORDER BY scope"
    )
    return [json.loads(r["evidence"])["reason"] for r in rows]


@pytest.mark.parametrize("door", DOORS)
async def test_the_persons_record_is_emptied_and_put_away_and_the_leads_record_names_nobody(
    house: House, door: str
) -> None:
    # B.09 S3.07
    await house.connect(door)
    lead = await house.lead()
    await house.scored(lead, 0.81)
    assert [p["name"] for p in people(house)] == ["Mei Tan"]
    made = await erased(house)
    assert made.elsewhere == {"crm_records": 1}
    [person] = people(house)
    assert (person["name"], person["email"], person["phone"], person["active"]) == (
        "Erased person",
        False,
        False,
        False,
    )
    [opportunity] = house.stored("crm.lead")
    assert (opportunity["contact_name"], opportunity["email_from"]) == (False, False)
    told = await house.audit("crm.record_erased")
    assert {line["model"] for line in told} == {"res.partner", "crm.lead"}
    assert await alerts(house) == []

    # Its company goes on, and the person does not come back.
    push = await house.scored(lead, 0.82)
    assert push is not None
    assert push.outcome in ("done", "unchanged"), push
    assert [(p["name"], p["active"]) for p in people(house)] == [("Erased person", False)]
    assert house.company()["active"]


async def test_a_record_that_people_merged_into_another_is_left_to_them(house: House) -> None:
    # B.09
    await house.connect()
    await house.scored(await house.lead(), 0.5)
    [mine] = people(house)
    [other] = house.odoo("res.partner", "create", [{"name": "Sipho Dube", "email": "sipho@karoo.example"}])
    link = await house.link("contact")
    house.odoo("ir.model.data", "repoint", link.external_id, other)
    await erased(house)
    assert {row["name"] for row in people(house)} >= {"Sipho Dube"}
    assert await alerts(house) == ["merged_there"]
    assert mine["id"] != other


async def test_what_people_deleted_there_does_not_come_back(house: House) -> None:
    # B.09
    await house.connect()
    await house.scored(await house.lead(), 0.5)
    house.odoo("res.partner", "unlink", [people(house)[0]["id"]])
    await erased(house)
    assert people(house) == []
    assert await alerts(house) == []


async def test_a_crm_that_is_switched_off_is_not_dialled_and_somebody_is_told(house: House) -> None:
    # B.09
    await house.connect()
    await house.scored(await house.lead(), 0.5)
    await house.connect(enabled=False)
    await erased(house)
    assert [p["name"] for p in people(house)] == ["Mei Tan"]
    assert await alerts(house) == ["disabled"]
