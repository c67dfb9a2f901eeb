"""A run with its slices, and a vendor that answers from a table: what pages and caps race about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contracts.jobs import FetchPage
from contracts.providers import Channel, FoundCompany, Page, Terms
from contracts.runs import CreateRun, RunCheck, RunView
from contracts.settings import Settings
from db import queue, runs, slices, story
from db.queue import Delivery
from db.transaction import DbRole, Pool, transaction
from worker.context import Context
from worker.discovery import jobs as discovery
from worker.dispatcher import Dispatcher
from worker.providers.registry import Registry

SETTINGS = Settings.model_construct()


@dataclass
class Shelf:
    """The vendor: query -> its pages. `asked` counts requests by (query, cursor)."""

    pages: Mapping[str, Sequence[Sequence[FoundCompany]]]
    billable: bool = True
    asked: dict[tuple[str, str | None], int] = field(default_factory=dict)
    vendor: str = "shelf"
    operation: str = "search"
    terms: Terms = Terms.LICENSED
    units_per_page: float = 1.0

    @property
    def ports(self) -> Registry:
        """This vendor behind every channel, and no look-ups."""
        return Registry(dict.fromkeys(Channel, self), {})

    async def close(self) -> None:
        """Nothing is open."""

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        self.asked[query, cursor] = self.asked.get((query, cursor), 0) + 1
        at, pages = int(cursor or 0), self.pages[query]
        following = str(at + 1) if at + 1 < len(pages) else None
        return Page(companies=tuple(pages[at]), next_cursor=following, units=1.0)


def company(name: str, **keys: Any) -> FoundCompany:
    return FoundCompany(external_id=name, name=name, **(keys or {"domain": f"{name}.example"}))


async def planned(pool: Pool, tenant: UUID, queries: Sequence[str], **body: Any) -> UUID:
    """A running run of one slice a query; its first pages wait in the outbox."""
    asked = CreateRun.model_validate({"channels": ["google"], "queries": list(queries), **body})
    async with transaction(pool, tenant) as tx:
        run_id, _ = await runs.start(
            tx, tenant, runs.params_of(asked, SETTINGS), mode="test", dry_run=False, triggered_by="api"
        )
        assert await runs.begin(tx, tenant, run_id, 300)
        await slices.plan(tx, tenant, run_id, [(Channel.GOOGLE, query, None) for query in queries])
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await tx.execute("DELETE FROM app.outbox_events WHERE type = 'RunRequested'")
    return run_id


async def taken(pool: Pool) -> list[Delivery]:
    """Hand off what is due and start every job that waits."""
    while (await Dispatcher(pool, SETTINGS).dispatch_batch())[1]:
        continue
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "here", 1, ["jobs"])
        return await queue.fetch(tx, worker, ["discovery", "probe"], 100)


async def fetch(pool: Pool, shelf: Shelf, delivery: Delivery) -> None:
    """The body of `discovery.fetch`, without its frame."""
    ctx = Context(pool, SETTINGS, shelf.ports, delivery, lambda: None)
    await discovery.fetch(ctx, FetchPage.model_validate(delivery.payload))


async def shown(pool: Pool, tenant: UUID, run_id: UUID) -> tuple[RunView, RunCheck]:
    """The run, and the product's own proof of what it wrote."""
    async with transaction(pool, tenant) as tx:
        run, check = await runs.show(tx, tenant, run_id), await story.verify(tx, tenant, run_id)
    assert run is not None
    assert check is not None
    return run, check
