"""How many runs a second the API takes, beside a route of the same process that inserts one bare row."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from api import bare
from api.app import create_app
from api.listening import listening
from api.server import Server
from contracts.settings import Settings
from contracts.tenants import Role
from db import access, statistics, tenants
from db.transaction import DbRole, transaction
from worker.bench.cpu import Rate, Spent, spent
from worker.bench.ground import Ground

CLIENTS = 16
#: Sessions are opened and plans made before anything is counted, in seconds.
WARM_UP_S = 0.3
#: Turns the two routes take in one measurement.
SLICES = 3
CREATE, BARE = "/v1/discovery/runs", bare.PATH
_BODY = {"channels": ["register"], "queries": ["workwear manufacturers Johannesburg"]}


class _Quiet(Server):
    """Ctrl-C is for whoever measures, not for the server alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Desk:
    """A served API and the key to it."""

    port: int
    key: str


async def rates(on: Ground, desk: Desk, seconds: float) -> tuple[Rate, Rate]:
    """(runs created, bare rows inserted) over HTTP by CLIENTS clients, in turns. Raises: RuntimeError when one is refused."""
    sums: dict[str, list[tuple[int, float, Spent]]] = {CREATE: [], BARE: []}
    for path in sums:
        await _slice(on, desk, path, WARM_UP_S)
        await statistics.refresh(on.pool)
    for turn in range(2 * SLICES):
        path = BARE if turn % 2 == 0 else CREATE
        sums[path].append(await _slice(on, desk, path, seconds / SLICES))
        await statistics.refresh(on.pool)  # as any worker does
    return Rate.over(sums[CREATE]), Rate.over(sums[BARE])


async def _slice(on: Ground, desk: Desk, path: str, seconds: float) -> tuple[int, float, Spent]:
    body = json.dumps(_BODY)
    request = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {desk.key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    command = ("-m", "front.bench.load", str(desk.port), str(CLIENTS), str(seconds))
    with spent(on.server) as used:
        load = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            said, _ = await load.communicate(request.encode())
        except BaseException:
            with suppress(ProcessLookupError):
                load.kill()
            await load.wait()
            raise
    if load.returncode != 0:
        raise RuntimeError(f"the load on {path} ended with {load.returncode}")
    seen = json.loads(said)
    if seen["refused"]:
        raise RuntimeError(f"{seen['refused']} of {seen['refused'] + seen['answered']} requests to {path} were refused")
    return seen["answered"], seen["took_s"], used


@asynccontextmanager
async def served(on: Ground) -> AsyncIterator[Desk]:
    """The API of the product on a free port, with the bare route beside its own."""
    settings = Settings(database_url=on.url, jwt_secret=SecretStr(secrets.token_urlsafe(48)))
    app = create_app(settings, database_url=on.url)
    bare.add(app)
    key = await _key(on)
    socket = listening("127.0.0.1", 0)
    server = _Quiet(app, settings)
    serving = asyncio.create_task(server.serve([socket]))
    try:
        while not server.started:
            if serving.done():
                serving.result()
            await asyncio.sleep(0.02)
        yield Desk(socket.getsockname()[1], key)
    finally:
        server.should_exit = True
        await serving


async def _key(on: Ground) -> str:
    async with transaction(on.pool, None, role=DbRole.SYSTEM) as tx:
        tenant: UUID = (await tenants.create(tx, f"bench-{secrets.token_hex(4)}", by="bench")).id
    async with transaction(on.pool, tenant) as tx:
        _, key = await access.create_key(tx, tenant, "bench", Role.ANALYST, by="bench")
    return key
