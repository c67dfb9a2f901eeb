"""E-mail by SMTP (RFC 5321), messages and alerts alike, through SMTP_URL: smtp://USER:PASSWORD@HOST:587 (STARTTLS where the server
offers it), or smtps://HOST.

The standard library's client, in a thread: it knows the protocol, and a mail is a few kilobytes. `deliver` says how far a mail
came, which is what "at most once" hangs on: until its text has been handed over nothing was sent, and a lost answer after that
is never sent again as a message. A server that takes a mail has not delivered it: what bounces later comes back by mail, which
nobody reads here.
"""

from __future__ import annotations

import asyncio
import binascii
import contextlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from time import monotonic
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
#: How many replies' time a whole dialogue may take, connecting included.
DIALOGUE = 2
#: And how long, whatever the settings say: a job that ends first never hears that nothing was sent, and takes it for sent.
LONGEST_S = 60.0
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
    if not _usable(url.get_secret_value()):
        raise absent("smtp", "SMTP_URL is no address of a mail server: smtp://USER:PASSWORD@HOST:587 or smtps://HOST")
    if not _ADDRESS.fullmatch(settings.smtp_from or ""):
        raise absent("smtp", "SMTP_FROM is no e-mail address: set it to the address that mails come from")
    assert settings.smtp_from is not None
    return url, settings.smtp_from


def _usable(url: str) -> bool:
    """Whether a mail server can be found and logged in to under this address."""
    try:
        parts = urlsplit(url)
        port = parts.port or 1
    except ValueError:
        # Its words would repeat what stands there: half a password, where a slash was not written as %2F, or a [ not as %5B.
        return False
    # The library sends user and password in ASCII, or fails with both in its hands.
    login = unquote(parts.username or "") + unquote(parts.password or "")
    return parts.scheme in _PORTS and bool(parts.hostname) and port > 0 and login.isascii()


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
    whether the server may have it; BadAnswer: it has the text, and what it said of it cannot be read.

    `timeout_s` is how long one reply may take; the whole takes `DIALOGUE` times as long at most, and never more than `LONGEST_S`,
    whatever drips in.
    """
    failure: Exception
    try:
        with _connected(url, timeout_s) as server:
            _envelope(server, mail)
            _text(server, mail)
        return
    except (OSError, smtplib.SMTPException, binascii.Error) as error:  # the last one: a challenge that is none
        failure = _failure(error)
    # Raised out here, so that no error of the library, which holds what the server said, hangs on it as its context.
    raise failure


def dialogue_s(timeout_s: float) -> float:
    """How long a mail may take as a whole, where a reply may take `timeout_s`."""
    return min(DIALOGUE * timeout_s, LONGEST_S)


def _failure(error: Exception) -> Exception:
    """What went wrong before the text was handed over."""
    if isinstance(error, smtplib.SMTPAuthenticationError) and 500 <= error.smtp_code < 600:
        words = f"the mail server refuses the login ({error.smtp_code}): check SMTP_URL"
        return VendorRefused(words, code="vendor_auth", vendor="smtp")
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        words = "the mail server's certificate is not trusted: check the host in SMTP_URL"
        return VendorRefused(words, code="vendor_moved", vendor="smtp")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return VendorRefused(f"{error}: check SMTP_URL", code="vendor_moved", vendor="smtp")
    if isinstance(error, smtplib.SMTPResponseException):
        return _for_code(error.smtp_code, "the connection")
    return VendorDown(f"the mail server cannot be reached: {type(error).__name__}", vendor="smtp", sent=False)


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
    code, _ = server.docmd("DATA")
    if code != 354:  # the server did not even ask for the text
        raise _for_code(code, "the mail")
    # A line that begins with a dot gets another one: a dot alone ends the text (RFC 5321, 4.5.2).
    text = re.sub(rb"(?m)^\.", b"..", mail.as_bytes())
    failure: Exception
    try:
        server.send(text.removesuffix(b"\r\n") + b"\r\n.\r\n")
        code, _ = server.getreply()
    except (OSError, smtplib.SMTPException) as error:
        words = f"the mail server broke off after it was handed the mail: {type(error).__name__}"
        failure = VendorDown(words, vendor="smtp", sent=True)
    else:
        if not (200 <= code < 300 or 400 <= code < 600):
            raise BadAnswer(f"the mail server took the mail and answered {code}", vendor="smtp")
        _check(code, "the mail")
        return
    raise failure


def _check(code: int, what: str) -> None:
    if not 200 <= code < 300:
        raise _for_code(code, what)


def _for_code(code: int, what: str) -> Exception:
    """4xx: come again later (greylisting is the usual one); 5xx: never. Neither has taken the mail, and what cannot be read has
    not either: nothing had been handed over yet.
    """
    if 400 <= code < 500:
        return VendorBusy(f"the mail server puts {what} off ({code})", after_s=300.0, vendor="smtp")
    if 500 <= code < 600 and what == "the sender":
        words = f"the mail server refuses to send from SMTP_FROM ({code}): set it to an address of that account"
        return VendorRefused(words, vendor="smtp")
    if 500 <= code < 600 and what == "the connection":
        return VendorRefused(f"the mail server refuses us ({code}): check SMTP_URL", vendor="smtp")
    if 500 <= code < 600:
        return Refused(code, what)
    return VendorDown(f"the mail server answered {code} about {what}", vendor="smtp", sent=False)


class _Closing(smtplib.SMTP):
    """A dialogue that ends in time. Leaving says QUIT, and does not mind how the server takes it: the mail has been taken, or has
    not.
    """

    _over: threading.Timer | None = None
    _until = 0.0
    _late = False

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connected to the first of the host's addresses that answers. The library would wait `timeout` for each of them."""
        self._until = monotonic() + dialogue_s(timeout)
        failure: OSError | None = None
        for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            try:
                made: socket.socket = super()._get_socket(address[0], port, self._patience())  # type: ignore[misc]
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
            else:
                self._over = threading.Timer(max(0.0, self._until - monotonic()), self._hang_up)
                self._over.daemon = True
                self._over.start()
                return made
        raise failure or OSError("no address")

    def _patience(self) -> float:
        """How long may be waited for now. Raises SMTPServerDisconnected when the time is over."""
        left = self._until - monotonic()
        if self._late or left <= 0:
            self.close()
            raise smtplib.SMTPServerDisconnected("it took too long")
        return min(self.timeout, left)

    def _hang_up(self) -> None:
        """End whatever is being waited for: a read then finds the end, and the thread that reads goes on."""
        self._late = True
        if (sock := self.sock) is not None:
            with contextlib.suppress(OSError):
                # Of the socket itself: TLS has nothing more to say.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def getreply(self) -> tuple[int, bytes]:
        # While TLS begins there is no socket to hang up, so it is asked before reading as well.
        self._wait_no_longer()
        try:
            reply = super().getreply()
        except smtplib.SMTPResponseException:  # a line without end, for which the library makes up a 500
            raise smtplib.SMTPServerDisconnected("what it says is no reply") from None
        self._wait_no_longer()  # else half a line might pass for a whole one
        return reply

    def _wait_no_longer(self) -> None:
        patience = self._patience()
        if self.sock is not None:
            self.sock.settimeout(patience)

    def close(self) -> None:
        if self._over is not None:
            self._over.cancel()
        super().close()

    def __exit__(self, *_: object) -> None:
        try:
            self.quit()
        except (OSError, smtplib.SMTPException):
            self.close()


class _Quiet(_Closing):
    pass


class _Quiet_SSL(_Closing, smtplib.SMTP_SSL):  # noqa: N801
    pass
