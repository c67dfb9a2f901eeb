"""`headwater leads backtest`: needs neither database nor settings, only a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def backtest(
    csv: Annotated[Path, typer.Option("--csv", help="History with a row a lead; gzipped or not.", metavar="FILE")],
    label: Annotated[str, typer.Option(help="Column with the outcome: 0/1, yes/no, won/lost ...", metavar="COLUMN")],
    time: Annotated[str, typer.Option(help="Column with the time: dates or increasing numbers.", metavar="COLUMN")],
    known_at: Annotated[
        str | None,
        typer.Option(help="Column saying when the outcome was known; not trained on before.", metavar="COLUMN"),
    ] = None,
    split_at: Annotated[
        str | None, typer.Option(help="First moment of the test; absent: the last 30 % of the rows.", metavar="DATE")
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="Value of the label that is the positive outcome.", metavar="VALUE")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Column to leave out. May be repeated.")] = None,
    retrains: Annotated[int, typer.Option(min=1, max=1000, help="How often to train anew during the test.")] = 25,
    plot: Annotated[Path | None, typer.Option(help="Write an SVG picture to this file.", dir_okay=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train on the past of a file and score its future, as the product would have: time order only, no knowledge from later."""
    from contracts.errors import Rejected
    from front.backtest import replay, report
    from front.backtest.plot import svg

    asked = replay.Asked(
        csv, label, time, known_at=known_at, split_at=split_at, positive=positive, ignore=tuple(ignore or ()),
        retrains=retrains,
    )  # fmt: skip
    found = replay.backtest(asked)
    if plot is not None:
        try:
            plot.write_text(svg(found, f"{csv.name}: {label}"), encoding="utf-8")
        except OSError as error:
            raise Rejected(f"{plot} cannot be written: {error.strerror}", code="unwritable") from error
    typer.echo(found.model_dump_json(indent=2) if json else report.lines(found))
