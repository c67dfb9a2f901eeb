"""Connection pools. One driver, one JSON codec, bounded waits."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import asyncpg
from pydantic_core import from_json, to_json

from contracts.errors import Unavailable
from db import pooler
from db.lending import LendingPool
from db.transaction import CONNECTION_ERRORS, Pool

#: How long the kernel waits for what we sent to be acknowledged, and before and between probes of a quiet connection, in seconds.
UNACKNOWLEDGED_S, QUIET_S, PROBE_S, PROBES = 10, 10, 3, 3
#: Member of the object that stands for JSON which cannot be read.
UNREADABLE = "unreadable"


def _encode(value: object) -> bytes:
    """Models and plain values become JSON; bytes are JSON text already."""
    return b"\x01" + (value if isinstance(value, bytes) else to_json(value, by_alias=True))


def _decode(data: bytes) -> Any:
    try:
        return from_json(data[1:])
    except ValueError as error:
        # Postgres keeps JSON deeper, and numbers longer, than is read here. One such value must not take its neighbours along:
        # it comes as an object that fits no contract.
        return {UNREADABLE: str(error)}


async def prepare(connection: Any) -> None:
    """Teach a connection our JSON. Binary format: a text codec makes asyncpg refuse composite arrays."""
    watch_out(connection)
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_encode, decoder=_decode, format="binary")


def watch_out(connection: Any) -> None:
    """Let the kernel end a connection whose peer acknowledges nothing any more. Sockets of this host need nothing."""
    transport = getattr(connection, "_con", connection)._transport
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    wanted = (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", QUIET_S),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", PROBE_S),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", PROBES),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", UNACKNOWLEDGED_S * 1000),
    )
    for level, name, value in wanted:
        with suppress(AttributeError, OSError):  # not every system has them all
            sock.setsockopt(level, getattr(socket, name), value)


async def no_reset(connection: Any) -> None:
    """Our transactions leave no session state behind, so releasing needs no statement of its own."""


async def open_pool(
    url: str,
    *,
    name: str,
    size: int = 10,
    command_timeout_s: float = 30,
    idle_in_transaction_s: float | None = None,
    opening_s: float | None = None,
    settings: dict[str, str] | None = None,
) -> Pool:
    """Open a pool of at most `size` connections whose `application_name` is `name`; through a pooler if the URL says so.

    `opening_s`: how long a transaction may take to open before its connection is taken for half-open; None: as any statement.

    Raises: Unavailable when the server does not answer.
    """
    server_settings = {
        "application_name": name,
        "search_path": "app",
        "timezone": "UTC",
        "jit": "off",
        **(settings or {}),
    }
    if idle_in_transaction_s is not None:
        server_settings["idle_in_transaction_session_timeout"] = str(int(idle_in_transaction_s * 1000))
    try:
        pool = LendingPool(
            min_size=min(2, size),
            max_size=size,
            max_queries=50_000,
            max_inactive_connection_lifetime=300,
            loop=asyncio.get_running_loop(),
            record_class=asyncpg.Record,
            command_timeout=command_timeout_s,
            init=prepare,
            reset=no_reset,
            **pooler.options(url, server_settings),
        )
        pool.opening_s = opening_s
        return await pool
    except (
        *CONNECTION_ERRORS,
        asyncpg.InvalidCatalogNameError,
        asyncpg.InvalidAuthorizationSpecificationError,
    ) as error:
        raise Unavailable(
            f"cannot connect to the database: {error}; check DATABASE_URL and that the server runs"
        ) from error
