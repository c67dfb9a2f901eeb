"""Access tokens: short-lived, HS256 and nothing else. What they claim is looked up again on every request."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import jwt

from contracts.errors import Unauthenticated
from db.access import Session

ALGORITHM = "HS256"
ISSUER = "headwater"
_CLAIMS = ["iss", "sub", "tid", "sid", "role", "exp", "iat", "jti"]


@dataclass(frozen=True, slots=True)
class Claims:
    tenant_id: UUID
    session_id: UUID
    user_id: UUID


class Signer:
    """Signs and reads tokens with one secret; other keyed hashes are derived from it."""

    def __init__(self, secret: str, lifetime_s: int) -> None:
        self._secret = secret
        self._lifetime = timedelta(seconds=lifetime_s)
        self._subjects = hmac.digest(secret.encode(), b"login subjects", sha256)

    def sign(self, tenant_id: UUID, session: Session) -> tuple[str, datetime]:
        """An access token and when it ends (UTC): never after its session."""
        now = datetime.now(UTC).replace(microsecond=0)
        expires = min(now + self._lifetime, session.expires_at)
        claims = {
            "iss": ISSUER,
            "sub": str(session.user_id),
            "tid": str(tenant_id),
            "sid": str(session.id),
            "role": session.role.value,
            "iat": now,
            "exp": expires,
            "jti": secrets.token_hex(8),
        }
        return jwt.encode(claims, self._secret, ALGORITHM), expires

    def read(self, token: str) -> Claims:
        """Check a token. Raises: Unauthenticated (`token_expired`, `invalid_token`)."""
        try:
            claims = jwt.decode(
                token, self._secret, algorithms=[ALGORITHM], issuer=ISSUER, options={"require": _CLAIMS}
            )
            return Claims(UUID(claims["tid"]), UUID(claims["sid"]), UUID(claims["sub"]))
        except jwt.ExpiredSignatureError:
            raise Unauthenticated(
                "the access token has expired: POST /v1/auth/refresh gets another", code="token_expired"
            ) from None
        except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
            raise Unauthenticated("the access token is not one of ours: log in again", code="invalid_token") from None

    def subject(self, kind: str, value: str) -> bytes:
        """A keyed hash (32 bytes) of an account or address, so that neither stands in a table."""
        return hmac.digest(self._subjects, f"{kind}:{value}".encode(), sha256)
