"""SQL of the yardsticks of `headwater bench`: the least that a queue on this server costs, and a stock user's own job.

Only ever run in a scratch database.
"""

from __future__ import annotations

from typing import Any

from db.sql import load
from db.transaction import Tx

SQL = load("bench_floor")


async def make_tables(login: Tx) -> None:
    await login.execute(SQL["tables"])


async def fill(login: Tx, jobs: int) -> None:
    """`jobs` rows of the bare queue and as many of business, none of them touched yet."""
    await login.execute(SQL["empty"])
    await login.execute(SQL["fill"], jobs)
    await login.execute(SQL["fill_business"], jobs)
    await login.execute(SQL["vacuum"])


async def claim(login: Tx, limit: int) -> list[int]:
    """Take up to `limit` jobs; gives their ids."""
    return [row["id"] for row in await login.fetch(SQL["claim"], limit)]


async def acknowledge(login: Tx, ids: list[int]) -> None:
    await login.execute(SQL["acknowledge"], ids)


async def load_business(login: Any, row: int) -> None:
    await login.fetchrow(SQL["load_business"], row)


async def write_business(login: Any, row: int) -> None:
    await login.execute(SQL["write_business"], row)
