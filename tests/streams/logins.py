"""Accounts of a NATS server of a test's own: NKeys, and an operator's JWTs as `nsc` would make them."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import nkeys

OPERATOR, ACCOUNT, USER = nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT, nkeys.PREFIX_BYTE_USER


class Key:
    """A key pair: `seed` is the secret, `public` its name."""

    def __init__(self, kind: int) -> None:
        self.seed = bytes(nkeys.encode_seed(os.urandom(32), kind)).decode()
        self.public: str = self._pair().public_key.decode()

    def _pair(self) -> Any:
        return nkeys.from_seed(bytearray(self.seed.encode()))

    def jwt(self, about: str, kind: str, said: dict[str, Any]) -> str:
        """What this key says of `about`."""
        claims = {
            "jti": about, "iat": int(time.time()), "iss": self.public, "sub": about, "name": kind,
            "nats": {**said, "type": kind, "version": 2},
        }  # fmt: skip
        signed = ".".join(_part(json.dumps(each).encode()) for each in ({"typ": "JWT", "alg": "ed25519-nkey"}, claims))
        return f"{signed}.{_part(bytes(self._pair().sign(signed.encode())))}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def creds(jwt: str, seed: str) -> str:
    """A credentials file."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )


def server_of_nkey(folder: Path, public: str) -> Path:
    """The configuration of a server that lets in this one."""
    path = folder / "nkeys.conf"
    path.write_text(f'authorization: {{ users: [ {{ nkey: "{public}" }} ] }}\n')
    return path


def server_of_accounts(folder: Path) -> tuple[Path, str]:
    """The configuration of a server of an operator with one account, and a user's credentials file as text."""
    operator, house, account, user = Key(OPERATOR), Key(ACCOUNT), Key(ACCOUNT), Key(USER)
    at_will = {
        **dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1),
        "wildcards": True,
    }
    streams = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
    # The system's own account may have no JetStream.
    of_house = operator.jwt(house.public, "account", {"limits": at_will})
    of_account = operator.jwt(account.public, "account", {"limits": at_will | streams})
    of_user = account.jwt(user.public, "user", {"subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}})
    path = folder / "accounts.conf"
    path.write_text(
        f"operator: {operator.jwt(operator.public, 'operator', {})}\nresolver: MEMORY\n"
        f"system_account: {house.public}\n"
        f"resolver_preload: {{ {house.public}: {of_house}, {account.public}: {of_account} }}\n"
    )
    return path, creds(of_user, user.seed)
