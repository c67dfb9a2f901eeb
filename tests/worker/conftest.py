"""The fixtures of the database tests."""

from __future__ import annotations

from tests.db.conftest import pool, tenant  # noqa: F401
