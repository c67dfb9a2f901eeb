"""E-mail by SMTP (RFC 5321), messages and alerts alike, through SMTP_URL: smtp://USER:PASSWORD@HOST:587 (STARTTLS where the server
offers it), or smtps://HOST.

The standard library's client, in a thread: it knows the protocol, and a mail is a few kilobytes. `deliver` says how far a mail
came, which is what "at most once" hangs on: until its text has been handed over nothing was sent, and a lost answer after that
is never sent again as a message. A server that takes a mail has not delivered it: what bounces later comes back by mail, which
nobody reads here.
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from pydantic import SecretStr

from contracts.errors import BadAnswer, VendorBusy, VendorDown, VendorRefused
from contracts.outgoing import MessageReceipt, OutgoingMail
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers.keys import absent, usable_key
from worker.providers.operation import found, invalid, patience

#: A receipt stands for good: its mail must never go out a second time.
KEEP_S = 3650 * 86_400.0
_PORTS = {"smtp": 587, "smtps": 465}
#: Only within this machine may a password be spoken in clear.
_HERE = ("127.0.0.1", "localhost", "::1")
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@[A-Za-z0-9.-]{1,255}")
SEND = OperationSpec(
    vendor="smtp",
    operation="send",
    answer=MessageReceipt,
    terms=Terms.OWN,
    pace=Pace("smtp", (Window(5, 1),), concurrency=2),
    unit="message",
    unit_price_usd=0.0,
    keep_s=KEEP_S,
    keep_miss_s=KEEP_S,
)


class Refused(Exception):
    """The server wants nothing of this mail, however often it is offered. `code`: its reply (RFC 5321, 4.2)."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(f"the mail server turned {what} down ({code})")
        self.code = code


class SmtpSend:
    """`Operation` that hands one mail to the house's mail server. A sandbox is any server: nothing here knows the difference."""

    def __init__(self, url: SecretStr, sender: str, *, timeout_s: float) -> None:
        self._url, self._sender, self._timeout_s = url, sender, timeout_s

    @property
    def spec(self) -> OperationSpec:
        return SEND

    def units_of(self, query: OutgoingMail) -> float:  # noqa: ARG002 - every mail is one
        return SEND.units

    async def ask(self, queries: Sequence[OutgoingMail], *, key: str) -> list[Reply[MessageReceipt]]:  # noqa: ARG002 - SMTP knows no keys
        [query] = queries
        mail = compose(query, sender=self._sender)
        try:
            await asyncio.to_thread(deliver, self._url.get_secret_value(), mail, timeout_s=self._timeout_s)
        except Refused as refused:
            return [invalid(str(refused), units=SEND.units)]
        receipt = MessageReceipt(message_id=str(mail["Message-ID"]))
        return [found(receipt, units=SEND.units, ref=receipt.message_id)]

    async def recover(self, query: OutgoingMail, *, key: str) -> Reply[MessageReceipt] | None:  # noqa: ARG002 - nowhere to look
        return None


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """What a mail server offers. Raises VendorRefused (`vendor_absent`) naming the setting that is missing."""
    url, sender = server_of(settings)
    return [SmtpSend(url, sender, timeout_s=patience(settings, SEND))]


def server_of(settings: Settings) -> tuple[SecretStr, str]:
    """The house's mail server and the address that mails come from. Raises VendorRefused (`vendor_absent`)."""
    url = usable_key(settings, "smtp", "smtp_url")
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in _PORTS or not parts.hostname:
        raise absent("smtp", "SMTP_URL is no address of a mail server: smtp://USER:PASSWORD@HOST:587 or smtps://HOST")
    if not _ADDRESS.fullmatch(settings.smtp_from or ""):
        raise absent("smtp", "SMTP_FROM is no e-mail address: set it to the address that mails come from")
    assert settings.smtp_from is not None
    return url, settings.smtp_from


def compose(of: OutgoingMail, *, sender: str) -> EmailMessage:
    """The mail: plain text, named for ever by our reference, with a way to be left alone (RFC 2369)."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = formataddr((of.sender_name, sender)) if of.sender_name else sender
    mail["To"] = of.to
    if of.reply_to:
        mail["Reply-To"] = of.reply_to
    mail["Subject"] = of.subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{of.reference}@{sender.rpartition('@')[2]}>"
    mail["List-Unsubscribe"] = f"<mailto:{of.reply_to or sender}?subject={quote('unsubscribe ' + of.reference)}>"
    mail.set_content(of.body)
    return mail


def deliver(url: str, mail: EmailMessage, *, timeout_s: float) -> None:
    """Hand a mail over; blocks. Raises: Refused; VendorRefused (login, no encryption); VendorBusy; VendorDown, whose `sent` says
    whether the server may have it; BadAnswer.
    """
    try:
        with _connected(url, timeout_s) as server:
            _envelope(server, mail)
            _text(server, mail)
    except smtplib.SMTPAuthenticationError as error:
        raise VendorRefused(
            f"the mail server refuses the login ({error.smtp_code}): check SMTP_URL", vendor="smtp"
        ) from None
    except ssl.SSLError:
        raise VendorRefused(
            "the mail server's certificate is not trusted: check the host in SMTP_URL", vendor="smtp"
        ) from None
    except smtplib.SMTPNotSupportedError as error:
        raise VendorRefused(f"{error}: check SMTP_URL", vendor="smtp") from None
    except smtplib.SMTPResponseException as error:
        raise _for_code(error.smtp_code, "the connection") from None
    except (OSError, smtplib.SMTPException) as error:
        raise VendorDown(
            f"the mail server cannot be reached: {type(error).__name__}", vendor="smtp", sent=False
        ) from None


def _connected(url: str, timeout_s: float) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = _Quiet_SSL(host, port, timeout=timeout_s, context=context)
    else:
        server = _Quiet(host, port, timeout=timeout_s)
    try:
        server.ehlo_or_helo_if_needed()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        elif parts.scheme == "smtp" and user and host not in _HERE:
            raise smtplib.SMTPNotSupportedError("it offers no STARTTLS, and the password would travel in clear")
        if user:
            server.login(user, password)
    except BaseException:
        server.close()
        raise
    return server


def _envelope(server: smtplib.SMTP, mail: EmailMessage) -> None:
    code, _ = server.mail(mail["From"].addresses[0].addr_spec)
    _check(code, "the sender")
    code, _ = server.rcpt(mail["To"].addresses[0].addr_spec)
    _check(code, "the recipient")


def _text(server: smtplib.SMTP, mail: EmailMessage) -> None:
    try:
        code, _ = server.data(mail.as_bytes())
    except smtplib.SMTPDataError as error:  # the server did not even ask for the text
        raise _for_code(error.smtp_code, "the mail") from None
    except (OSError, smtplib.SMTPException) as error:
        words = f"the mail server broke off after it was handed the mail: {type(error).__name__}"
        raise VendorDown(words, vendor="smtp", sent=True) from None
    _check(code, "the mail")


def _check(code: int, what: str) -> None:
    if not 200 <= code < 300:
        raise _for_code(code, what)


def _for_code(code: int, what: str) -> Exception:
    """4xx: come again later (greylisting is the usual one); 5xx: never. Neither has taken the mail."""
    if 400 <= code < 500:
        return VendorBusy(f"the mail server puts {what} off ({code})", after_s=300.0, vendor="smtp")
    if 500 <= code < 600 and what == "the sender":
        words = f"the mail server refuses to send from SMTP_FROM ({code}): set it to an address of that account"
        return VendorRefused(words, vendor="smtp")
    if 500 <= code < 600 and what == "the connection":
        return VendorRefused(f"the mail server refuses us ({code}): check SMTP_URL", vendor="smtp")
    if 500 <= code < 600:
        return Refused(code, what)
    return BadAnswer(f"the mail server answered {code}", vendor="smtp")


class _Closing:
    """Leaving says QUIT, and does not mind how the server takes it: the mail has been taken, or has not."""

    def __exit__(self, *_: object) -> None:
        try:
            self.quit()  # type: ignore[attr-defined]
        except (OSError, smtplib.SMTPException):
            self.close()  # type: ignore[attr-defined]


class _Quiet(_Closing, smtplib.SMTP):
    pass


class _Quiet_SSL(_Closing, smtplib.SMTP_SSL):  # noqa: N801
    pass
