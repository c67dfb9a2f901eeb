"""The fixtures of these tests."""

from __future__ import annotations

from tests.db.conftest import pool, tenant  # noqa: F401
from tests.providers.sandbox_fixture import sandbox, sandbox_server  # noqa: F401
