"""Asking in a batch, and giving the replies in the order of the questions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from contracts.providers import Reply
from worker.providers.answers import Json
from worker.providers.operation import invalid

_Q = TypeVar("_Q", bound=BaseModel)
_A = TypeVar("_A", bound=BaseModel)


async def in_order(
    queries: Sequence[_Q],
    asked: Callable[[_Q], Json | str],
    ask: Callable[[list[Json]], Awaitable[list[Reply[_A]]]],
) -> list[Reply[_A]]:
    """One reply for each query. `asked` says how a query is put to the vendor, or why it cannot be.

    Those that cannot are `invalid`; `ask` is called once with the rest, or not at all.
    """
    put = [asked(query) for query in queries]
    sent = [each for each in put if not isinstance(each, str)]
    replies = iter(await ask(sent) if sent else [])
    return [invalid(each) if isinstance(each, str) else next(replies) for each in put]
