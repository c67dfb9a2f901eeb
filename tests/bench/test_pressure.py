"""The measurements under pressure, of peers and of laws measure; the figures are for `make bench` and `make bench-peers`."""

from __future__ import annotations

from typing import Any

import pytest

from front.bench import beside
from tests.conftest import Connection
from tests.simulation.mutations import MUTATIONS
from worker.bench import ablation, late, pressure
from worker.bench.cpu import Rate
from worker.bench.figures import hand_off_all
from worker.bench.ground import accounted, ground, lost_and_doubled


def _quiet(*_: object) -> None:
    return None


@pytest.mark.slow
@pytest.mark.alone
async def test_losses_are_measured_beside_calm_passes(db_url: str) -> None:
    # C.04
    report = await pressure.measure(db_url, repeat=1, scale=0.01, say=_quiet)
    assert set(pressure.AIMS) <= set(report["losses"])
    for name, seen in report["losses"].items():
        assert seen["per_s"] > 0, name
        assert seen["calm_per_s"] > 0, name
        assert seen["percent"] < 100, name
    assert report["stock_held"]["first_per_s"] > 0
    assert (report["lost"], report["doubled"]) == (0, 0)
    assert any(line.startswith("| held dispatch |") for line in pressure.table(report))


async def test_what_is_lost_or_there_twice_is_counted(db_url: str, conn: Connection) -> None:
    # B.01
    async with ground(db_url) as on:
        books = pressure.Books(on)
        await books.fill(16)
        await hand_off_all(on)
        await books.fill(16)
        assert await accounted(on, books.put) == (0, 0)
        await conn.execute("DELETE FROM app.outbox_events WHERE id = (SELECT max(id) FROM app.outbox_events)")
        await conn.execute(
            "DELETE FROM queue.procrastinate_jobs WHERE id <= (SELECT min(id) + 1 FROM queue.procrastinate_jobs)"
        )
        await conn.execute(
            "INSERT INTO queue.procrastinate_jobs (queue_name, task_name, args, status, tenant_id, execution_id)"
            " SELECT queue_name, task_name, args, 'todo', tenant_id, execution_id FROM queue.procrastinate_jobs LIMIT 1"
        )
        await books.clear()
        assert (books.lost, books.doubled, books.put) == (3, 1, 0)


async def test_who_comes_back_from_the_dead_ends_nothing(db_url: str) -> None:
    # law 4
    async with ground(db_url) as on:
        assert await late.finishes(on, 16) == (32, 0)
        assert await lost_and_doubled(on, 16) == (0, 0)


async def test_a_finish_without_the_token_would_be_counted(db_url: str) -> None:
    # law 4
    (broken,) = [each for each in MUTATIONS if each.name == "finish without the token"]
    async with ground(db_url) as on:
        with broken.made():
            tried, accepted = await late.finishes(on, 16)
    assert (tried, accepted) == (32, 16)


@pytest.mark.slow
@pytest.mark.alone
async def test_each_law_has_its_cost(db_url: str) -> None:
    async with ground(db_url) as on:
        runs = [await ablation.measure(on, 0.02, _quiet)]
    laid = ablation.report(runs)
    assert [len(steps) for steps in laid.values()] == [5, 5, 5]
    for ladder, steps in laid.items():
        assert all(step["per_s"] > 0 and step["worker_us"] > 0 for step in steps), ladder
        added = sum(step["adds_worker_us"] for step in steps)
        assert added == pytest.approx(steps[-1]["worker_us"], abs=0.5), ladder  # each is rounded to a tenth
    assert len(ablation.table(laid)) == 2 + 15


@pytest.mark.slow
@pytest.mark.alone
async def test_peers_are_measured_in_turns_and_absent_ones_are_named(
    db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # C.04
    few = {name: beside.PEERS[name] for name in ("ours", "stock")}
    monkeypatch.setattr(beside, "PEERS", {**few, "other": beside.Entry("Another", "no_such_library")})
    report = await beside.measure(db_url, repeat=1, scale=0.02, say=_quiet)
    assert report["absent"] == ["Another"]
    assert report["failed"] == {}
    assert set(report["peers"]) == {"ours", "stock"}
    assert report["peers"]["ours"]["beside_stock"] > 1
    for figures in report["peers"].values():
        assert 0 < figures["p50"] <= figures["p99"]
        assert figures["held_first"] > 0
    assert "Not installed: Another." in beside.table(report)


def _run(*worker_us: float) -> dict[str, dict[str, Rate]]:
    return {
        ladder: {name: Rate(1000, us, 2 * us) for (name, _), us in zip(steps, worker_us, strict=True)}
        for ladder, steps in ablation.LADDERS.items()
    }


def test_a_step_is_charged_with_what_it_adds_to_the_median_before_it() -> None:
    laid: dict[str, list[dict[str, Any]]] = ablation.report(
        [_run(1, 2, 4, 8, 16), _run(3, 4, 5, 9, 17), _run(2, 3, 9, 10, 30)]
    )
    assert [step["adds_worker_us"] for step in laid["drain"]] == [2, 1, 2, 4, 8]
    assert [step["adds_server_us"] for step in laid["dispatch"]] == [4, 2, 4, 8, 16]
