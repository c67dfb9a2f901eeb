"""The fixtures of these tests."""

from __future__ import annotations

from tests.db.conftest import pool, tenant  # noqa: F401
from tests.streams.house import house, nats_server, real, wire  # noqa: F401
