"""`headwater matches`: list, merge, reject, undo, scan, for whoever may read the database's URL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import typer

from contracts.matching import Match, MatchPage, MatchState, ScanAsked
from db import matching, merges
from db.terminal import JsonOption, as_owner, operator, print_json, print_table, wake_dispatchers
from db.transaction import Tx

matches_app = typer.Typer(no_args_is_help=True, help="Likely duplicates: list, merge, reject, undo, scan.")

OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
MatchArgument = Annotated[UUID, typer.Argument(metavar="MATCH", help="Id of the pair.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Why, for the record.")]


class _Line(Match):
    """A pair as the table shows it."""

    one: str
    other: str
    against: str

    @classmethod
    def of(cls, match: Match) -> _Line:
        names = [f"{side.name} ({side.city or side.country or '-'})" for side in (match.a, match.b)]
        told = ", ".join(match.contradictions) or "-"
        return cls(**match.model_dump(), one=names[0], other=names[1], against=told)


@matches_app.command("list")
def list_matches(
    state: Annotated[MatchState | None, typer.Option(help="pending, auto, merged, rejected or undone.")] = None,
    tenant: OwnerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """Pairs, newest first; `--state pending` is what waits for a person."""

    async def work(tx: Tx, owner: UUID) -> list[Match]:
        return await matching.list_(tx, owner, state=state, before=cursor, limit=limit + 1)

    found = as_owner(tenant, work)
    more = str(found[limit - 1].id) if len(found) > limit else None
    if json:
        print_json(MatchPage(items=found[:limit], next_cursor=more))
        return
    lines = [_Line.of(match) for match in found[:limit]]
    columns = ("id", "decision", "probability", "one", "other", "against")
    print_table(lines, columns, empty="no pairs: `headwater matches scan` looks for some")
    if more:
        typer.echo(f"more: --cursor {more}")


@matches_app.command("merge")
def merge(
    match: MatchArgument, reason: ReasonOption = None, tenant: OwnerOption = None, json: JsonOption = False
) -> None:
    """They are one company: the older id survives."""
    _decide(tenant, match, json, lambda tx, owner: merges.merge(tx, owner, match, by=operator(), reason=reason))


@matches_app.command("reject")
def reject(
    match: MatchArgument, reason: ReasonOption = None, tenant: OwnerOption = None, json: JsonOption = False
) -> None:
    """They are two companies: the pair is not proposed again."""
    _decide(tenant, match, json, lambda tx, owner: merges.reject(tx, owner, match, by=operator(), reason=reason))


@matches_app.command("undo")
def undo(
    match: MatchArgument, reason: ReasonOption = None, tenant: OwnerOption = None, json: JsonOption = False
) -> None:
    """Take a merge back: ids, keys and rows as they were."""
    _decide(tenant, match, json, lambda tx, owner: merges.undo(tx, owner, match, by=operator(), reason=reason))


@matches_app.command("scan")
def scan(tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Compare what came in since the last scan; a worker does it."""

    async def work(tx: Tx, owner: UUID) -> ScanAsked:
        return ScanAsked(waiting=await matching.request_scan(tx, owner))

    asked = as_owner(tenant, work)
    wake_dispatchers()
    if json:
        print_json(asked)
    else:
        typer.echo(f"{asked.waiting} companies will be compared")


def _decide(slug: str | None, match_id: UUID, json: bool, act: Callable[[Tx, UUID], Awaitable[object]]) -> None:
    async def work(tx: Tx, owner: UUID) -> Match:
        await act(tx, owner)
        return await matching.get(tx, owner, match_id)

    decided = as_owner(slug, work)
    wake_dispatchers()
    if json:
        print_json(decided)
    else:
        print_table([_Line.of(decided)], ("id", "decision", "survivor_id", "one", "other"), empty="")
