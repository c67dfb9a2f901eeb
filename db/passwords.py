"""Passwords: argon2id, off the event loop, few at a time because each takes 64 MiB."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contracts.errors import Invalid, Unavailable

P = ParamSpec("P")
R = TypeVar("R")

SHORTEST = 12
LONGEST = 1000
#: Hashes computed side by side in a process.
THREADS = 2
#: Logins under way in a process, waiting ones included: whoever comes on top would wait for more than a few seconds.
MOST_LOGINS = 32
#: The latest that somebody is asked to come back, in seconds.
COME_BACK_S = 30.0

_HASHER = PasswordHasher()
_THREADS = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
_logins = 0


@contextmanager
def place() -> Iterator[None]:
    """A place among the logins under way. Raises: Unavailable (`login_busy`) at once when none is free."""
    global _logins
    if _logins >= MOST_LOGINS:
        # Spread out: a crowd told the same second would come back as a crowd, and its refusals would cost what its logins need.
        after_s = random.uniform(2, COME_BACK_S)  # noqa: S311
        raise Unavailable("too many people log in at the moment: try again", code="login_busy", after_s=after_s)
    _logins += 1
    try:
        yield
    finally:
        _logins -= 1


async def hashed(password: str) -> str:
    """The hash to store. Raises: Invalid (`weak_password`) when too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(f"a password has {SHORTEST} to {LONGEST} characters", code="weak_password")
    return await _aside(_HASHER.hash, password)


async def matches(password: str, stored: str | None) -> bool:
    """Does the password belong to the hash? Without a hash (unknown user) it takes as long and says no."""
    return await _aside(_verify, password, stored)


async def warm() -> None:
    """Prepare for the first unknown user, who must not take longer than the next."""
    await _aside(_nobodys)


def outdated(stored: str) -> bool:
    """Was it hashed with weaker parameters than today's?"""
    return _HASHER.check_needs_rehash(stored)


def _verify(password: str, stored: str | None) -> bool:
    try:
        return _HASHER.verify(stored or _nobodys(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _HASHER.hash("the password of nobody at all")


async def _aside(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREADS, lambda: work(*args, **kwargs))
