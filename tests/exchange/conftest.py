"""The fixtures of these tests."""

from __future__ import annotations

from tests.api.server_fixture import api  # noqa: F401
from tests.db.conftest import pool, tenant  # noqa: F401
