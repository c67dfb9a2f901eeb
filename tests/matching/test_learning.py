"""Answers from the review queue: a tenant's own model, where it tells held-out answers better than the shipped one."""

from __future__ import annotations

import random
from uuid import uuid4

from contracts.likeness import features, record
from contracts.matching import Verdict
from db import matching, merges
from db.pair_models import shipped
from db.transaction import transaction
from tests.matching.ground import Ground
from worker.matching.learning import adapted

Answer = tuple[dict[str, float], bool]


def answers(many: int, *, same_house_is_one: bool) -> list[Answer]:
    """Doubtful pairs as a tenant answers them whose rule is its own: the same house is (or is not) the same company."""
    draw = random.Random(3)
    found = []
    for _ in range(many):
        house = draw.random() < 0.5
        one = record("Karoo Foods", address="12 Long Street", phone="0115550101")
        other = record(
            draw.choice(("Karoo Trading", "Karoo Catering")), address="12 Long Street" if house else "9 Hill Road"
        )
        found.append((features(one, other), house if same_house_is_one else draw.random() < 0.5))
    return found


def test_it_takes_enough_answers_and_they_must_say_something() -> None:
    assert adapted(shipped(), answers(30, same_house_is_one=True)) is None
    assert adapted(shipped(), [(said, True) for said, _ in answers(80, same_house_is_one=True)]) is None
    learned = adapted(shipped(), answers(80, same_house_is_one=True))
    assert learned is not None
    assert learned[1]["log_loss"] < learned[1]["shipped_log_loss"]
    house = answers(80, same_house_is_one=True)[0]
    assert learned[0].probability(house[0]) != shipped().probability(house[0])
    assert learned[0].probability({}) < 0.5


async def test_a_scan_learns_from_fifty_answers_and_says_which_model_told_a_pair(ground: Ground) -> None:
    said = answers(60, same_house_is_one=True)
    pairs = []
    for answer in said:
        a, b = sorted((uuid4(), uuid4()))
        pairs.append(Verdict(a_id=a, b_id=b, probability=0.6, features=answer[0]))
    async with transaction(ground.pool, ground.tenant) as tx:
        ids = await matching.propose(tx, ground.tenant, pairs)
    for pair, (_, same) in zip(pairs, said, strict=True):
        match_id = ids[pair.a_id, pair.b_id]
        if same:  # what a merge leaves behind, without its companies
            await ground.conn.execute(
                "UPDATE app.match_decisions SET decision = 'merged', survivor_id = a_id, undo = '{}', decided_at = app.now()"
                " WHERE id = $1", match_id,
            )  # fmt: skip
        else:
            async with transaction(ground.pool, ground.tenant) as tx:
                await merges.reject(tx, ground.tenant, match_id, by="ada")
    await ground.company("Karoo Workwear Manufacturing", country="ZA", city="Paarl", phone="+27 11 555 0101")
    await ground.company("Karoo Workwear Manufacturin", country="ZA", city="Paarl", phone="+27 11 555 0101")
    await ground.scan()
    async with transaction(ground.pool, ground.tenant) as tx:
        own = await matching.model(tx, ground.tenant)
    assert own.id is not None
    assert own.answers == 60
    told = await ground.conn.fetch("SELECT model_version_id FROM app.match_decisions WHERE probability <> 0.6")
    assert {r["model_version_id"] for r in told} == {own.id}
