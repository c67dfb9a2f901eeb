"""Whatever an error says, the attempt that raised it comes to an end (S2.20)."""

from __future__ import annotations

import pytest

from contracts.errors import BadAnswer, VendorDown
from contracts.jobs import JOBS
from db.transaction import Pool
from tests.conftest import Connection
from tests.worker.test_frame import Frame, frame, raising  # noqa: F401

ODD = ["a\x00b", "lone \ud800 half", "x" * 30_000]


@pytest.mark.parametrize("said", ODD, ids=["nul", "surrogate", "huge"])
async def test_an_error_that_text_cannot_hold_ends_its_job_all_the_same(
    conn: Connection,
    pool: Pool,
    frame: Frame,  # noqa: F811
    said: str,
) -> None:
    # S2.14: otherwise it would be started again for ever, and its run would hang.
    assert await frame.run("probe.run", raising(ValueError(said))) == 1
    assert await frame.run("discovery.fetch", raising(VendorDown(said))) == JOBS["discovery.fetch"].retry.max_attempts
    assert await frame.run("discovery.run", raising(BadAnswer(said, code=said))) == 1
    assert await conn.fetchval("SELECT count(*) FROM app.dead_letters") == 3
    assert len(frame.told) == 3
