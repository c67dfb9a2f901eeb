"""Mail over real SMTP: what leaves, and how far it came when it fails. R20."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr, ValidationError

from contracts.errors import HeadwaterError, VendorBusy, VendorDown, VendorRefused
from contracts.outgoing import OutgoingMail
from contracts.settings import Settings
from worker.providers import smtp
from worker.providers.sandbox.mail import Mailbox


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with Mailbox() as made:
        yield made


def mail(to: str = "thandi@karoo.co.za", **more: str) -> OutgoingMail:
    about = {
        "subject": "A word about Löwen & Söhne",
        "body": "Hello Thandi,\n.a line that begins with a dot\nBye",
        "reference": "m-1",
    }
    return OutgoingMail.model_validate({"to": to, "sender_name": "Well Crafted, Ltd", **about, **more})


def sender(box: Mailbox | str) -> smtp.SmtpSend:
    url = box if isinstance(box, str) else box.url
    settings = Settings.model_construct(smtp_url=SecretStr(url), smtp_from="hello@ours.example")
    [made] = smtp.make(settings)
    assert isinstance(made, smtp.SmtpSend)
    return made


async def test_a_mail_arrives_as_it_was_written_with_a_way_out(box: Mailbox) -> None:  # R20
    [reply] = await sender(box).ask([mail(reply_to="sales@ours.example")], key="k")
    assert reply.value is not None
    assert (reply.outcome, reply.value.message_id) == ("found", "<m-1@ours.example>")
    [got] = box.mails
    assert got["To"] == "thandi@karoo.co.za"
    assert got["From"] == '"Well Crafted, Ltd" <hello@ours.example>'
    assert got["Subject"] == "A word about Löwen & Söhne"
    assert got["Message-ID"] == "<m-1@ours.example>"
    assert got["List-Unsubscribe"] == "<mailto:sales@ours.example?subject=unsubscribe%20m-1>"
    assert got.get_content().replace("\r\n", "\n") == "Hello Thandi,\n.a line that begins with a dot\nBye\n"


@pytest.mark.parametrize("name", ["refused", "unwanted"])
async def test_what_is_turned_down_is_not_sent_and_says_why(box: Mailbox, name: str) -> None:  # R20
    [reply] = await sender(box).ask([mail(f"{name}@karoo.co.za")], key="k")
    assert (reply.outcome, reply.value) == ("invalid", None)
    assert "turned" in (reply.note or "")


async def test_what_is_put_off_may_be_sent_later(box: Mailbox) -> None:
    with pytest.raises(VendorBusy, match="451"):
        await sender(box).ask([mail("later@karoo.co.za")], key="k")
    assert box.mails == []


async def test_it_is_known_whether_a_broken_connection_may_have_sent_it(box: Mailbox) -> None:  # R20
    with pytest.raises(VendorDown) as lost:
        await sender(box).ask([mail("vanish@karoo.co.za")], key="k")
    assert lost.value.sent
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(VendorDown) as never:
            await sender(f"smtp://127.0.0.1:{closed.getsockname()[1]}").ask([mail()], key="k")
    assert not never.value.sent


async def test_a_password_never_travels_in_clear_nor_stands_in_an_error(
    box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "_HERE", ())
    with pytest.raises(VendorRefused, match="STARTTLS") as refused:
        await sender(f"smtp://ada:s3cret@127.0.0.1:{box.port}").ask([mail()], key="k")
    assert "s3cret" not in str(refused.value)
    assert not any("AUTH" in line for line in box.told)


def test_nothing_can_be_slipped_into_the_header() -> None:
    for name, value in (
        ("subject", "a\r\nBcc: x@y.z"),
        ("to", "a@b.c\nx"),
        ("reply_to", "a@b.c>, <d@e.f"),
        ("sender_name", "a\nB: c"),
    ):
        with pytest.raises(ValidationError):
            mail(**{name: value})


@pytest.mark.parametrize(
    ("url", "sent_from"),
    [
        (None, "a@b.example"),
        ("http://mail", "a@b.example"),
        ("smtp://mail", None),
        ("smtp://mail", "Ada <a@b.example>"),
    ],
)
def test_without_a_server_or_an_address_it_is_absent(url: str | None, sent_from: str | None) -> None:
    settings = Settings.model_construct(smtp_url=SecretStr(url) if url else None, smtp_from=sent_from)
    with pytest.raises(HeadwaterError, match="SMTP_") as missing:
        smtp.make(settings)
    assert missing.value.code == "vendor_absent"
