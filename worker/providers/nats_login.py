"""How we say to NATS who we are, beside what the URL holds: a credentials file (a JWT and its seed) or the seed of an NKey.

The file is read anew for each connection, so another one in its place holds from the next connection on.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import nkeys
from nats.aio.client import RawCredentials

from contracts.settings import Settings

#: No credentials file is longer, in bytes.
LONGEST = 64_000
_JWT = re.compile(r"BEGIN NATS USER JWT-*\n\S+\n")
_SEED = re.compile(r"BEGIN USER NKEY SEED-*\n(\S+)\n")


class NoLogin(Exception):
    """The file is not there or not what it should be. The message names the setting and never what the file holds."""


async def login(settings: Settings) -> dict[str, Any]:
    """What `Client.connect` is given; nothing where the URL says it all. Raises: NoLogin."""
    if settings.nats_creds is not None:
        return {"user_credentials": RawCredentials(await _credentials(settings.nats_creds))}
    if settings.nats_nkey is not None:
        seed = (await asyncio.to_thread(_text, "NATS_NKEY", settings.nats_nkey)).strip()
        _check("NATS_NKEY", seed)
        return {"nkeys_seed_str": seed}
    return {}


async def _credentials(path: str) -> str:
    text = await asyncio.to_thread(_text, "NATS_CREDS", path)
    seed = _SEED.search(text)
    if seed is None or not _JWT.search(text):  # the client would look for them without an end
        raise NoLogin(f"NATS_CREDS: {path} is no credentials file: it must hold a NATS USER JWT and a USER NKEY SEED")
    _check("NATS_CREDS", seed[1])
    return text


def _text(setting: str, path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(LONGEST).decode("ascii").replace("\r\n", "\n") + "\n"
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not text"
        raise NoLogin(f"{setting}: {path} cannot be read: {said}") from None


def _check(setting: str, seed: str) -> None:
    try:
        pair = nkeys.from_seed(bytearray(seed.encode()))
        public = pair.public_key
        pair.wipe()
    except Exception:  # the library raises whatever its decoder meets
        raise NoLogin(f"{setting}: the seed in it is none, a user's begins with SU") from None
    if not public.startswith(b"U"):
        raise NoLogin(f"{setting}: the seed in it is not a user's, which begins with SU")
