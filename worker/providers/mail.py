"""Alerts by e-mail, through the house's mail server (`smtp`).

A mail keeps its Message-ID when it is sent again, so that mailboxes may show it once.
"""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from contracts.errors import VendorRefused
from contracts.outgoing import Alert
from contracts.settings import Settings
from worker.providers import smtp
from worker.providers.alert_words import details, plain

TIMEOUT_S = 20.0


async def send(settings: Settings, address: str, alert: Alert) -> None:
    """Send `alert` to `address`. Raises: VendorRefused (also `vendor_absent`), VendorDown, VendorBusy, BadAnswer."""
    url, sender = smtp.server_of(settings)
    mail = compose(alert, sender=sender, to=address)
    try:
        await asyncio.to_thread(smtp.deliver, url.get_secret_value(), mail, timeout_s=TIMEOUT_S)
    except smtp.Refused as refused:
        raise VendorRefused(f"{refused}: check the channel's address", vendor="smtp") from None


def compose(alert: Alert, *, sender: str, to: str) -> EmailMessage:
    """The alert as a plain text mail."""
    head = "Resolved" if alert.resolved else alert.severity.capitalize()
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = sender, to
    message["Subject"] = f"[headwater] {head}: {plain(alert.summary)[:150]}"
    message["Date"] = formatdate()
    name = "".join(c if c.isalnum() or c in ".-" else "." for c in alert.event_id or alert.key)
    message["Message-ID"] = f"<{name}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    lines = [plain(alert.summary), "", *(f"{key}: {value}" for key, value in details(alert).items())]
    message.set_content("\n".join(lines) + "\n")
    return message
