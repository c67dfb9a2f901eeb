"""E-mail by SMTP_URL: smtp://USER:PASSWORD@HOST:587 (STARTTLS where the server offers it), smtps://HOST for TLS at once.

The standard library's client works in a thread of its own: an alert is a few hundred bytes, now and then. It keeps its
Message-ID when it is sent again, so that mailboxes may show it once.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from contracts.errors import VendorDown, VendorRefused
from contracts.outgoing import Alert
from contracts.settings import Settings
from worker.providers.alert_words import details, plain
from worker.providers.keys import absent

TIMEOUT_S = 20.0
_PORTS = {"smtp": 587, "smtps": 465}
#: Only this machine may be spoken to in clear, with a password at all.
_HERE = ("127.0.0.1", "localhost", "::1")


async def send(settings: Settings, address: str, alert: Alert) -> None:
    """Send `alert` to `address`. Raises: VendorRefused (also `vendor_absent`), VendorDown."""
    url = settings.smtp_url.get_secret_value() if settings.smtp_url else ""
    if not url or not settings.smtp_from:
        raise absent("email", "SMTP_URL and SMTP_FROM are not both set: set them, or use another channel")
    message = compose(alert, sender=settings.smtp_from, to=address)
    try:
        await asyncio.to_thread(_deliver, url, message)
    except smtplib.SMTPAuthenticationError as error:
        raise VendorRefused(
            f"the mail server refused the login ({error.smtp_code}): check SMTP_URL", vendor="email"
        ) from None
    except smtplib.SMTPRecipientsRefused:
        raise VendorRefused(
            "the mail server refused the address: check the channel's address", vendor="email"
        ) from None
    except smtplib.SMTPResponseException as error:
        if 500 <= error.smtp_code < 600:
            words = f"the mail server refused the mail ({error.smtp_code}): check SMTP_FROM"
            raise VendorRefused(words, vendor="email") from None
        raise VendorDown(f"the mail server answered {error.smtp_code}", vendor="email") from None
    except (OSError, smtplib.SMTPException) as error:
        raise VendorDown(f"the mail server cannot be reached: {type(error).__name__}", vendor="email") from None


def compose(alert: Alert, *, sender: str, to: str) -> EmailMessage:
    """The alert as a plain text mail."""
    head = "Resolved" if alert.resolved else alert.severity.capitalize()
    message = EmailMessage()
    message["From"], message["To"] = sender, to
    message["Subject"] = f"[headwater] {head}: {plain(alert.summary)[:150]}"
    message["Date"] = formatdate()
    name = "".join(c if c.isalnum() or c in ".-" else "." for c in alert.event_id or alert.key)
    message["Message-ID"] = f"<{name}@{sender.rpartition('@')[2].rstrip('>') or 'headwater'}>"
    message["Auto-Submitted"] = "auto-generated"
    lines = [plain(alert.summary), "", *(f"{key}: {value}" for key, value in details(alert).items())]
    message.set_content("\n".join(lines) + "\n")
    return message


def _deliver(url: str, message: EmailMessage) -> None:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 587)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
    else:
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    with server:
        server.ehlo()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
        elif parts.scheme == "smtp" and user and host not in _HERE:
            raise smtplib.SMTPNotSupportedError("no STARTTLS: the password would travel in clear")
        if user:
            server.login(user, password)
        server.send_message(message)
