"""`python -m tests.simulation`: many seeds, or one of them in full. Starts a Postgres of its own, or uses TEST_DATABASE_URL."""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import structlog

from db import migrate
from db.server import choose
from tests.simulation.checker import counted
from tests.simulation.schedule import Violation
from tests.simulation.seeds import live
from tests.simulation.world import World

#: How often the long run says how far it is, in seconds.
TELL_S = 30.0


async def _each(url: str, seeds: Sequence[int], verbose: bool) -> tuple[int, list[str]]:
    """(seeds that broke nothing, what the others said), in a database of its own."""
    name = f"headwater_simulation_{os.getpid()}"
    admin = await asyncpg.connect(url)
    await admin.execute(f"CREATE DATABASE {name}")
    own = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    lived, broken, told = 0, list[str](), time.monotonic()
    try:
        await migrate.migrate(own)
        world = await World.of(own)
        for seed in seeds:
            try:
                one = await live(world, seed)
            except Violation as found:
                broken.append(str(found))
                print(found, flush=True)
                if verbose:
                    print("\n".join(found.trace))
                continue
            lived += 1
            if verbose:
                print("\n".join([*one.trace, counted(one.changes), f"seed {seed}: nothing is broken"]))
            elif time.monotonic() > told + TELL_S:
                told = time.monotonic()
                print(f"seed {seed}: {lived} lived, {len(broken)} broken", flush=True)
        await world.close()
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await admin.close()
    return lived, broken


def _share(given: tuple[str, Sequence[int], bool]) -> tuple[int, list[str]]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    return asyncio.run(_each(*given))


def main() -> int:
    """Exit status 0 when no seed broke a promise."""
    asked = argparse.ArgumentParser(prog="python -m tests.simulation")
    asked.add_argument("--start", type=int, default=1, help="the first seed")
    asked.add_argument("--seeds", type=int, default=1, help="how many")
    asked.add_argument("--jobs", type=int, default=1, help="processes side by side")
    asked.add_argument("--verbose", action="store_true", help="show every step")
    given = asked.parse_args()
    seeds = range(given.start, given.start + given.seeds)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headwater-simulation-") as folder:
        Path(folder).chmod(0o755)
        with choose(os.environ.get("TEST_DATABASE_URL"), "auto", Path(folder), durable=False) as server:
            shares = [(server.url, seeds[nth :: given.jobs], given.verbose) for nth in range(given.jobs)]
            with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
                ended = pool.map(_share, shares)
    lived, broken = sum(n for n, _ in ended), [words for _, found in ended for words in found]
    print(f"{lived} seeds from {given.start} on broke nothing, {len(broken)} did, in {time.monotonic() - began:.0f} s")
    for words in broken[:10]:
        print(words.splitlines()[0])
    return 1 if broken else 0
