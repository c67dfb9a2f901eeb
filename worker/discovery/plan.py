"""What a discovery run will read, and when a slice has had enough. Pure."""

from __future__ import annotations

from contracts.outcomes import MAX_COMPANIES, TIME_BUDGET
from contracts.providers import Channel
from contracts.runs import RunParams

#: `limit` was reached: the asked-for number of records was read.
LIMIT = "limit"


def slices(params: RunParams) -> list[tuple[Channel, str, str | None]]:
    """channel x query, at most `max_queries` queries; all channels of a query come before the next query."""
    queries = list(dict.fromkeys(params.queries))[: params.max_queries]
    return [(channel, query, params.cursor) for query in queries for channel in params.channels]


def enough(params: RunParams, *, created: int, discovered: int, expired: bool) -> str | None:
    """Why no further page should be read, None when one should."""
    if expired:
        return TIME_BUDGET
    if created >= params.max_companies:
        return MAX_COMPANIES
    if params.limit is not None and discovered >= params.limit:
        return LIMIT
    return None
