"""Telling an alert on a tenant's channel: webhook, Slack, PagerDuty, e-mail, Sentry. No redirects, no private network.

Nothing here is paid for and receivers know an event by its id, so nothing passes through the ledger: a delivery that fails must not
open an alert about itself. Slack, PagerDuty and webhooks are asked in turn with all other workers: their paces, and the waits they
ask for, hold for each address or key. No breaker stands in the way (`_in_turn`). Where a URL comes from a tenant its host is
checked before, and what it resolves to when it is dialled.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from pydantic import SecretStr

from contracts.alert_places import SETTINGS, check
from contracts.alerts import AlertWay, ChannelKind
from contracts.errors import HeadwaterError, VendorBusy, VendorDown, VendorRefused
from contracts.outgoing import Alert, AlertReceipt
from contracts.providers import Operation, OperationSpec, RequestKey, VendorTurns
from contracts.settings import Settings
from contracts.webhook_endpoints import is_loopback, signed_headers, verdict
from db import spans
from worker.providers import mail, pagerduty, sentry, slack, webhook
from worker.providers.keys import absent, digest, usable_key
from worker.providers.operation import HOUSE
from worker.providers.tenant_webhook import Forbidden, Poster, Unreachable

#: How long a place that says "too many" is left alone, in seconds.
BUSY_S = 30.0
#: The longest wait that a place can ask for: behind a longer one no alert would be given up, and so none told on other channels.
LONGEST_BUSY_S = 600.0


async def tell(
    settings: Settings, way: AlertWay, alert: Alert, turns: VendorTurns | None = None, *, attempt: str | None = None
) -> None:
    """Tell `alert`; returning means that it was taken. Without `turns` nobody is waited for. A webhook hears the `attempt`.

    Raises: Invalid where alerts may not go; VendorRefused (also `vendor_absent`: a setting is missing); VendorDown; VendorBusy,
    with code `paced` when there was no turn soon.
    """
    check(way, settings)
    with spans.tracer.call(way.kind, "alert"):
        if way.kind == "webhook" and way.url is not None:
            url = way.url
            post = partial(_post_signed, settings, way, url, alert, attempt)
            await _in_turn(turns, webhook.POST, digest(url), post)
        elif way.kind == "email":
            await mail.send(settings, way.address or "", alert)
        elif way.kind == "sentry":
            await sentry.tell(settings, alert)
        else:
            await _by_adapter(_with_secret(settings, way), way.kind, alert, turns, attempt)


async def _in_turn(
    turns: VendorTurns | None, spec: OperationSpec, credential: str, post: Callable[[], Awaitable[object]]
) -> None:
    """Post when it is our turn. To others anything but "too fast" is told as a success: a breaker would put alerts off without
    spending their attempts, and it is the alert given up after them that the other channels tell of; and a channel that was mended
    would be kept from being told for as long as its breaker remembers the refusal.
    """
    ended: HeadwaterError | None = None
    async with turns.turn(spec, credential) if turns is not None else nullcontext():
        try:
            await post()
        except VendorBusy as error:
            if (error.after_s or 0.0) > LONGEST_BUSY_S:
                error.after_s = LONGEST_BUSY_S
            raise
        except HeadwaterError as error:
            ended = error
    if ended is not None:
        raise ended


async def _by_adapter(
    settings: Settings, kind: ChannelKind, alert: Alert, turns: VendorTurns | None, attempt: str | None
) -> None:
    make = {"slack": slack.make, "pagerduty": pagerduty.make, "webhook": webhook.make}[kind]
    operation: Operation[Alert, AlertReceipt] = make(settings)[0]
    credential = getattr(operation, "account", None) or HOUSE
    event = alert.event_id or alert.key
    key = RequestKey(event, attempt) if attempt else event
    try:
        await _in_turn(turns, operation.spec, credential, partial(operation.ask, [alert], key=key))
    finally:
        if (close := getattr(operation, "close", None)) is not None:
            await close()


def _with_secret(settings: Settings, way: AlertWay) -> Settings:
    """The settings as they are for this channel: its own URL or key in the place of the house's."""
    house = SETTINGS[way.kind]
    if way.url is not None:
        own: SecretStr | None = SecretStr(way.url)
    elif way.secret_ref == house:
        return settings
    else:
        # `check` has seen to it that it is this tenant's own.
        own = SecretStr(os.environ.get(way.secret_ref or "", ""))
    changed = settings.model_copy(update={house.lower(): own})
    try:
        usable_key(changed, way.kind, house.lower())
    except VendorRefused:
        raise absent(
            way.kind, f"there is no {way.secret_ref or 'url'} that could be used: set it, or name another"
        ) from None
    return changed


async def _post_signed(settings: Settings, way: AlertWay, url: str, alert: Alert, attempt: str | None) -> None:
    key = settings.webhook_signing_key
    if key is None:
        raise absent("webhook", "WEBHOOK_SIGNING_KEY is not set here, so nothing can be signed: set it")
    event, kind = alert.event_id or alert.key, "alert.resolved" if alert.resolved else "alert.raised"
    body, at = webhook.body_of(alert, kind, event), f"{time.time():.0f}"
    headers = signed_headers(key, way.tenant_id, way.channel_id, 1, id_=event, type_=kind, body=body, at=at)
    if attempt:
        headers["X-Headwater-Attempt"] = attempt
    loopback = settings.webhook_allow_loopback and is_loopback(url)
    poster = Poster(timeout_s=settings.webhook_timeout_s, loopback=loopback)
    about: dict[str, Any] = {"vendor": "webhook"}
    try:
        status = await poster.post(url, body, headers)
    except Unreachable as error:
        raise VendorDown(f"the webhook did not answer: {error}", **about) from None
    except Forbidden as error:
        raise VendorRefused(f"we do not go there: {error}", **about) from None
    finally:
        await poster.close()
    said = verdict(status)
    if status == 429:
        raise VendorBusy("the webhook says that it is too much at once", after_s=BUSY_S, **about)
    if said == "outage":
        raise VendorDown(f"the webhook answered {status}", **about)
    if said != "delivered":
        raise VendorRefused(f"the webhook answered {status}: check its address and what it takes", **about)
