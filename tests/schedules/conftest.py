"""The fixtures of the database tests, and a clock that can be set."""

from __future__ import annotations

from tests.db.conftest import pool, tenant  # noqa: F401
