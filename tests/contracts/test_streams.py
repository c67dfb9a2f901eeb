"""What an answer of JetStream means, which streams are fit, and which settings are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.settings import Settings
from contracts.streams import Answer, answer_of, subject_of, unfit

FIT = {"subjects": ["headwater.>"], "max_age": 600 * 10**9, "duplicate_window": 120 * 10**9, "retention": "limits"}


@pytest.mark.parametrize(
    ("told", "answer"),
    [
        ({"stream": "S", "seq": 7}, Answer("delivered")),
        ({"stream": "S", "seq": 7, "duplicate": True}, Answer("delivered", again=True)),
        ({"stream": "OTHER", "seq": 7}, Answer("outage", "stream 'OTHER' answered for S")),
        ({}, Answer("outage", "stream 'None' answered for S")),
        ({"error": {"code": 400, "err_code": 10054, "description": "long"}}, Answer("refused", "long (400/10054)")),
        ({"error": {"code": 503, "err_code": 10077, "description": "full"}}, Answer("outage", "full (503/10077)")),
        ({"error": {"code": 500}}, Answer("outage", "an error without words (500/None)")),
    ],
)
def test_what_an_answer_means(told: dict[str, Any], answer: Answer) -> None:
    assert answer_of(told, "S") == answer


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({}, None),
        ({"max_age": 0}, None),
        ({"subjects": [">"]}, None),
        ({"subjects": ["a.>", "headwater.>"]}, None),
        ({"max_age": 120 * 10**9}, "outlive"),
        ({"duplicate_window": 0}, "duplicate_window"),
        ({"subjects": ["headwater.*.LeadScored"]}, "it takes"),
        ({"subjects": ["headwater.acme.>"]}, "it takes"),
        ({"subjects": ["headwater"]}, "it takes"),
        ({"subjects": None}, "it takes nothing"),
        ({"no_ack": True}, "no_ack"),
        ({"sealed": True}, "sealed"),
        ({"retention": "interest"}, "interest"),
    ],
)
def test_which_streams_are_fit(change: dict[str, Any], word: str | None) -> None:
    found = unfit(FIT | change, "headwater.>")
    assert len(found) == (0 if word is None else 1), found
    assert (word or "") in "".join(found)


@given(tenant=st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True))
def test_a_tenants_part_of_a_subject_is_one_word_without_wildcards(tenant: str) -> None:
    # whoever may read `headwater.TENANT.>` reads nobody else's
    parts = subject_of("headwater", tenant, "LeadScored").split(".")
    assert parts == ["headwater", tenant, "LeadScored"]
    assert not {"*", ">"} & set(parts[1])


@pytest.mark.parametrize(
    "given_",
    [
        {"nats_url": "http://127.0.0.1:4222"},
        {"nats_url": "nats://"},
        {"nats_url": "nats://a,b"},
        {"nats_stream": "A.B"},
        {"nats_subject_prefix": "head water"},
        {"nats_subject_prefix": "headwater.>"},
        {"nats_max_age_s": 120, "nats_duplicate_window_s": 120},
    ],
)
def test_settings_that_make_no_sense_are_refused(given_: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**given_)


def test_several_addresses_are_taken_and_none_is_shown() -> None:
    made = Settings(nats_url="nats://u:secret-word@127.0.0.1:4222, tls://nats.example.com")
    assert made.nats_servers == ["nats://u:secret-word@127.0.0.1:4222", "tls://nats.example.com"]
    assert "secret-word" not in repr(made)
