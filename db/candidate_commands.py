"""`headwater icp refresh` and `candidates`: companies held against a profile."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from contracts.rule_sets import CandidatePage, CandidateRow, CandidateVerdict, Refreshed
from db import candidates, profiles
from db.rule_commands import OwnerOption, ProfileArgument, profile_id_of, with_owner
from db.terminal import JsonOption, as_owner, print_fields, print_json, print_table
from db.transaction import Pool, Tx


def refresh_candidates(profile: ProfileArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Hold every company against a profile's rules, and keep what each came to."""

    async def work(pool: Pool, owner: UUID) -> Refreshed:
        return await candidates.refresh(pool, owner, await profile_id_of(pool, owner, profile))

    found = with_owner(tenant, work)
    if json:
        print_json(found)
        return
    print_fields(found, tuple(Refreshed.model_fields))


def list_candidates(
    profile: ProfileArgument,
    verdict: Annotated[CandidateVerdict | None, typer.Option(help="CANDIDATE, REJECTED or DEFERRED.")] = None,
    tenant: OwnerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """Companies as the last refresh held them against a profile, with the reason why one is out."""

    async def work(tx: Tx, owner: UUID) -> list[CandidateRow]:
        of = (await profiles.find(tx, owner, profile)).id
        return await candidates.list_(tx, owner, of, before=cursor, verdict=verdict, limit=limit + 1)

    found = as_owner(tenant, work)
    page = CandidatePage(items=found[:limit], next_cursor=str(found[limit - 1].id) if len(found) > limit else None)
    if json:
        print_json(page)
        return
    lines = [_Line.of(row) for row in page.items]
    print_table(
        lines, ("company_id", "company_name", "verdict", "fit", "coverage", "why"), empty="none: headwater icp refresh"
    )
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


class _Line(CandidateRow):
    """A row as the table shows it."""

    why: str

    @classmethod
    def of(cls, row: CandidateRow) -> _Line:
        return cls(**row.model_dump(), why="; ".join(r.words for r in row.reasons))
