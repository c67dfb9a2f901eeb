"""A tenant's discovery queries, and which of them a run takes that names none itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from contracts.discovery_queries import DiscoveryQuery, GeneratedQueries, generate, key_of, tidy
from contracts.errors import Conflict, NotFound
from contracts.profiles import Profile
from contracts.runs import DEFAULT_QUERIES, CreateRun, RunParams
from contracts.settings import Settings
from db import profiles, runs
from db.access import audit
from db.paging import LAST_UUID
from db.sql import load
from db.transaction import Tx

SQL = load("discovery_queries")


async def add(tx: Tx, tenant: UUID, text: str, *, profile_id: UUID | None, by: str) -> DiscoveryQuery:
    """Add a query that was typed in. Raises: NotFound for an unknown profile; Conflict (`query_exists`)."""
    await profiles.require_open(tx, tenant, profile_id)
    added = await _insert(tx, tenant, [text], "typed", profile_id, by)
    if not added:
        raise Conflict(f"there is a query {tidy(text)!r} already: enable it, or type another", code="query_exists")
    await audit(tx, tenant, by, "discovery_query.added", "discovery_query", str(added[0].id), {"text": added[0].text})
    return added[0]


async def generate_for(tx: Tx, tenant: UUID, profile: Profile, *, limit: int, by: str) -> GeneratedQueries:
    """Add the queries a profile leads to. Those that are there already, disabled ones too, stay as they are.

    Raises: Invalid (`no_industries`); NotFound for a closed profile.
    """
    await profiles.require_open(tx, tenant, profile.id)
    texts = generate(profile, limit)
    added = await _insert(tx, tenant, texts, "generated", profile.id, by)
    if added:
        detail = {"added": len(added)}
        await audit(tx, tenant, by, "discovery_query.generated", "icp_profile", str(profile.id), detail)
    new = {key_of(query.text) for query in added}
    return GeneratedQueries(added=added, known=[text for text in texts if key_of(text) not in new])


async def _insert(
    tx: Tx, tenant: UUID, texts: Sequence[str], source: Literal["typed", "generated"], profile_id: UUID | None, by: str
) -> list[DiscoveryQuery]:
    tidied = [tidy(text) for text in texts]
    rows = await tx.fetch(SQL["add"], tenant, source, profile_id, by, tidied, [key_of(text) for text in tidied])
    order = {text: n for n, text in enumerate(tidied)}
    return sorted((DiscoveryQuery.model_validate(dict(row)) for row in rows), key=lambda query: order[query.text])


async def list_(
    tx: Tx, tenant: UUID, *, before: UUID | None = None, enabled: bool | None = None, limit: int = 50
) -> list[DiscoveryQuery]:
    """Queries, newest first; `before` is the last id of the page before."""
    rows = await tx.fetch(SQL["list"], tenant, before or LAST_UUID, enabled, limit)
    return [DiscoveryQuery.model_validate(dict(row)) for row in rows]


async def set_enabled(tx: Tx, tenant: UUID, query_id: UUID, enabled: bool, *, by: str) -> DiscoveryQuery:
    """Use a query, or keep it without using it. Raises: NotFound (`query_not_found`)."""
    row = await tx.fetchrow(SQL["set_enabled"], tenant, query_id, enabled)
    if row is None:
        raise _unknown(query_id)
    action = "discovery_query.enabled" if enabled else "discovery_query.disabled"
    await audit(tx, tenant, by, action, "discovery_query", str(query_id))
    return DiscoveryQuery.model_validate(dict(row))


async def remove(tx: Tx, tenant: UUID, query_id: UUID, *, by: str) -> None:
    """Delete a query. Raises: NotFound (`query_not_found`)."""
    text = await tx.fetchval(SQL["remove"], tenant, query_id)
    if text is None:
        raise _unknown(query_id)
    await audit(tx, tenant, by, "discovery_query.removed", "discovery_query", str(query_id), {"text": text})


async def find(tx: Tx, tenant: UUID, text: str) -> UUID | None:
    """The query that says `text`, whatever its case."""
    found: UUID | None = await tx.fetchval(SQL["by_key"], tenant, key_of(text))
    return found


async def params_of(tx: Tx, tenant: UUID, body: CreateRun, settings: Settings) -> RunParams:
    """What a run is started with: its own queries, else the tenant's, the longest unused first, else the five defaults.

    A run for an ICP profile takes that profile's queries while there are some.
    """
    if body.queries:
        return runs.params_of(body, settings)
    most = body.max_queries or settings.discovery_max_queries
    chosen: list[str] = []
    for profile_id in dict.fromkeys((body.icp_profile_id, None)):
        chosen = chosen or [row["text"] for row in await tx.fetch(SQL["choose"], tenant, profile_id, most)]
    return runs.params_of(body, settings, queries=chosen or DEFAULT_QUERIES)


async def note_use(tx: Tx, tenant: UUID, params: RunParams) -> None:
    """A run that is no rehearsal starts with these queries: the next one takes others first."""
    used = params.queries[: params.max_queries]
    await tx.execute(SQL["use"], tenant, [key_of(query) for query in used])


def _unknown(query_id: UUID) -> NotFound:
    return NotFound(f"no discovery query {query_id}", code="query_not_found")
