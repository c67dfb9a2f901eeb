"""When two records are the same company or person (R13)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.identity import Key, Owner, company_keys, contact_key, group, name_core
from contracts.providers import FoundCompany, FoundContact


def company(name: str = "Acme", country: str | None = "ZA", **more: Any) -> FoundCompany:
    return FoundCompany(external_id="x", name=name, country=country, **more)


@pytest.mark.parametrize(
    ("written", "core"),
    [
        ("ACME Holdings (Pty) Ltd.", "acme holdings"),
        ("Acme Holdings Proprietary Limited", "acme holdings"),
        ("acme holdings", "acme holdings"),
        ("Smith & Sons CC", "smith and sons"),
        ("Crédit Agricole S.A.", "credit agricole"),
        ("Straße GmbH", "strasse"),
        ("  Two   Words  ", "two words"),
        ("Limited", "limited"),
        ("Company Company Ltd", "company"),
        ("Jansen B.V", "jansen"),
        ("Studio 1.5 Ltd", "studio 1 5"),
        ("U.S. Uniforms Inc.", "us uniforms"),
        ("株式会社トヨタ", "株式会社トヨタ"),
    ],
)
def test_a_name_is_folded_to_what_identifies_it(written: str, core: str) -> None:
    assert name_core(written) == core


@given(st.text(min_size=1, max_size=80))
def test_folding_is_done_after_once_and_loses_no_name(written: str) -> None:
    core = name_core(written)
    assert name_core(core) == core or name_core(core) in core
    assert core == core.casefold().strip()


def test_keys_go_from_strong_to_weak() -> None:
    found = company_keys(company(registry_id=" LEI:A ", domain="Acme.CO.za."))
    assert found == (Key("registry", "lei:a"), Key("domain", "acme.co.za"), Key("name_country", "acme|ZA"))
    assert company_keys(company(country=None)) == ()


def test_people_are_known_by_their_address_alone() -> None:
    assert contact_key(FoundContact(name="Ada", email=" Ada@X.example ")) == Key("email", "ada@x.example")
    assert contact_key(FoundContact(name="Ada")) is None
    assert contact_key(FoundContact(email="not an address")) is None


def _sizes(*companies: FoundCompany, taken: dict[Key, Owner] | None = None) -> list[list[int]]:
    return [g.hits for g in group(companies, taken or {})]


def test_hits_that_share_a_key_are_one() -> None:
    by_domain = company("Acme Ltd", domain="acme.co.za")
    assert _sizes(by_domain, company("Trading as Acme", domain="acme.co.za"), company("Other")) == [[0, 1], [2]]
    # through a third that shares a key with each
    chain = (company("A", domain="a.example"), company("A", registry_id="lei:1"), company("B", registry_id="lei:1"))
    assert _sizes(*chain) == [[0, 1, 2]]


def test_two_registry_numbers_are_never_one() -> None:
    assert _sizes(
        company(registry_id="lei:1", domain="a.example"), company(registry_id="lei:2", domain="a.example")
    ) == [[0], [1]]
    known = {Key("domain", "a.example"): Owner(UUID(int=1), frozenset({"lei:1"}))}
    (found,) = group([company(registry_id="lei:2", domain="a.example")], known)
    assert found.entity is None
    (same,) = group([company(registry_id="lei:1", domain="a.example")], known)
    assert same.entity == UUID(int=1)


def test_the_strongest_key_decides() -> None:
    known = {
        Key("registry", "lei:1"): Owner(UUID(int=1), frozenset({"lei:1"})),
        Key("domain", "a.example"): Owner(UUID(int=2)),
    }
    (found,) = group([company(registry_id="lei:1", domain="a.example")], known)
    assert found.entity == UUID(int=1)


some = st.builds(
    company,
    name=st.sampled_from(["A", "B", "A Ltd"]),
    country=st.sampled_from([None, "ZA", "BW"]),
    domain=st.sampled_from([None, "a.example", "b.example"]),
    registry_id=st.sampled_from([None, "lei:1", "lei:2"]),
)


@given(st.lists(some, max_size=12))
def test_every_hit_has_exactly_one_place_and_no_key_two(companies: list[FoundCompany]) -> None:
    groups = group(companies, {})
    assert sorted(h for g in groups for h in g.hits) == list(range(len(companies)))
    keys = [k for g in groups for k in g.keys]
    assert len(keys) == len(set(keys))
    for g in groups:
        assert len({c.registry_id for c in (companies[h] for h in g.hits) if c.registry_id}) <= 1
