"""`headwater trial`: enrich many companies over the sandbox, measure it beside what limits impose, and kill workers meanwhile."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer


def trial(
    companies: Annotated[int, typer.Option(min=1, max=3000, help="Companies to enrich.")] = 1000,
    kills: Annotated[
        int | None,
        typer.Option(min=0, max=10_000, help="SIGKILLs in a second trial (200 unless said), or during nights (0)."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Worker processes.")] = 2,
    concurrency: Annotated[int, typer.Option(min=1, max=500, help="Jobs at once in each.")] = 40,
    every_s: Annotated[float, typer.Option("--every", min=0.05, help="Seconds between two kills, on average.")] = 0.5,
    seed: Annotated[int, typer.Option(help="Of the kills.")] = 1,
    nights: Annotated[
        int, typer.Option(min=0, max=500, help="Nights of so many tenants instead, with --companies each.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Enrich companies on a Postgres and a sandbox of its own: time, limits kept, nothing paid twice. Changes nothing of yours."""
    from contracts.settings import Settings
    from front.logs import configure_logging
    from front.trial.report import table
    from front.trial.run import Asked, compare, run

    configure_logging(Settings(log_level="WARNING"), "headwater-trial")

    def say(line: str) -> None:
        typer.echo(line, err=True)

    if nights:
        from front.trial.nights import run_nights

        made = asyncio.run(run_nights(nights, Asked(companies, workers, concurrency, kills or 0, every_s, seed), say))
        typer.echo(json.dumps(made) if as_json else json.dumps(made, indent=2))
        # A company that random kills have met three times is given up, and its night is partial.
        fine = {"completed", "partial"} if kills else {"completed"}
        sound = not made["billed_twice"] and not made["broken"]
        raise typer.Exit(0 if sound and set(made["statuses"]) <= fine else 1)
    kills = 200 if kills is None else kills
    calm = asyncio.run(run(Asked(companies, workers, concurrency), say))
    found: dict[str, Any] = {"calm": calm}
    if kills:
        stormy = asyncio.run(run(Asked(companies, workers, concurrency, kills, every_s, seed), say))
        found |= {"stormy": stormy, "compared": compare(calm, stormy)}
    for each in ("calm", "stormy"):
        for raw in ("bill", "ways"):
            found.get(each, {}).pop(raw, None)
    typer.echo(json.dumps(found) if as_json else table(found))
    over = [f for each in ("calm", "stormy") for f in found.get(each, {}).get("over_limit", {}).values()]
    if any(f["most"] > f["limit"] for f in over) or not found.get("compared", {"ok": True})["ok"]:
        raise typer.Exit(1)
