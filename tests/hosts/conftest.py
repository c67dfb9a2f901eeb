"""The fixtures of these tests."""

from __future__ import annotations

from tests.providers.sandbox_fixture import sandbox, sandbox_server  # noqa: F401
