"""Who a person is: the mailbox first, then the page at LinkedIn, also where two sources know different addresses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from contracts.enrichment import Learned, Person
from contracts.identity import Key, contact_keys, profile_key
from contracts.privacy import Who
from contracts.providers import FoundCompany, FoundContact
from db import enrichments, leads, privacy
from db.transaction import transaction
from tests.matching.ground import Ground

PAGE = "https://www.linkedin.com/in/Thandi-Nkosi/"


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        (PAGE, "thandi-nkosi"),
        ("za.linkedin.com/in/thandi%2Dnkosi?trk=x", "thandi-nkosi"),
        ("https://linkedin.com/company/karoo", None),
        ("https://evil.example/linkedin.com/in/thandi", None),
    ],
)
def test_a_page_is_known_in_every_spelling(url: str, slug: str | None) -> None:
    # R13
    assert profile_key(url) == (Key("linkedin", slug) if slug else None)


def test_the_mailbox_comes_before_the_page() -> None:
    # R13
    person = FoundContact(email="Thandi@Karoo.example", linkedin_url=PAGE)
    assert contact_keys(person) == (Key("email", "thandi@karoo.example"), Key("linkedin", "thandi-nkosi"))
    assert contact_keys(FoundContact(linkedin_url=PAGE)) == ()


async def typed(ground: Ground, name: str, *people: FoundContact) -> UUID:
    body = FoundCompany(external_id=name, name=name, country="ZA", domain=f"{name.lower()}.example", contacts=people)
    async with transaction(ground.pool, ground.tenant) as tx:
        return await leads.create(tx, ground.tenant, body, icp_profile_id=None)


async def enriched(ground: Ground, lead: UUID, person: Person) -> None:
    async with transaction(ground.pool, ground.tenant) as tx:
        of = await enrichments.subject(tx, ground.tenant, lead)
        assert of is not None
        begun = await enrichments.begin(tx, ground.tenant, lead, "1")
        await enrichments.finish(tx, ground.tenant, of, begun, "1", Learned(people=(person,)))


async def contacts(ground: Ground) -> list[dict[str, Any]]:
    rows = await ground.conn.fetch(
        "SELECT p.email, p.email_status, array_agg(k.key_type || ' ' || k.value ORDER BY k.key_type, k.value) AS keys"
        " FROM app.contacts p LEFT JOIN app.entity_keys k ON k.entity_id = p.id GROUP BY p.tenant_id, p.id ORDER BY p.id"
    )
    return [dict(r) for r in rows]


async def test_two_addresses_and_one_page_are_one_person(ground: Ground) -> None:
    # R13
    lead = await typed(ground, "Karoo", FoundContact(name="Thandi", email="thandi@karoo.example", linkedin_url=PAGE))
    page = PAGE.replace("www", "za")
    await enriched(ground, lead, Person(email="t.nkosi@karoo.example", email_status="valid", linkedin_url=page))
    assert await contacts(ground) == [
        {
            "email": "t.nkosi@karoo.example",
            "email_status": "valid",
            "keys": ["email t.nkosi@karoo.example", "email thandi@karoo.example", "linkedin thandi-nkosi"],
        }
    ]


async def test_a_surer_address_is_not_replaced_and_the_page_becomes_a_key_of_whoever_has_the_mailbox(
    ground: Ground,
) -> None:
    # R13
    lead = await typed(ground, "Karoo", FoundContact(name="Thandi", email="thandi@karoo.example"))
    await ground.conn.execute("UPDATE app.contacts SET email_status = 'suppress'")
    await enriched(ground, lead, Person(email="thandi@karoo.example", linkedin_url=PAGE))
    other = await typed(ground, "Veld", FoundContact(name="T. Nkosi", email="thandi@veld.example", linkedin_url=PAGE))
    await enriched(ground, other, Person(email="thandi@veld.example", email_status="valid", linkedin_url=PAGE))
    [one] = await contacts(ground)
    assert (one["email"], one["email_status"]) == ("thandi@karoo.example", "suppress")
    assert one["keys"] == ["email thandi@karoo.example", "email thandi@veld.example", "linkedin thandi-nkosi"]


async def test_two_hits_of_one_page_are_one_person_and_two_mailboxes_are_two(ground: Ground) -> None:
    # R13
    await typed(
        ground, "Karoo",
        FoundContact(name="Thandi", email="a@karoo.example", linkedin_url=PAGE),
        FoundContact(name="Thandi", email="b@karoo.example", linkedin_url=PAGE),
        FoundContact(name="Sipho", email="c@karoo.example"),
    )  # fmt: skip
    assert [c["keys"] for c in await contacts(ground)] == [
        ["email a@karoo.example", "email b@karoo.example", "linkedin thandi-nkosi"], ["email c@karoo.example"],
    ]  # fmt: skip


async def test_an_erased_person_is_not_known_by_their_page_either(ground: Ground) -> None:
    # B.09
    await typed(ground, "Karoo", FoundContact(name="Thandi", email="thandi@karoo.example", linkedin_url=PAGE))
    made = await privacy.erase(ground.pool, ground.tenant, Who(email="thandi@karoo.example"), by="ops")
    assert made.left == {}
    assert await ground.conn.fetchval("SELECT count(*) FROM app.entity_keys WHERE kind = 'contact'") == 0
