"""A soak on somebody's server knows which server that is, or does not begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import Unavailable
from front.soak.ground import ground


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///postgres?host=/run/postgresql",
        "postgresql://me@/postgres?host=/run/postgresql&port=5433",
        "postgresql://me@127.0.0.1/postgres?port=5433",
        "postgresql://me@127.0.0.1:5432,127.0.0.1:5433/postgres",
    ],
)
async def test_a_server_by_socket_or_one_of_several_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="one server"):
        async with ground(url, tmp_path, keep=False):
            pass
