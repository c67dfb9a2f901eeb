"""`headwater leads feedback`."""

from __future__ import annotations

from typing import Annotated, get_args
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.errors import Invalid
from contracts.learning import FeedbackPage, GiveFeedback, Verdict
from contracts.misfits import in_words
from db import feedback, labels
from db.lead_commands import LeadArgument
from db.terminal import JsonOption, as_owner, operator, print_json, print_table, wake_dispatchers
from db.transaction import Tx


def lead_feedback(
    lead: LeadArgument,
    verdict: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(get_args(Verdict))}; absent: what was said so far.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="When it was so, ISO with a zone; absent: now.")] = None,
    note: Annotated[str | None, typer.Option(help="In your words.")] = None,
    source_event: Annotated[str | None, typer.Option(help="The source's own id: the same again is the same.")] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")] = None,
    json: JsonOption = False,
) -> None:
    """Say what became of a lead, or see what was said and which labels were made of it."""
    body = _body(verdict, at, note, source_event) if verdict is not None else None

    async def work(tx: Tx, owner: UUID) -> FeedbackPage:
        if body is not None:
            await feedback.give(tx, owner, lead, body, by=operator())
        said = await feedback.list_(tx, owner, lead, limit=200)
        return FeedbackPage(items=said, labels=await labels.of_lead(tx, owner, lead), next_cursor=None)

    found = as_owner(tenant, work)
    if body is not None:
        wake_dispatchers()
    if json:
        print_json(found)
        return
    print_table(found.items, ("id", "verdict", "event_at", "given_by", "note"), empty="nothing was said about it yet")
    typer.echo("")
    print_table(
        found.labels, ("kind", "value", "event_at", "known_at", "source"), empty="no labels yet: a worker makes them"
    )


def _body(verdict: str, at: str | None, note: str | None, source_event: str | None) -> GiveFeedback:
    given = {"verdict": verdict, "event_at": at, "note": note, "source_event": source_event}
    try:
        return GiveFeedback.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Invalid(f"{'.'.join(map(str, first['loc']))}: {in_words(first)}") from None
