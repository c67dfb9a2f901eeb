"""`headwater companies`: list, show, dedupe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from contracts.errors import HeadwaterError
from db import listing_files
from db.terminal import JsonOption, exit_status, print_json, print_table

companies_app = typer.Typer(no_args_is_help=True, help="Companies: list, show, dedupe.")

_SHOWN = 50


@companies_app.command("dedupe")
def dedupe(
    csv: Annotated[Path, typer.Option("--csv", help="Companies: id, name, and any of country, city, address, zip, phone, website.")],
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
