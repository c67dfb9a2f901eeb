"""Doors for other people's systems: each opens to a secret of its own, and stays shut while none is set."""

from __future__ import annotations

import hmac

from fastapi import Request
from pydantic import SecretStr

from contracts.errors import Unauthenticated


class SecretDoor:
    """A dependency that lets in whoever sends the secret in `setting`: `x-webhook-secret`, or `Authorization: Bearer`.

    Raises: Unauthenticated, in the same words whether the secret is wrong or none is set.
    """

    def __init__(self, setting: str) -> None:
        self.setting = setting

    async def __call__(self, request: Request) -> None:
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = request.headers.get("x-webhook-secret") or (bearer.strip() if kind.lower() == "bearer" else "")
        if not given:
            raise Unauthenticated(
                f"send x-webhook-secret, or Authorization: Bearer, with the value of {self.setting.upper()}"
            )
        secret: SecretStr | None = getattr(request.app.state.settings, self.setting)
        wanted = secret.get_secret_value() if secret is not None else ""
        # Compared in constant time, also when there is nothing to compare with.
        if not hmac.compare_digest(given.encode(), wanted.encode()) or not wanted:
            raise Unauthenticated(
                f"the secret is wrong, or this door is shut: send the value of {self.setting.upper()}",
                code="invalid_secret",
            )
