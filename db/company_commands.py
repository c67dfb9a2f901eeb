"""`headwater companies`: list, show, dedupe."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from contracts.errors import HeadwaterError
from contracts.matching import CompanyDetail, CompanyPage, ListedCompany
from db import companies, listing_files
from db.terminal import JsonOption, as_owner, exit_status, print_fields, print_json, print_table
from db.transaction import Tx

companies_app = typer.Typer(no_args_is_help=True, help="Companies: list, show, dedupe.")

_SHOWN = 50


OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]


@companies_app.command("list")
def list_companies(
    name: Annotated[str | None, typer.Option(help="Called like this: the likest first, at most 50.")] = None,
    country: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2, such as ZA.")] = None,
    tenant: OwnerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """Companies, newest first; what was merged into another is that other."""

    async def work(tx: Tx, owner: UUID) -> list[ListedCompany]:
        if name is not None:
            return await companies.search(tx, owner, name, country=country, limit=min(limit, 50))
        return await companies.list_(tx, owner, before=cursor, country=country, limit=limit + 1)

    found = as_owner(tenant, work)
    more = str(found[limit - 1].id) if len(found) > limit else None
    if json:
        print_json(CompanyPage(items=found[:limit], next_cursor=more))
        return
    columns = ("id", "name", "country", "city", "domain", "registry_id", "likeness")
    print_table(found[:limit], columns, empty="no companies: `headwater runs create` finds some")
    if more:
        typer.echo(f"more: --cursor {more}")


@companies_app.command("show")
def show(
    company: Annotated[UUID, typer.Argument(metavar="COMPANY", help="Id of the company.")],
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="As it was known then (UTC)."),
    ] = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """One company: each field with its source, confidence and time. Of a merged one, the survivor."""
    when = as_of.replace(tzinfo=UTC) if as_of else None

    async def work(tx: Tx, owner: UUID) -> CompanyDetail:
        return await companies.show(tx, owner, company, as_of=when)

    found = as_owner(tenant, work)
    if json:
        print_json(found)
        return
    print_fields(found, [name for name in CompanyDetail.model_fields if name != "fields"])
    columns = ("field", "value", "vendor", "confidence", "observed_at", "rule")
    print_table(found.fields, columns, empty="nothing was said about it yet")


@companies_app.command("dedupe")
def dedupe(
    csv: Annotated[
        Path, typer.Option("--csv", help="Companies: id, name, and any of country, city, address, zip, phone, website.")
    ],
    other: Annotated[Path | None, typer.Option("--other", help="A second file: only pairs between the two.")] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="True pairs (id_a, id_b), to measure against.")] = None,
    json: JsonOption = False,
) -> None:
    """Likely duplicates in a file, or between two, with probabilities. Needs no database and changes nothing."""
    try:
        report = listing_files.dedupe(csv, other, truth)
    except HeadwaterError as error:
        typer.echo(f"{error.code}: {error.detail}", err=True)
        raise typer.Exit(exit_status(error)) from error
    if json:
        print_json(report)
        return
    print_table(report.pairs[:_SHOWN], ("id_a", "id_b", "probability"), empty="no likely duplicates")
    if len(report.pairs) > _SHOWN:
        typer.echo(f"and {len(report.pairs) - _SHOWN} more: --json shows all")
    typer.echo("used: " + (", ".join(f"{k} ({v})" for k, v in report.columns.items()) or "no column"))
    for note in report.notes:
        typer.echo(f"note: {note}")
    if report.true_pairs is not None:
        told = {"precision": report.precision, "recall": report.recall, "F1": report.f1}
        typer.echo(", ".join(f"{k} {v:.4f}" if v is not None else f"{k} -" for k, v in told.items()))
