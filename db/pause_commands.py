"""`headwater outbox pause|resume|paused`: hold one tenant's events back, and let them go on."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.errors import Invalid
from contracts.misfits import in_words
from contracts.pauses import AskPause, Pause
from db import pauses
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json, wake_dispatchers
from db.transaction import Tx

OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]


def pause_events(
    reason: Annotated[str, typer.Option(help="Why; shown to whoever asks why nothing moves.")],
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Hand no more of a tenant's events to the queue until it is resumed. Jobs that are there are finished; nothing is lost."""
    try:
        asked = AskPause(reason=reason)
    except ValidationError as error:
        raise Invalid(f"reason: {in_words(error.errors()[0])}") from None

    async def work(tx: Tx, owner: UUID) -> Pause:
        return await pauses.pause(tx, owner, reason=asked.reason, by=operator())

    _print(as_owner(tenant, work, or_system=True), json)


def resume_events(tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Go on with what waits. Again is no error."""

    async def work(tx: Tx, owner: UUID) -> Pause:
        return await pauses.resume(tx, owner, by=operator())

    found = as_owner(tenant, work, or_system=True)
    wake_dispatchers()
    _print(found, json)


def show_pause(tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Are a tenant's events held back, by whom, and why?"""
    _print(as_owner(tenant, pauses.show, or_system=True), json)


def _print(pause: Pause, json: bool) -> None:
    print_json(pause) if json else print_fields(pause, ("paused", "suspended", "reason", "by", "since"))
