"""Identity at size: looking up a name among 400,000, and 10,000 imported companies deduplicated, as the app role does it."""

from __future__ import annotations

import csv
import gzip
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any
from uuid import UUID, uuid4

from contracts.identity import name_core
from contracts.settings import Settings
from db import bench, matching, queue, tenants
from db.pool import open_pool
from db.transaction import DbRole, Pool, transaction
from worker.activities import ACTIVITIES
from worker.bench.cpu import postmaster, spent
from worker.dispatcher import Dispatcher
from worker.perform import Performer
from worker.providers.registry import Registry

NAMES, LOOKUPS, IMPORTED = 400_000, 2_000, 10_000
#: How many of the imported are copies of others, mistyped.
COPIED = 0.2
#: What coined words are made of: some hundred thousand different ones.
_SYLLABLES = (
    "ka", "ro", "mi", "ten", "sul", "va", "zo", "lin", "bar", "que", "shi", "no", "del", "ar", "bel", "cor", "dan",
    "el", "fer", "gal", "hor", "in", "jo", "kel", "lam", "mer", "nor", "om", "pra", "ri", "sar", "tel", "un", "vel",
    "wes", "xan", "yor", "zer", "cha", "tra",
)  # fmt: skip
Listed = tuple[str, str]


async def measure(url: str, *, scale: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Both figures on a migrated database of its own."""
    pool = await open_pool(url, name="headwater bench matching", size=4, command_timeout_s=300)
    try:
        say("comparing imported companies")
        dedupe = await _dedupe(pool, max(200, int(IMPORTED * scale)))
        say("looking up names")
        lookup = await _lookups(pool, max(1000, int(NAMES * scale)), max(50, int(LOOKUPS * scale)))
        return {"lookup": lookup, "dedupe": dedupe}
    finally:
        await pool.close()


async def _lookups(pool: Pool, names: int, lookups: int) -> dict[str, Any]:
    """Milliseconds from asking for the five likest to having them, transaction included; each name is mistyped once."""
    draw = random.Random(11)  # noqa: S311
    listed = invented(draw, names)
    owner = await _tenant(pool, listed)
    chosen = [(name, mistyped(draw, name_core(name)), country) for name, country in draw.sample(listed, lookups)]
    await _looked_up(pool, owner, chosen[:50])
    here = await _looked_up(pool, owner, chosen)
    # What a look-up takes where the country does not help: fewer of them, the same names, on the same machine at the same time.
    few = [(name, asked, None) for name, asked, _ in chosen[: max(50, lookups // 5)]]
    return {"names": names, "lookups": lookups, **here, "any_country": await _looked_up(pool, owner, few)}


async def _looked_up(pool: Pool, owner: UUID, chosen: Sequence[tuple[str, str, str | None]]) -> dict[str, Any]:
    took: list[float] = []
    hits = 0
    async with pool.acquire() as connection:
        server = postmaster(connection.get_server_pid())
    with spent(server) as used:
        for name, asked, country in chosen:
            began = time.perf_counter()
            async with transaction(pool, owner) as tx:
                found = await matching.alike(tx, asked, country)
            took.append((time.perf_counter() - began) * 1000)
            hits += name_core(name) in found
    ranked = statistics.quantiles(took, n=100)
    return {
        "p50_ms": round(ranked[49], 2),
        "p95_ms": round(ranked[94], 2),
        "p99_ms": round(ranked[98], 2),
        "server_cpu_ms": None if used.server_s is None else round(used.server_s / len(chosen) * 1000, 2),
        "hit_at_5": round(hits / len(chosen), 4),
    }


async def _dedupe(pool: Pool, companies: int) -> dict[str, Any]:
    """Seconds for the real dispatcher, frame and scan to compare what was imported, and what came of it."""
    draw = random.Random(12)  # noqa: S311
    originals = invented(draw, int(companies * (1 - COPIED)))
    copied = draw.sample(originals, companies - len(originals))
    copies = [(mistyped(draw, name), country) for name, country in copied]
    owner = await _tenant(pool, originals + copies)
    true = {frozenset((name_core(a), name_core(b))) for (a, _), (b, _) in zip(copied, copies, strict=True)}
    began = time.perf_counter()
    rounds = await _scan(pool, owner)
    took = time.perf_counter() - began
    async with transaction(pool, owner) as tx:
        decided = await bench.decided(tx, owner)
    found = {frozenset((r["a"], r["b"])) for r in decided}
    return {
        "companies": companies,
        "seconds": round(took, 1),
        "rounds": rounds,
        "merged": sum(r["decision"] == "auto" for r in decided),
        "for_review": sum(r["decision"] == "pending" for r in decided),
        "copies": len(true),
        "copies_found": len(true & found),
    }


async def _scan(pool: Pool, owner: UUID) -> int:
    settings = Settings.model_construct()
    performer = Performer(pool, settings, Registry({}, {}), ACTIVITIES, lambda: None)
    async with transaction(pool, owner) as tx:
        await matching.request_scan(tx, owner)
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "bench", 1, ["jobs"])
    rounds = 0
    while True:
        _, claimed = await Dispatcher(pool, settings).dispatch_batch()
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            held = await queue.fetch(tx, worker, ["matching"], 1)
        for delivery in held:
            await performer(delivery)
            rounds += 1
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.finish(tx, held)
        if not held and not claimed:
            return rounds


async def _tenant(pool: Pool, listed: list[Listed]) -> UUID:
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        owner = (await tenants.create(tx, f"bench-{uuid4().hex[:8]}", by="bench")).id
    async with transaction(pool, None, role=DbRole.OWNER) as tx:
        await bench.load_companies(tx, owner, [(name, name_core(name), country) for name, country in listed])
    async with pool.acquire() as connection:
        await bench.analyze_companies(connection)
    return owner


def invented(draw: random.Random, many: int) -> list[Listed]:
    """Names that read like companies': real ones first, then coined words beside common ones of real names.

    The extract was chosen by words of sectors ("investment" stands in one name of seven), so common words are drawn by the root of
    how often they stand there.
    """
    text = gzip.decompress((files("worker.providers") / "data" / "gleif_extract.csv.gz").read_bytes()).decode()
    real = [(r["legal_name"], r["country"]) for r in csv.DictReader(text.splitlines())]
    counted = Counter(word for name, _ in real for word in name.split()[1:])
    common, often = list(counted), [n**0.5 for n in counted.values()]
    found = dict(real[:many])
    while len(found) < many:
        coined = [
            "".join(draw.choices(_SYLLABLES, k=draw.choice((2, 3, 3, 4)))).title() for _ in range(draw.choice((1, 2)))
        ]
        found[" ".join([*coined, *draw.choices(common, often, k=draw.choice((1, 2)))])] = draw.choice(real)[1]
    return list(found.items())


def mistyped(draw: random.Random, name: str) -> str:
    """With one letter left out, put in or swapped."""
    at = draw.randrange(1, max(2, len(name) - 1))
    kind = draw.randrange(3)
    if kind == 0:
        return name[:at] + name[at + 1 :]
    if kind == 1 and at + 1 < len(name):
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return name[:at] + draw.choice("aeioust") + name[at:]
