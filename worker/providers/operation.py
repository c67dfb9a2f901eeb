"""What the look-ups of all vendors have in common: a description, a connection, and the ways to reply."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

from pydantic import BaseModel

from contracts.providers import OperationSpec, Reply
from contracts.settings import Settings
from worker.providers.answers import Json
from worker.providers.http import VendorClient

_Q = TypeVar("_Q", bound=BaseModel)
_A = TypeVar("_A", bound=BaseModel)

#: Whose key pays where an operation names no `credential` of its own: there is one set of keys, the house's.
HOUSE = "house"
#: Longest note that says why there is no value.
MAX_NOTE = 500


class LookUp(ABC, Generic[_Q, _A]):
    """An `Operation` over HTTP. The look-ups of one vendor may share a client: closing it twice does no harm."""

    def __init__(self, spec: OperationSpec, http: VendorClient) -> None:
        self._spec = spec
        self._http = http

    @property
    def spec(self) -> OperationSpec:
        return self._spec

    @property
    def account(self) -> str | None:
        """Which account of the vendor is asked and charged."""
        return self._http.account

    def units_of(self, query: _Q) -> float:  # noqa: ARG002 - those whose cost depends on it read it
        return self._spec.units

    @abstractmethod
    async def ask(self, queries: Sequence[_Q], *, key: str) -> list[Reply[_A]]: ...

    async def recover(self, query: _Q, *, key: str) -> Reply[_A] | None:  # noqa: ARG002 - nothing to read it from
        return None

    async def close(self) -> None:
        await self._http.close()


class OneByOne(LookUp[_Q, _A]):
    """A look-up of a vendor that takes one item in a request."""

    async def ask(self, queries: Sequence[_Q], *, key: str) -> list[Reply[_A]]:
        if len(queries) != 1:
            raise ValueError(f"{self.spec.vendor}.{self.spec.operation} is asked for one item at a time")
        return [await self.one(queries[0], key=key)]

    @abstractmethod
    async def one(self, query: _Q, *, key: str) -> Reply[_A]:
        """The reply to one item."""


def found(
    value: _A, *, units: float, ref: str | None = None, raw: Json | None = None, estimated: bool = False
) -> Reply[_A]:
    """A reply with a value."""
    return Reply(
        outcome="found", value=value, units=units, vendor_ref=_cut(ref), raw=raw, estimated=estimated, at=_now()
    )


def miss(note: str | None = None, *, units: float = 0.0, value: _A | None = None, raw: Json | None = None) -> Reply[_A]:
    """Nothing is known. `value` is for verdicts that say just that."""
    return Reply(outcome="miss", value=value, units=units, note=_cut(note), raw=raw, at=_now())


def suppressed(note: str | None = None) -> Reply[_A]:
    """The person objected, or the law forbids it."""
    return Reply(outcome="suppressed", note=_cut(note), at=_now())


def invalid(note: str, *, units: float = 0.0, estimated: bool = False, raw: Json | None = None) -> Reply[_A]:
    """The item was turned down, by the vendor or by us because the vendor could do nothing with it."""
    return Reply(outcome="invalid", units=units, note=_cut(note), estimated=estimated, raw=raw, at=_now())


def patience(settings: Settings, spec: OperationSpec) -> float:
    """Deadline of a request in seconds: `VENDOR_LIMITS`, else what the operation needs, VENDOR_TIMEOUT_S for those without a
    need of their own (`spec.timeout_s` up to 30).
    """
    for name in (f"{spec.vendor}.{spec.operation}", spec.vendor):
        limit = settings.vendor_limits.get(name)
        if limit is not None and limit.timeout_s is not None:
            return limit.timeout_s
    return spec.timeout_s if spec.timeout_s > 30 else settings.vendor_timeout_s


def _cut(text: str | None) -> str | None:
    return text[:MAX_NOTE] if text else None


def _now() -> datetime:
    return datetime.now(UTC)
