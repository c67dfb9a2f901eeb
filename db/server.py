"""Which Postgres to use, and the embedded one: started by us, on 127.0.0.1 only, gone however we end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import structlog

from contracts.errors import Unavailable
from db import cluster, engines, memory, postmaster

#: For throw-away clusters: nothing survives a crash, and nothing has to.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
    "autovacuum": "off",
    "jit": "off",
}
DURABLE = {"max_connections": "200"}
#: Bytes for buffers: a million executions and their history lie in the larger, and cost dispatch a fifth in the smaller.
MIN_BUFFERS, MAX_BUFFERS = 128 << 20, 1 << 30
ALWAYS = {"timezone": "UTC", "log_timezone": "UTC", "lc_messages": "C"}

log = structlog.get_logger("db.server")


class Server:
    """A Postgres to use: `url` is postgresql://…, `source` what it is, `why` the reason it was chosen.

    `local_url` is the same server by the quickest way from this host.
    """

    def __init__(
        self,
        url: str,
        source: str,
        why: str = "",
        stop: Callable[[], object] | None = None,
        local_url: str | None = None,
    ) -> None:
        self.url = url
        self.local_url = local_url or url
        self.source = source
        self.why = why
        self._stop = stop

    def stop(self) -> None:
        """Stop it if it is ours to stop. Calling again does nothing."""
        stop, self._stop = self._stop, None
        if stop:
            stop()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def choose(
    database_url: str | None,
    prefer: Literal["auto", "embedded", "docker", "system"],
    data: Path,
    *,
    durable: bool = True,
    port: int | None = None,
) -> Server:
    """The given server, else a container if asked for, else the wheel's, else the system's; logs it.

    `data` is the embedded server's folder; `durable` and `port` as for `start`. A given URL is not tried.
    Raises: Unavailable, with the next step.
    """
    server = _chosen(database_url, prefer, data, durable, port)
    parts = urlsplit(server.url)
    log.info("postgres_chosen", source=server.source, why=server.why, host=parts.hostname, port=parts.port)
    return server


def _chosen(database_url: str | None, prefer: str, data: Path, durable: bool, port: int | None) -> Server:
    if database_url:
        return Server(database_url, "DATABASE_URL", "a database URL is set")
    why = "no database URL is set" if prefer == "auto" else f"{prefer} was asked for"
    if prefer == "docker":
        refusal = engines.docker_answers()
        if refusal is None:
            try:
                url, stop = engines.start_container()
                return Server(
                    url,
                    f"container {engines.DOCKER_IMAGE}",
                    "docker was asked for and an engine answers",
                    stop,
                )
            except Unavailable as error:
                refusal = error.detail
        why = f"docker was asked for, but {refusal}"
    for engine in engines.installed(prefer):
        server = _start(engine, data, durable, {}, port)
        server.why = why
        return server
    raise engines.no_engine()


def start(
    data: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None, port: int | None = None
) -> Server:
    """Run a server on the folder `data`, made when absent, until `stop()` or our own end.

    `durable=False` makes a throw-away server: no password, no crash safety, the folder is removed at the end.
    `settings` are Postgres's own, over ours. `port=None` takes a free one.
    Raises: Unavailable when another process uses the folder, the port is taken, or no engine fits.
    """
    for engine in engines.installed("auto"):
        return _start(engine, data, durable, settings or {}, port)
    raise engines.no_engine()


def running(data: Path) -> str | None:
    """The URL of the server that runs on the folder `data`, or None when none does. Raises: Unavailable for an impossible one."""
    try:
        data = data.resolve()
        status = cluster.pid_file(data / "cluster")
    except OSError as error:
        raise unusable(data, error) from error
    if not postmaster.ready(status) or not cluster.serves(int(status[0]), data / "cluster"):
        return None
    return cluster.url(data, int(status[3]))


def unusable(data: Path, error: OSError) -> Unavailable:
    """The refusal for a folder that cannot be made or written to, with the next step."""
    return Unavailable(
        f"cannot use the folder {data} ({error.strerror}): choose one this user may write to (--data DIR, HEADWATER_DATA)",
        code="data_folder",
    )


def buffers(of: int) -> int:
    """What of so many bytes of memory a server takes for its buffers, in bytes: an eighth, since others live here too."""
    return min(MAX_BUFFERS, max(MIN_BUFFERS, of // 8))


def _settings(durable: bool) -> dict[str, str]:
    if not durable:
        return ALWAYS | FAST
    return ALWAYS | DURABLE | {"shared_buffers": f"{buffers(memory.available()) >> 20}MB"}


def _start(engine: engines.Engine, data: Path, durable: bool, settings: Mapping[str, str], port: int | None) -> Server:
    engine = engines.within_reach(engine)
    try:
        data = cluster.folder(data, durable)
        lock = cluster.lock(data)
    except OSError as error:
        raise unusable(data, error) from error
    try:
        cluster.await_end(data / "cluster")
        cluster.init(engine, data, durable)
        process = postmaster.run(engine, data, durable, {**_settings(durable), **settings}, port)
    except BaseException:
        lock.close()
        raise

    def stop() -> None:
        process.end()
        if not durable:
            shutil.rmtree(data, ignore_errors=True)
        lock.close()

    return Server(
        cluster.url(data, process.port),
        f"{engine.source}, PostgreSQL {engine.version}",
        stop=stop,
        local_url=cluster.socket_url(data, process.port),
    )
