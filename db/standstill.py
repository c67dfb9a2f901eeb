"""What stands still behind something else: keys behind a job that died, jobs past their time, facts that wait for NATS."""

from __future__ import annotations

from contracts.checkups import Finding, fine, wrong
from contracts.jobs import JOBS
from contracts.settings import Settings
from db import streams
from db.sql import load
from db.transaction import Tx

SQL = load("standstill")
#: How long after its time limit a job may take to be ended, and how long a fact may wait for NATS, in seconds.
GRACE_S, WAITS_S = 60.0, 60.0


async def behind_the_dead(tx: Tx, _settings: Settings) -> list[Finding]:
    """Singleton keys whose job failed for good while further events had come for it."""
    rows = await tx.fetch(SQL["behind_the_dead"])
    return [
        wrong(
            "stuck keys",
            f"{r['behind']} events count on {r['job']} {r['id']}, which has failed for good",
            f"headwater jobs show {r['id']} says why; headwater jobs retry {r['id']}",
        )
        for r in rows
    ]


async def overlong(tx: Tx, _settings: Settings) -> list[Finding]:
    """Jobs that run although their time is over: their worker beats and does not end them."""
    limits = {name: spec.timeout_s + GRACE_S for name, spec in JOBS.items()}
    rows = await tx.fetch(SQL["running"], list(limits), list(limits.values()))
    return [
        wrong(
            "overlong jobs",
            f"{r['job']} {r['id']} has run for {r['running_s']:.0f} s on {r['host']}, pid {r['pid']}; its limit is"
            f" {r['limit_s'] - GRACE_S:.0f} s, and whatever has its key waits",
            f"headwater jobs cancel {r['id']}; if it stays, restart that worker: kill {r['pid']} on {r['host']}",
        )
        for r in rows
    ] or [fine("overlong jobs", "none runs past its time")]


async def stream(tx: Tx, settings: Settings) -> list[Finding]:
    """Does what tenants send to JetStream leave? Whether the stream is there and fit is asked of NATS itself."""
    subscriptions, oldest_s = await streams.waiting(tx)
    if oldest_s is not None and oldest_s > WAITS_S:
        row = await tx.fetchrow(SQL["nats"])
        said = f"; NATS said: {row['error']}" if row else ""
        mend = "headwater streams setup says whether NATS is there; headwater worker --only dispatch publishes, with NATS_URL set"
        return [wrong("stream", f"facts have waited for NATS for {oldest_s:.0f} s{said}", mend)]
    if subscriptions and settings.nats_url is None:
        mend = "set NATS_URL for the workers (and here, to look at the stream), or headwater streams off"
        return [wrong("stream", f"{subscriptions} tenants send facts to JetStream, and NATS_URL is not set", mend)]
    return [
        fine("stream", f"{subscriptions} tenants send facts, none waits" if subscriptions else "nothing goes there")
    ]
