"""What a stand-in vendor is made of: offers (a route each) that read a request and give an answer over the one world.

A vendor module has `OFFERS`. Its paths begin with the vendor's name, so that one address serves all; `app.py` meters each
request, makes it go wrong on order, keeps the vendor's rate limit and its quota, and answers. A handler is plain and quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.providers.sandbox.answer import Answer
from worker.providers.sandbox.world import World


@dataclass(frozen=True)
class Asked:
    """One request as a vendor reads it. `state` is the vendor's own memory, empty after a reset."""

    world: World
    method: str
    path: str
    path_params: Mapping[str, str]
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    state: dict[str, Any]

    def first(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), None)

    def all(self, name: str) -> list[str]:
        """Every value of a query parameter."""
        return [value for key, value in self.query if key == name]


@dataclass(frozen=True)
class Offer:
    """One operation at one path. `throttled` and `exhausted` are how this vendor says "too fast" and "no credits left".

    `repeats_free`: the same question under the same key is billed once.
    """

    vendor: str
    operation: str
    method: str
    path: str
    handler: Callable[[Asked], Answer]
    throttled: Callable[[Asked, float], Answer] | None = field(default=None)
    exhausted: Callable[[Asked], Answer] | None = field(default=None)
    repeats_free: bool = False
