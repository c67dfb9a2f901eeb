"""A server without room for one more session is away, not a bug: who asks is told to come back."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

from contracts.errors import Unavailable
from db.pool import open_pool
from db.transaction import DbRole, transaction
from tests.conftest import Connection


async def test_no_room_for_another_session_is_unavailable(db_url: str, conn: Connection) -> None:
    # The limit of a role is refused with the same SQLSTATE as that of the server.
    narrow = f"narrow_{uuid4().hex[:8]}"
    await conn.execute(f"CREATE ROLE {narrow} LOGIN CONNECTION LIMIT 1 IN ROLE headwater_system")
    parts = urlsplit(db_url)
    url = urlunsplit(parts._replace(netloc=f"{narrow}@{parts.netloc.rpartition('@')[2]}"))
    try:
        pool = await open_pool(url, name="tests", size=1)
        with pytest.raises(Unavailable, match="cannot connect"):
            await open_pool(url, name="tests", size=1)
        await pool.close()
        wide = await open_pool(url, name="tests", size=1)
        await wide.expire_connections()
        await conn.execute(f"ALTER ROLE {narrow} CONNECTION LIMIT 0")
        with pytest.raises(Unavailable, match="does not answer"):
            async with transaction(wide, None, role=DbRole.SYSTEM):
                pass
        wide.terminate()
    finally:
        await conn.execute(f"DROP OWNED BY {narrow}; DROP ROLE {narrow}")
