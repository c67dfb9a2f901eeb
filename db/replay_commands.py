"""`headwater outbox replays|undo`: replays of many dead letters, and what of one still waits taken back."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from contracts.replays import ReplayBatches, TakenBack
from contracts.settings import Settings
from db import replays
from db.pause_commands import OwnerOption
from db.terminal import JsonOption, TenantOption, as_owner, ask, operator, print_fields, print_json, print_table
from db.transaction import Tx


def list_replays(
    tenant: OwnerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many.")] = 10,
    json: JsonOption = False,
) -> None:
    """A tenant's newest replays of many dead letters, and how much of each still waits."""

    async def work(tx: Tx, owner: UUID) -> ReplayBatches:
        return ReplayBatches(items=await replays.batches(tx, owner, limit=limit))

    found = as_owner(tenant, work, or_system=True)
    if json:
        print_json(found)
        return
    empty = "none yet: headwater outbox replay --status dead_letter makes one"
    print_table(found.items, ("id", "at", "by", "events", "waiting", "filter"), empty=empty)


def undo_replay(
    replay: Annotated[UUID, typer.Argument(metavar="REPLAY", help="`replay_id` of the replay, or its id in the list.")],
    tenant: TenantOption = None,
    json: JsonOption = False,
) -> None:
    """Take back what of a replay of dead letters still waits untried: those letters are open again."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> TakenBack:
        return await replays.take_back_of_all(tx, tenants, replay, operator())

    found = ask(work, tenant)
    print_json(found) if json else print_fields(found, ("replay_id", "taken_back", "gone"))
