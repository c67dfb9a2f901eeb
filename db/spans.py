"""What happens here, told to whoever traces it: `tracer` tells nobody until `db.tracing` takes its place.

Nothing of OpenTelemetry's SDK is imported here, and what is told is only read where somebody listens. Kinds, names, ids and
codes of ours may be told; never a payload, a question, an answer, an address, a header or the words of an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from contracts.events import Event
    from db.queue import Delivery
    from db.sinks import Leased


class Span:
    """A stretch of work that nobody records."""

    __slots__ = ()

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        return None

    def onto(self, headers: dict[str, str] | None) -> dict[str, str] | None:
        """The headers of an event, from which what follows finds back here."""
        return headers

    def answered(self, method: str, route: str, status: int) -> None:
        """A request was answered, by the route of this template."""


class Tracer:
    """Makes spans. This one makes none."""

    #: Is anybody listening? Who would have to read something first, only to tell it, asks.
    on = False

    def request(self, method: str, headers: Mapping[str, str]) -> Span:  # noqa: ARG002
        """A request to the API; its `headers` may name the caller's span."""
        return NOBODYS

    def emit(self, events: Sequence[Event]) -> Span:  # noqa: ARG002
        """Events written to the outbox, in a transaction that may still be rolled back."""
        return NOBODYS

    def attempt(self, delivery: Delivery, carried: Mapping[str, str]) -> Span:  # noqa: ARG002
        """One attempt of a job; `carried` are the headers of the event it follows from."""
        return NOBODYS

    def call(self, vendor: str, operation: str) -> Span:  # noqa: ARG002
        """One call of a vendor."""
        return NOBODYS

    def deliver(self, leased: Leased, endpoint_id: UUID) -> Span:  # noqa: ARG002
        """One delivery of an event to a tenant's address, in the trace that its headers name."""
        return NOBODYS

    def heard(self, status: int) -> None:
        """The HTTP status of the vendor call or delivery under way."""

    def trace_id(self) -> str | None:
        """The trace that is under way here, for the log."""
        return None

    def ended(self, outcome: str, code: str | None = None) -> None:
        """How the attempt or delivery under way ended; `code` is the class of its error. Without a word it is done."""


#: The one span of those that nobody records.
NOBODYS = Span()
#: Asked for at each use: `db.tracing.arm` replaces it before anything else happens.
tracer: Tracer = Tracer()
