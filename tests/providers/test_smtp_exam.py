"""The exam of `exam.py` on another wire: mail by SMTP, from a server that misbehaves at any word."""

from __future__ import annotations

import base64
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.errors import BadAnswer, HeadwaterError, VendorBusy, VendorDown, VendorRefused
from contracts.jobs import JOBS
from contracts.outgoing import MessageReceipt, OutgoingMail
from contracts.providers import Operation
from contracts.settings import Settings
from tests.providers.exam import SECRET, overheard, sat_alone, shown
from worker.providers import mail as alert_mail
from worker.providers import registry, slack, smtp, webhook
from worker.providers.sandbox.mail import DRIP, HANG_UP, SILENCE, Mailbox

NAME = "smtp.send"
#: Every word that the server has to answer, in order; TEXT is the end of the mail.
WORDS = ("CONNECT", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "TEXT")
#: The last one is a challenge to AUTH, and no answer to anything else.
GARBAGE = ("<html>We will be back soon</html>", "", "\x00\x01ÿ", "99999 what", "200" + "x" * 9000, "334 x")
Send = Operation[OutgoingMail, MessageReceipt]


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with Mailbox() as made:
        yield made


def mail(reference: str = "m-1") -> OutgoingMail:
    return OutgoingMail(to="thandi@karoo.co.za", subject="Hello", body="A word.", reference=reference)


def settings(url: str | None, timeout_s: float = 5.0) -> Settings:
    key = SecretStr(url) if url is not None else None
    return Settings(smtp_url=key, smtp_from="hello@ours.example", vendor_timeout_s=timeout_s)


def sender(box: Mailbox, timeout_s: float = 5.0) -> Send:
    [made] = smtp.make(settings(f"smtp://ada:{SECRET}@127.0.0.1:{box.port}", timeout_s))
    return made


async def failure(send: Send, what: str) -> HeadwaterError:
    with pytest.raises(HeadwaterError) as caught:
        pytest.fail(f"{what}: {await send.ask([mail()], key='k')}")
    assert caught.value.__context__ is None, what
    return caught.value


@sat_alone(NAME, "happy")
async def test_a_mail_is_taken_under_its_reference_and_costs_one(box: Mailbox) -> None:  # R20
    before = datetime.now(UTC)
    for reference in ("m-1", "m-2"):
        [reply] = await sender(box).ask([mail(reference)], key="k")
        assert (reply.outcome, reply.units) == ("found", 1.0)
        assert isinstance(reply.value, MessageReceipt)
        assert MessageReceipt.model_validate_json(reply.value.model_dump_json()) == reply.value
        assert before - timedelta(seconds=1) <= reply.at <= datetime.now(UTC)
    assert [each["Message-ID"] for each in box.mails] == ["<m-1@ours.example>", "<m-2@ours.example>"]
    assert any(line.startswith("AUTH PLAIN") for line in box.told)


@pytest.mark.parametrize(
    ("word", "reply", "error", "code"),
    [
        ("CONNECT", "421 too many", VendorBusy, "vendor_busy"),
        ("CONNECT", "554 not you", VendorRefused, "vendor_refused"),
        ("AUTH", "535 wrong", VendorRefused, "vendor_auth"),
        ("AUTH", "454 not now", VendorBusy, "vendor_busy"),
        ("MAIL", "451 not now", VendorBusy, "vendor_busy"),
        ("MAIL", "550 not from there", VendorRefused, "vendor_refused"),
        ("RCPT", "450 greylisted", VendorBusy, "vendor_busy"),
        ("DATA", "452 full", VendorBusy, "vendor_busy"),
        ("TEXT", "451 come again", VendorBusy, "vendor_busy"),
    ],
)
@sat_alone(NAME, "classes")
async def test_each_refusal_is_named_for_the_next_move_and_tried_once(
    box: Mailbox, word: str, reply: str, error: type[HeadwaterError], code: str
) -> None:  # R20
    box.fault(word, reply)
    refused = await failure(sender(box), f"{word} {reply}")
    assert (type(refused), refused.code) == (error, code)
    if isinstance(refused, VendorRefused):
        assert "SMTP_" in refused.detail, "it says what to check"
    if isinstance(refused, VendorBusy):
        assert refused.after_s
    assert sum(line.startswith("EHLO") for line in box.told) <= 1, "an adapter never retries"
    assert (await sender(box).ask([mail()], key="k"))[0].outcome == "found", "the next mail is not harmed"


@pytest.mark.parametrize("word", WORDS)
@sat_alone(NAME, "cut")
async def test_a_connection_that_is_cut_may_have_sent_it_once_the_text_was_handed_over(
    box: Mailbox, word: str
) -> None:  # R20, S2.14
    box.fault(word, HANG_UP)
    cut = await failure(sender(box), word)
    assert isinstance(cut, VendorDown)
    assert cut.sent is (word == "TEXT"), "who cuts the line instead of asking for the text has not got it"
    assert (await sender(box).ask([mail()], key="k"))[0].outcome == "found"


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("reply", GARBAGE)
@sat_alone(NAME, "garbage")
async def test_what_cannot_be_read_is_no_success(box: Mailbox, word: str, reply: str) -> None:  # R20
    # Who does not read our EHLO is greeted the older way, and goes without a login that was not offered.
    if word == "EHLO":
        box.fault("HELO", reply)
    box.fault(word, reply)
    unread = await failure(sender(box), word)
    if word == "TEXT":
        assert isinstance(unread, BadAnswer) or (isinstance(unread, VendorDown) and unread.sent), "it has the text"
    else:
        assert isinstance(unread, VendorDown), "an outage: no setting is wrong, and nothing has come"
        assert not unread.sent, "nothing was handed over, so it may be sent again"
    assert "html" not in unread.detail
    assert box.mails == [] or word == "TEXT"


@pytest.mark.parametrize("word", ["CONNECT", "AUTH", "TEXT"])
@pytest.mark.parametrize("how", [SILENCE, DRIP])
@sat_alone(NAME, "slow")
async def test_a_server_that_is_silent_or_drips_is_left_in_time(box: Mailbox, word: str, how: str) -> None:
    box.fault(word, how)
    started = time.monotonic()
    left = await failure(sender(box, timeout_s=0.5), f"{word} {how}")
    assert time.monotonic() - started < 5
    assert isinstance(left, VendorDown)
    assert left.sent is (word == "TEXT")


@pytest.fixture
def silent() -> Iterator[int]:
    """A port of this machine that takes no connection and refuses none, as behind a firewall."""
    with contextlib.ExitStack() as open_:
        door = open_.enter_context(socket.socket())
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        for _ in range(4):
            waiting = open_.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(door.getsockname())
        yield door.getsockname()[1]


@sat_alone(NAME, "slow")
async def test_a_host_with_many_addresses_that_are_all_silent_is_left_as_soon(
    silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # R20
    resolve = socket.getaddrinfo

    def named(host: str, port: int, *more: Any, **how: Any) -> Any:
        return (
            resolve("127.0.0.1", port, *more, **how) * 8
            if host == "mail.example"
            else resolve(host, port, *more, **how)
        )

    monkeypatch.setattr(socket, "getaddrinfo", named)
    [send] = smtp.make(settings(f"smtp://mail.example:{silent}", 0.5))
    started = time.monotonic()
    left = await failure(send, "silent")
    assert time.monotonic() - started < 3, "not half a second for each of eight addresses"
    assert isinstance(left, VendorDown)
    assert not left.sent


@pytest.mark.parametrize(
    ("job", "timeout_s"),
    [
        ("message.send", 30.0),
        ("message.send", 600.0),
        ("alert.deliver", alert_mail.TIMEOUT_S),
        ("alert.test", alert_mail.TIMEOUT_S),
    ],
)
def test_a_job_lives_to_hear_that_its_mail_was_not_sent(job: str, timeout_s: float) -> None:  # R20
    """Whoever is ended first has to take the mail for sent."""
    assert smtp.dialogue_s(timeout_s) <= 0.7 * JOBS[job].timeout_s


@sat_alone(NAME, "redaction")
async def test_no_password_is_in_a_log_or_an_error_even_if_the_server_repeats_it(
    box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    spoken = base64.b64encode(f"\0ada\0{SECRET}".encode()).decode()
    with overheard(caplog) as logged:
        for word in WORDS:
            for reply in (f"535 {SECRET} {spoken}", SECRET):
                box.fault(word, reply)
                send = sender(box)
                try:
                    told = repr(await send.ask([mail()], key="k"))
                except HeadwaterError as error:
                    told = shown(error) + repr(error.members)
                assert SECRET not in told + repr(vars(send)), (word, reply)
                assert spoken not in told
        assert SECRET not in logged()


@pytest.mark.parametrize(
    "url",
    [
        None, "", "  ", "mail.example", "http://mail.example", "smtp://", "smtp://ada:with a space@mail.example",
        "smtp://ada:half/the-rest@mail.example", "smtp://ada:schl%C3%BCssel@mail.example", "smtp://mail.example:99999",
        "smtp://ada:half[the-rest@mail.example", "smtps://ada:half@[the-rest]",
    ],
)  # fmt: skip
@sat_alone(NAME, "keyless")
async def test_without_a_usable_server_it_is_absent_and_says_what_to_set(url: str | None) -> None:  # S3.05
    with pytest.raises(VendorRefused, match="SMTP_URL") as caught:
        smtp.make(settings(url))
    assert caught.value.code == "vendor_absent"
    assert "the-rest" not in shown(caught.value)
    built = registry.build(settings(url))
    with pytest.raises(VendorRefused, match="SMTP_URL"):
        built.operation(NAME)
    await built.close()


@pytest.mark.parametrize(
    "url", ["https://ada:half[the-rest@hooks.example/T0", "https://hooks.example:the-rest/T0", "https://[the-rest]/"]
)
@pytest.mark.parametrize(("make", "name"), [(slack.make, "slack_webhook_url"), (webhook.make, "alert_webhook_url")])
async def test_an_address_of_a_webhook_that_cannot_be_read_is_absent_and_named(
    make: Any, name: str, url: str
) -> None:  # S3.05
    own = Settings.model_validate({name: url})
    with pytest.raises(VendorRefused, match=name.upper()) as caught:
        make(own)
    assert caught.value.code == "vendor_absent"
    assert "the-rest" not in shown(caught.value)
    await registry.build(own).close()
