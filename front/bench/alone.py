"""Measurements that stand alone: `headwater bench --only NAME`."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import typer

from contracts.settings import Settings
from front.bench import beside
from front.logs import configure_logging

Report = dict[str, Any]


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _crawl(repeat: int, scale: float) -> Report:
    """Our crawler beside Scrapy on loopback; Scrapy is left out where it is not installed."""
    from worker.bench import crawl

    configure_logging(Settings(log_level="WARNING"), "headwater-bench")
    if not crawl.has_scrapy():
        _say("Scrapy is not installed: only our crawler is measured (`make bench` installs it)")
    return crawl.measure(repeat=repeat, scale=scale, say=_say)


def _scoring(repeat: int, scale: float) -> Report:
    """Leads scored in one process, without a database."""
    from worker.bench import scoring

    return scoring.measure(repeat=repeat, scale=scale, say=_say)


def _matching(_repeat: int, scale: float) -> Report:
    """A lookup among 400,000 names, and 10,000 imported companies deduplicated, on a Postgres of its own."""
    from worker.bench import matching

    return _on_a_server(lambda url: matching.measure(url, scale=scale, say=_say))


def _duplicates(_repeat: int, scale: float) -> Report:
    """Duplicates in files of 10,000 and 100,000 companies, without a database."""
    from worker.bench import duplicates

    return duplicates.measure(scale=scale, say=_say)


def _learning(_repeat: int, _scale: float) -> Report:
    """The quality gates of learning at full size."""
    from front.bench import learning

    return learning.measured(_say)


def _pressure(repeat: int, scale: float) -> Report:
    """Dispatch and drain with much standing about, on a Postgres of its own; then drains of others under a held snapshot."""
    from front.bench import aims, pressed

    async def measure(url: str) -> Report:
        found = await pressed.measure(url, repeat=repeat, scale=scale, say=_say)
        return {**found, "aims": aims.pressed(found)}

    return _on_a_server(measure)


def _peers(repeat: int, scale: float) -> Report:
    """Other queues beside ours: all of them over TCP, which is what each of them knows."""
    return _on_a_server(lambda url: beside.measure(url, repeat=repeat, scale=scale, say=_say), tcp=True)


def _on_a_server(measure: Callable[[str], Awaitable[Report]], *, tcp: bool = False) -> Report:
    """Measure on the migrated database of a server that lives as long as that takes."""
    import uvloop

    from db import server
    from db.commands import prepare

    configure_logging(Settings(log_level="WARNING"), "headwater-bench")

    async def work_through(url: str) -> Report:
        await prepare(url)
        return await measure(url)

    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
        Path(folder).chmod(0o711)
        with (
            server.start(Path(folder) / "pg") as running,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            return runner.run(work_through(running.url if tcp else running.local_url))


MEASUREMENTS: Mapping[str, Callable[[int, float], Report]] = {
    "crawl": _crawl,
    "duplicates": _duplicates,
    "matching": _matching,
    "scoring": _scoring,
    "learning": _learning,
    "pressure": _pressure,
    "peers": _peers,
}


def table(name: str, report: Report) -> str:
    """A report as Markdown, or as plain lines where it has no table."""
    if name == "peers":
        return beside.table(report)
    if name == "pressure":
        from front.bench import aims, pressed

        return "\n".join([*pressed.table(report), "", *aims.table(report["aims"])])
    return "\n".join(f"{key}: {value}" for key, value in report.items())
