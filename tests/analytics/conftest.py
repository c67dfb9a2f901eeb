"""The fixtures of these tests."""

from __future__ import annotations

from tests.db.conftest import pool  # noqa: F401
