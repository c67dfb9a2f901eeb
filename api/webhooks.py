"""Doors for other people's systems: each opens to a secret of its own, and stays shut while none is set."""

from __future__ import annotations

import hmac
import time
from secrets import token_hex
from typing import Literal

from fastapi import Request
from pydantic import SecretStr

from contracts import signatures
from contracts.errors import Forbidden, Unauthenticated


class SecretDoor:
    """A dependency that lets in whoever sends the secret in `setting`: `x-webhook-secret`, or `Authorization: Bearer`.

    Raises: Unauthenticated, in the same words whether the secret is wrong or none is set.
    """

    #: The security scheme of the OpenAPI document.
    scheme = "webhookSecret"

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


class SignatureDoor(SecretDoor):
    """A dependency that lets in whoever signed the body with the secret in `setting`: Trengo or Meta. Shut while none is set.

    Raises: Unauthenticated, in the same words whether the signature is wrong or no secret is set.
    """

    def __init__(self, setting: str, vendor: Literal["trengo", "meta"]) -> None:
        super().__init__(setting)
        self.scheme, self._vendor = f"{vendor}Signature", vendor

    async def __call__(self, request: Request) -> None:
        secret: SecretStr | None = getattr(request.app.state.settings, self.setting)
        # Checked also when there is nothing to check with: an answer in no time would say so.
        wanted = secret if secret is not None and secret.get_secret_value() else SecretStr(token_hex())
        body = await request.body()
        if self._vendor == "trengo":
            signatures.check_trengo(request.headers.get("trengo-signature"), body, wanted, now=time.time())
        else:
            signatures.check_meta(request.headers.get("x-hub-signature-256"), body, wanted)


class ChallengeDoor(SecretDoor):
    """A dependency that lets in Meta when it sets up a webhook: `hub.verify_token` is the secret in `setting`."""

    scheme = "metaVerifyToken"

    async def __call__(self, request: Request) -> None:
        secret: SecretStr | None = getattr(request.app.state.settings, self.setting)
        try:
            wanted = secret if secret is not None and secret.get_secret_value() else SecretStr(token_hex())
            request.state.challenge = signatures.meta_challenge(request.query_params, wanted)
        except Forbidden as error:
            raise Unauthenticated(error.detail, code=error.code) from None
