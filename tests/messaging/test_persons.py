"""A person in texts and JSON: what is about them goes, what is about others stays."""

from __future__ import annotations

import re
from typing import Any

import pytest

from contracts.persons import GONE, Person, parts_about, strangers_in, without

THANDI = Person.of(
    emails=["Thandi@karoo.co.za"],
    phones=["+27 82 123 4567"],
    profiles=["https://www.linkedin.com/in/thandi-nkosi/"],
    names=["Thandi Nkosi", "Thandi"],
)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to thandi@KAROO.co.za, please", "write to [erased], please"),
        ("call 082 123 4567 or +27 (82) 123-4567", "call [erased] or [erased]"),
        ("see https://za.linkedin.com/in/thandi-nkosi", "see https://za.[erased]"),
        ("founded by THANDI  NKOSI in 1999", "founded by [erased] in 1999"),
        ("Nkosi, Thandi (owner)", "[erased] (owner)"),
        ("not-thandi@karoo.co.za and Thandi Nkosile", "not-thandi@karoo.co.za and Thandi Nkosile"),
        ("Thandi is a name that many have", "Thandi is a name that many have"),
        ("27821234567890 is another number", "27821234567890 is another number"),
    ],
)
def test_words_go_and_others_stay(text: str, left: str) -> None:  # B.09
    assert without(text, THANDI) == left
    assert bool(re.search(THANDI.sql_pattern(), text, re.IGNORECASE)) or left == text


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ({"email": "thandi@karoo.co.za", "status": "valid"}, GONE),
        ({"first_name": "Thandi", "last_name": "Nkosi", "seniority": "owner"}, GONE),
        ({"people": [{"name": "Thandi Nkosi"}, {"name": "Sipho Dlamini"}]}, {"people": [{"name": "Sipho Dlamini"}]}),
        ({"name": "Karoo", "contacts": [{"email": "thandi@karoo.co.za"}]}, {"name": "Karoo", "contacts": []}),
        ({"owner": {"linkedin_url": "https://linkedin.com/in/thandi-nkosi"}, "n": 1}, {"owner": None, "n": 1}),
        ({"name": "T. N.", "title": "Owner", "phone": "+27821234567"}, GONE),
        ({"name": "Karoo", "phone": "+27821234567"}, {"name": "Karoo", "phone": "[erased]"}),
        ({"name": "Thandi Nkosi", "email": "thandi@limpopo.co.za"}, {"name": "Thandi Nkosi", "email": "thandi@limpopo.co.za"}),
        (["thandi@karoo.co.za", "info@karoo.co.za"], ["info@karoo.co.za"]),
        ({"thandi@karoo.co.za": 1}, {"[erased]": 1}),
    ],
)  # fmt: skip
def test_objects_about_them_go_as_a_whole(value: Any, left: Any) -> None:  # B.09
    assert without(value, THANDI) == left


def test_an_export_shows_what_is_about_them_and_nobody_else() -> None:  # B.09
    page = {"people": [{"name": "Thandi Nkosi"}, {"name": "Sipho Dlamini"}], "note": "Thandi Nkosi owns it"}
    assert parts_about(page, THANDI) == [{"name": "Thandi Nkosi"}, "Thandi Nkosi owns it"]


def test_strangers_are_seen_in_what_vendors_say() -> None:  # B.09
    found = strangers_in({"a": "mail a.b@x.co.za, tel +27 82 123 4567", "b": ["see linkedin.com/in/Some-One?x"]})
    assert [*found.emails, *found.phones, *found.profiles] == ["a.b@x.co.za", "+27821234567", "linkedin:some-one"]
