"""A queue drained by several worker processes: each has a loop and connections of its own, as in life."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress

from worker.bench.cpu import Rate, Spent, spent
from worker.bench.figures import hand_off_all
from worker.bench.ground import Ground, fill, settle


async def drain(on: Ground, jobs: int, processes: int, concurrency: int) -> Rate:
    """No-op jobs, all queued before. Raises: RuntimeError when not all of them were done."""
    jobs = max(1, jobs // len(on.tenants)) * len(on.tenants)
    await fill(on, jobs)
    await hand_off_all(on)
    await settle(on)
    command = ("-m", "front.bench.drainer", on.url, str(concurrency))
    pipe = asyncio.subprocess.PIPE
    started = [
        await asyncio.create_subprocess_exec(sys.executable, *command, stdin=pipe, stdout=pipe)
        for _ in range(processes)
    ]
    try:
        for each in started:
            assert each.stdout
            if (await each.stdout.readline()).strip() != b"ready":
                raise RuntimeError("a worker process did not start")
        with spent(on.server) as used:
            said = await asyncio.gather(*[each.communicate(b"go\n") for each in started])
    except BaseException:
        for each in started:
            with suppress(ProcessLookupError):
                each.kill()
            await each.wait()
        raise
    seen = [json.loads(out) for out, _ in said]
    if (done := sum(each["finished"] for each in seen)) != jobs:
        raise RuntimeError(f"{done} of {jobs} jobs were done")
    took = max(each["ended"] for each in seen) - min(each["began"] for each in seen)
    return Rate.of(jobs, took, Spent(sum(each["worker_s"] for each in seen), used.server_s))
