"""Webhooks of messaging vendors: only signed bodies are believed, and what they say is read from the documented samples."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from contracts.errors import Forbidden, HeadwaterError, Invalid, Unauthenticated
from contracts.messages_in import asks_to_stop, read_trengo, read_whatsapp
from contracts.signatures import check_meta, check_trengo, meta_challenge, signature

SECRET = SecretStr("whsec-1f2e3d4c")
NOW = 1_795_330_000.0
FORM = (
    b"message_id=700124&ticket_id=412345&contact_id=90011&message=Please+stop&contact_name=Mei+Tan&contact_email=mei%40x.example"
    b"&contact_identifier=%2B6591234567&channel_id=55123"
)


def trengo_header(body: bytes = FORM, at: float = NOW, secret: SecretStr = SECRET) -> str:
    """Signed by the documented recipe, apart from our own code."""
    key = secret.get_secret_value().encode()
    return f"{at:.0f};{hmac.new(key, f'{at:.0f}.'.encode() + body, hashlib.sha256).hexdigest()}"


def meta_header(body: bytes, secret: SecretStr = SECRET) -> str:
    return "sha256=" + hmac.new(secret.get_secret_value().encode(), body, hashlib.sha256).hexdigest()


def call(field: str = "messages", **value: Any) -> bytes:
    head = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": "10654"},
    }
    change = {"value": {**head, **value}, "field": field}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1022", "changes": [change]}]}).encode()


def test_a_signed_trengo_body_is_believed() -> None:  # S2.02
    check_trengo(trengo_header(), FORM, SECRET, now=NOW + 299)
    check_trengo(trengo_header().upper(), FORM, SECRET, now=NOW - 299)
    assert trengo_header().endswith(signature(SECRET, FORM, f"{NOW:.0f}"))


@pytest.mark.parametrize(
    ("header", "body", "now"),
    [
        (None, FORM, NOW),
        ("", FORM, NOW),
        (";", FORM, NOW),
        ("yesterday;abc", FORM, NOW),
        (f"{NOW:.0f};", FORM, NOW),
        (f"{NOW:.0f};" + "0" * 64, FORM, NOW),
        (f"{NOW:.0f};é", FORM, NOW),
        (trengo_header(secret=SecretStr("another")), FORM, NOW),
        (trengo_header(), FORM + b"&x=1", NOW),
        (trengo_header(), FORM, NOW + 301),
        (trengo_header(), FORM, NOW - 301),
        (trengo_header(at=NOW + 1).replace(f"{NOW + 1:.0f}", f"{NOW:.0f}"), FORM, NOW),
    ],
)
def test_any_other_trengo_body_is_refused(header: str | None, body: bytes, now: float) -> None:  # S2.02
    with pytest.raises(Unauthenticated) as caught:
        check_trengo(header, body, SECRET, now=now)
    assert SECRET.get_secret_value() not in str(caught.value)


def test_a_body_signed_by_meta_is_believed_and_no_other() -> None:  # S2.02
    body = call(statuses=[])
    check_meta(meta_header(body), body, SECRET)
    for header in (None, "", "sha256=", "sha1=abc", meta_header(body, SecretStr("x")), meta_header(body + b" ")):
        with pytest.raises(Unauthenticated):
            check_meta(header, body, SECRET)


def test_metas_challenge_is_echoed_to_who_knows_the_token() -> None:  # S2.02
    asked = {"hub.mode": "subscribe", "hub.verify_token": "whsec-1f2e3d4c", "hub.challenge": "1158201444"}
    assert meta_challenge(asked, SECRET) == "1158201444"
    for wrong in ({"hub.verify_token": "x"}, {"hub.mode": "unsubscribe"}, {"hub.challenge": "<script>"}):
        with pytest.raises(Forbidden):
            meta_challenge(asked | wrong, SECRET)
    with pytest.raises(Forbidden):
        meta_challenge({}, SECRET)


def test_a_trengo_message_is_read_and_a_stop_is_seen() -> None:
    (message,) = read_trengo(FORM, "INBOUND").messages
    assert (message.key, message.sender, message.conversation_id) == ("trengo:700124", "+6591234567", "412345")
    assert message.text == "Please stop"
    assert message.suppress
    assert read_trengo(FORM, "TICKET_CLOSED").dropped == 1
    with pytest.raises(Invalid, match="message_id"):
        read_trengo(b"ticket_id=1", "INBOUND")


def test_delivery_reports_come_with_our_reference_and_the_reason_of_a_failure() -> None:
    status = {"id": "wamid.HBg1", "status": "delivered", "timestamp": "1731705721", "recipient_id": "6591234567"}
    failed = {
        **status, "status": "failed", "biz_opaque_callback_data": "lead-17:camp-3",
        "errors": [{"code": 131050, "title": "stopped", "error_data": {"details": "x"}}],
    }  # fmt: skip
    received = read_whatsapp(call(statuses=[status, failed, {**status, "status": "warned"}, {"status": "sent"}]))
    first, second = received.reports
    assert first.at == datetime.fromtimestamp(1731705721, UTC)
    assert (first.status, first.recipient, first.suppress) == ("delivered", "+6591234567", False)
    assert (second.reference, second.error_code, second.suppress) == ("lead-17:camp-3", 131050, True)
    assert first.key != second.key
    assert received.dropped == 2


def test_who_stops_or_resumes_marketing_messages_is_known() -> None:  # providers.md 16: must reach the suppression list
    wish = {
        "wa_id": "16505551234", "detail": "User requested to stop marketing messages",
        "category": "marketing_messages", "value": "stop", "timestamp": 1731705721,
    }  # fmt: skip
    (stop,) = read_whatsapp(call("user_preferences", user_preferences=[wish])).preferences
    assert (stop.phone, stop.wish, stop.suppress) == ("+16505551234", "stop", True)
    (resume,) = read_whatsapp(call("user_preferences", user_preferences=[{**wish, "value": "resume"}])).preferences
    assert not resume.suppress
    said = {"type": "user_preference_changed", "marketing": "stop", "body": "User requested to stop"}
    message = {"from": "16505551234", "id": "wamid.X", "timestamp": "1731705721", "type": "system", "system": said}
    (same,) = read_whatsapp(call(messages=[message])).preferences
    assert same.key == stop.key


def test_a_message_from_an_id_that_is_no_phone_number_is_read() -> None:
    message = {"from": "US.13491208655302741918", "id": "wamid.Y", "type": "text", "text": {"body": "STOP"}}
    (read,) = read_whatsapp(call(messages=[message])).messages
    assert (read.sender, read.sender_id, read.suppress) == (None, "US.13491208655302741918", True)


@pytest.mark.parametrize(
    "text", ["STOP", "stop.", "Please stop", "Unsubscribe me", "opt-out", "Opt out!", "STOP ALL", "remove me please"]
)
def test_a_wish_to_be_left_alone_is_recognised(text: str) -> None:
    assert asks_to_stop(text)


@pytest.mark.parametrize("text", ["", "Stop by our office", "Can we stop the delivery?", "end of month", "Yes please"])
def test_other_texts_are_no_such_wish(text: str) -> None:
    assert not asks_to_stop(text)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=9),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    ["entry", "changes", "value", "statuses", "messages", "user_preferences", "id", "text", "from"]
                ),
                x,
            )
        ),
    ).map(lambda x: json.dumps({"object": "whatsapp_business_account", "entry": x}).encode())
)
def test_no_body_breaks_the_reading(body: bytes) -> None:
    for read in (read_whatsapp, lambda raw: read_trengo(raw, "INBOUND")):
        try:
            assert read(body).dropped >= 0
        except HeadwaterError as error:
            assert isinstance(error, Invalid)  # noqa: PT017 - one of many inputs, most of which raise
