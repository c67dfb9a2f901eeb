"""Proof of who sent a body: signatures that vendors put on their webhooks, and the one we put on ours. Pure.

vendor      header                                    signed
Trengo      Trengo-Signature: <timestamp>;<hex>       timestamp + "." + raw body
Meta        X-Hub-Signature-256: sha256=<hex>         raw body, with the app's secret
ours        webhook-signature: v1,<base64>            id + "." + timestamp + "." + raw body (Standard Webhooks)
ours        X-Headwater-Signature: sha256=<hex>       timestamp + "." + raw body

All are HMAC-SHA256. The raw body is checked, before anything reads it, and compared in constant time. Source: providers.md,
sections 15, 16 and 19.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from pydantic import SecretStr

from contracts.errors import Forbidden, Unauthenticated

#: A signed body older (or newer) than this is taken for a replay, in seconds.
TOLERANCE_S = 300.0
#: Above this a timestamp counts milliseconds: as seconds it would lie in the year 5138.
_MILLISECONDS = 10**11


def signature(secret: SecretStr, body: bytes, timestamp: str | None = None) -> str:
    """HMAC-SHA256 in lower-case hex, of `timestamp` + "." + `body`, or of `body` alone."""
    signed = body if timestamp is None else timestamp.encode() + b"." + body
    return hmac.digest(secret.get_secret_value().encode(), signed, "sha256").hex()


def standard_signature(key: bytes, id_: str, timestamp: str, body: bytes) -> str:
    """A `webhook-signature` of the Standard Webhooks scheme: version and base64. `id_` has no dot."""
    digest = hmac.digest(key, f"{id_}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def check_trengo(header: str | None, body: bytes, secret: SecretStr, *, now: float) -> None:
    """Raise Unauthenticated unless `header` (Trengo-Signature) signs `body` and is fresh at `now` (Unix seconds)."""
    timestamp, _, given = (header or "").strip().partition(";")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 13 and given):
        raise Unauthenticated("Trengo-Signature must be <timestamp>;<hash>: send it", code="bad_signature")
    if not _same(signature(secret, body, timestamp), given):
        raise Unauthenticated("the signature does not fit the body: check TRENGO_WEBHOOK_SECRET", code="bad_signature")
    at = int(timestamp) / (1000 if int(timestamp) > _MILLISECONDS else 1)
    if abs(now - at) > TOLERANCE_S:
        text = "the signature is too old or from the future: check both clocks, do not replay"
        raise Unauthenticated(text, code="stale_signature")


def check_meta(header: str | None, body: bytes, secret: SecretStr) -> None:
    """Raise Unauthenticated unless `header` (X-Hub-Signature-256) signs `body`. Meta signs no time: dedupe on the ids."""
    scheme, _, given = (header or "").strip().partition("=")
    if scheme != "sha256" or not given:
        raise Unauthenticated("X-Hub-Signature-256 must be sha256=<hash>: send it", code="bad_signature")
    if not _same(signature(secret, body), given):
        raise Unauthenticated("the signature does not fit the body: check WHATSAPP_APP_SECRET", code="bad_signature")


def meta_challenge(query: Mapping[str, str], token: SecretStr) -> str:
    """What to echo, as plain text, when Meta sets up a webhook (a GET). Raises Forbidden for anybody else."""
    challenge = query.get("hub.challenge", "")
    fits = _same(token.get_secret_value(), query.get("hub.verify_token", ""))
    # Echoed to whoever asks: only what Meta sends, a number.
    if query.get("hub.mode") != "subscribe" or not fits or not (challenge.isascii() and challenge.isalnum()):
        raise Forbidden("hub.verify_token is not the one agreed on: set the same at Meta and here", code="bad_token")
    return challenge[:100]


def _same(right: str, given: str) -> bool:
    return hmac.compare_digest(right.encode(), given.strip().lower().encode() if _hex(right) else given.encode())


def _hex(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")
