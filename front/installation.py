"""A whole installation on this machine: Postgres, vendor sandbox, worker and API, each a process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from api.listening import listening
from api.secrets import generated_secret
from contracts.settings import Settings
from db import address, server
from db.commands import prepare
from front.children import Child, said_ready
from worker.providers.sandbox.addresses import sandbox_env

#: How long a part may take to be ready, in seconds.
READY_S = 60.0
#: Beyond what draining may take, before a part is killed, in seconds.
GRACE_S = 10.0


@dataclass
class Installation:
    """What runs, and where. `url` is the API's address, `sandbox_url` None without a sandbox."""

    settings: Settings
    database: server.Server
    migrations: list[str]
    environment: dict[str, str]
    errors: IO[bytes] | None
    url: str = ""
    sandbox_url: str | None = None
    children: list[Child] = field(default_factory=list)
    keepers: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self, name: str, *command: str, **environment: str) -> str:
        """Start a part and keep it running; returns what it says when it is ready."""
        child = Child(name, command, {**self.environment, **environment}, errors=self.errors)
        self.children.append(child)
        keeper = asyncio.create_task(child.keep(), name=f"keep {name}")
        self.keepers.append(keeper)
        return await said_ready(child, keeper, READY_S)

    async def until_broken(self) -> None:
        """Wait for ever, or until a part cannot be kept running. Raises: Hopeless, naming it."""
        for keeper in asyncio.as_completed(self.keepers):
            await keeper

    async def stop(self) -> None:
        """API first, then the worker, which drains, then the sandbox it may still be asking."""
        order = {"api": 0, "worker": 1, "sandbox": 2}
        both = zip(self.children, self.keepers, strict=True)
        for child, keeper in sorted(both, key=lambda pair: order[pair[0].name]):
            stopping = asyncio.create_task(child.stop(self.settings.worker_drain_s + GRACE_S))
            keeper.cancel()
            await asyncio.wait({stopping, keeper})


@asynccontextmanager
async def installation(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    port: int,
    sandbox: bool,
    durable: bool = True,
    errors: IO[bytes] | None = None,
    tell: Callable[[str, str], None] = lambda _part, _what: None,
) -> AsyncIterator[Installation]:
    """Start everything, and stop everything on leaving. `tell` is called with each part and where or what
    it is, as soon as it is there.

    The children's environment is `environment` with what belongs to this installation; their logs go to `errors`,
    else to our stderr. Raises: Unavailable (a taken port before anything is started), Hopeless.
    """
    with ExitStack() as held:
        taken = held.enter_context(listening(settings.api_host, port))
        port = taken.getsockname()[1]
        where = address.folder(settings)
        # Not in a thread: one that is cancelled would leave its server behind.
        database = held.enter_context(
            server.choose(settings.database_url, settings.headwater_pg, where, durable=durable)
        )
        tell("database", database.source)
        made = Installation(
            settings, database, await prepare(_direct(settings, database.url)), dict(environment), errors
        )
        made.environment |= _given(settings, database.local_url, port)
        tell("migrations", f"{len(made.migrations)} applied")
        try:
            if sandbox:
                await _start_sandbox(made)
                tell("sandbox", str(made.sandbox_url))
            taken.close()
            worker, made.url = await asyncio.gather(made.start("worker", "worker"), made.start("api", "api"))
            tell("worker", worker)
            tell("api", made.url)
            yield made
        finally:
            await made.stop()


def _direct(settings: Settings, url: str) -> str:
    """Migrations hold locks of their session: `address.migration_url` for a server that may be the embedded one."""
    return url if settings.database_url is None else address.migration_url(settings)


async def _start_sandbox(made: Installation) -> None:
    """Start the vendor sandbox, and let everything started from now on take it for every vendor."""
    made.sandbox_url = await made.start("sandbox", "sandbox", "--port", "0")
    # Started again, it must be where the others expect it.
    made.children[-1].command[-1] = made.sandbox_url.rpartition(":")[2]
    made.environment |= sandbox_env(made.sandbox_url)


def _given(settings: Settings, database_url: str, port: int) -> dict[str, str]:
    given = {
        "DATABASE_URL": database_url,
        "API_HOST": settings.api_host,
        "API_PORT": str(port),
        "HEADWATER_DATA": settings.headwater_data,
        "READYZ_REQUIRES_WORKER": os.environ.get("READYZ_REQUIRES_WORKER") or "true",
    }
    folder = Path(settings.headwater_data)
    if settings.jwt_secret is None:
        try:
            given["JWT_SECRET"] = generated_secret(folder / "jwt-secret")
        except OSError as error:
            raise server.unusable(folder, error) from error
    if settings.webhook_signing_key is None:
        try:
            given["WEBHOOK_SIGNING_KEY"] = generated_secret(folder / "webhook-signing-key")
        except OSError as error:
            raise server.unusable(folder, error) from error
    return given
