"""Pools on a fresh database, as the queue's tests have them."""

from __future__ import annotations

from tests.queue.conftest import pool, queue_pool  # noqa: F401
