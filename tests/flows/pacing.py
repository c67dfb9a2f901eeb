"""A process that asks Hunter's stand-in as often as its pace lets it: `python -m tests.flows.pacing DATABASE SANDBOX SECONDS`.

Prints `ready`, and at the end how often it asked.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any
from uuid import uuid4

from pydantic import SecretStr

from contracts.errors import VendorBusy
from contracts.findings import EmailQuery
from contracts.providers import Operation
from contracts.settings import Settings
from contracts.vendor_settings import VendorLimit
from db.pool import open_pool
from worker.pace import Pacer
from worker.providers import hunter

#: How many requests it would like to have under way.
ASKERS = 6
LIMITS = {"hunter.verify": VendorLimit(timeout_s=4)}


async def main(database: str, sandbox: str, seconds: float) -> None:
    settings = Settings(
        hunter_base_url=f"{sandbox}/hunter/v2", hunter_api_key=SecretStr("k" * 20), vendor_limits=LIMITS
    )
    (verify,) = [op for op in hunter.make(settings) if op.spec.pace.name == "hunter.verify"]
    pool = await open_pool(database, name="headwater test", size=4)
    pacer = Pacer(pool, settings)
    print("ready", flush=True)
    until = time.monotonic() + seconds
    asked = await asyncio.gather(*(_ask(pacer, verify, until) for _ in range(ASKERS)))
    print(sum(asked), flush=True)
    await pacer.close()
    pool.terminate()


async def _ask(pacer: Pacer, verify: Operation[Any, Any], until: float) -> int:
    asked = 0
    while time.monotonic() < until:
        try:
            async with pacer.turn(verify.spec, "house"):
                asked += 1
                await verify.ask([EmailQuery(email=f"{uuid4().hex}@acme.example")], key=uuid4().hex)
        except VendorBusy as busy:
            await asyncio.sleep(min(busy.after_s or 0.0, max(0.0, until - time.monotonic())))
    return asked


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
