"""The send decision: what comes before it wins, what crashes after it sends at most one message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from contracts.errors import Conflict, VendorBusy
from contracts.jobs import SendMessage
from db import consents, sending, suppressions
from db.jobs import Fenced
from db.transaction import transaction
from tests.matching.merging import merge_leads
from tests.messaging.house import PHONE, House
from tests.messaging.test_suppressions import WAITING
from tests.worker.asking import attempt, died
from worker import ask
from worker.context import Context, Stopped
from worker.messaging import jobs
from worker.providers.registry import Registry, build


@pytest.fixture
async def approved(house: House) -> UUID:
    """A message that a person has approved, to somebody who agreed."""
    await house.decide(vendor="whatsapp")
    lead = await house.lead()
    await house.may_write(lead)
    await house.drafted(lead)
    return (await house.approve(lead)).id


@pytest.fixture
async def ports(house: House) -> AsyncIterator[Registry]:
    made = build(house.settings)
    yield made
    await made.close()


async def at_work(house: House, ports: Registry) -> Context:
    """An attempt of a job that runs right now."""
    return replace(await attempt(house.pool, house.tenant), ports=ports, settings=house.settings)


async def state(house: House, message_id: UUID) -> tuple[str, str]:
    row = await house.conn.fetchrow(
        "SELECT state, coalesce(reason, '') AS reason FROM app.messages WHERE id = $1", message_id
    )
    assert row is not None
    return row["state"], row["reason"].partition(":")[0]


async def suppress(house: House) -> None:
    async with transaction(house.pool, house.tenant) as tx:
        await suppressions.add(tx, house.tenant, "any", "phone", PHONE, by="t")


async def test_a_suppression_between_approval_and_sending_wins(house: House, approved: UUID) -> None:  # R20
    await suppress(house)
    assert await house.work() == ["message.send"]
    assert await state(house, approved) == ("suppressed", "suppressed")
    assert house.asked("whatsapp") == 0


async def test_a_consent_that_was_withdrawn_meanwhile_is_none(house: House, approved: UUID) -> None:  # R20
    async with transaction(house.pool, house.tenant) as tx:
        [consent] = await consents.list_(tx, house.tenant)
        await consents.withdraw(tx, house.tenant, consent.id, by="t")
    await house.work()
    assert await state(house, approved) == ("suppressed", "no_consent")
    assert house.asked("whatsapp") == 0


async def test_a_rejected_message_is_not_sent_although_its_job_stands(house: House, approved: UUID) -> None:  # R20
    await house.conn.execute("UPDATE app.messages SET state = 'rejected' WHERE id = $1", approved)
    assert await house.work() == ["message.send"]
    assert await state(house, approved) == ("rejected", "")
    assert house.asked("whatsapp") == 0


async def test_two_who_race_agree_suppression_first(house: House, approved: UUID) -> None:  # R20
    """The suppression is written but not committed when the decision begins: the decision waits for it, and heeds it."""
    async with transaction(house.pool, house.tenant) as adding:
        await suppressions.add(adding, house.tenant, "any", "email", "thandi@karoo.co.za", by="t")
        deciding = asyncio.create_task(_decide(house, approved))
        await _until_somebody_waits(house)
        assert not deciding.done()
    assert await deciding is None
    assert await state(house, approved) == ("suppressed", "suppressed")


async def test_two_who_race_agree_decision_first(house: House, approved: UUID) -> None:  # R20
    """The decision is made but not committed when somebody adds: the entry comes after it, and stops whatever comes next."""
    async with transaction(house.pool, house.tenant) as deciding:
        assert await sending.decide(deciding, house.tenant, approved) is not None
        adding = asyncio.create_task(suppress(house))
        await _until_somebody_waits(house)
        assert not adding.done()
    await adding
    assert await state(house, approved) == ("sending", "")
    assert await _decide(house, approved) is None, "the vendor was not asked yet: it is still stopped"
    assert await state(house, approved) == ("suppressed", "suppressed")


async def test_many_races_never_send_to_somebody_who_was_on_the_list_before(
    house: House, approved: UUID
) -> None:  # R20
    """However the two meet: either the list knew first and nothing is sent, or the decision was committed before the entry."""
    for _ in range(20):
        await house.conn.execute(
            "UPDATE app.messages SET state = 'approved', outgoing = NULL, reason = NULL WHERE id = $1", approved
        )
        await house.conn.execute("DELETE FROM app.suppressions")
        decided, _none = await asyncio.gather(_decide(house, approved), suppress(house))
        assert (decided is not None, (await state(house, approved))[0]) in ((True, "sending"), (False, "suppressed"))


async def test_a_crash_after_the_decision_sends_one_message(house: House, approved: UUID, ports: Registry) -> None:
    # S2.02, design law 5
    first = await at_work(house, ports)
    assert await _decide(house, approved) is not None
    await died(house.pool, first)
    await jobs.send(await at_work(house, ports), SendMessage(message_id=approved))
    assert await state(house, approved) == ("sent", "")
    assert house.asked("whatsapp") == 1


async def test_a_crash_after_the_vendor_took_it_sends_no_second_one(
    house: House, approved: UUID, ports: Registry
) -> None:  # S2.02, design law 5
    first = await at_work(house, ports)
    decided = await _decide(house, approved)
    assert decided is not None
    await ask.items(first, ports.operation("whatsapp.send"), [decided.outgoing])
    await died(house.pool, first)
    # Meanwhile the person moved, and stopped our messages: what went out went out, and is not sent to the new number.
    await house.conn.execute("UPDATE app.contacts SET phone = '+27827654321'")
    await suppress(house)
    await jobs.send(await at_work(house, ports), SendMessage(message_id=approved))
    assert await state(house, approved) == ("sent", "")
    assert house.asked("whatsapp") == 1


async def test_who_comes_back_after_another_has_sent_it_decides_nothing(
    house: House, approved: UUID, ports: Registry
) -> None:  # law 4
    first = await at_work(house, ports)
    await died(house.pool, first)
    await jobs.send(await at_work(house, ports), SendMessage(message_id=approved))
    await suppress(house)
    with pytest.raises(Fenced):
        await jobs.send(first, SendMessage(message_id=approved))
    assert await state(house, approved) == ("sent", "")
    assert house.asked("whatsapp") == 1


async def test_an_answer_that_was_lost_counts_as_sent(house: House, approved: UUID, ports: Registry) -> None:
    # S2.02, design law 5
    house.sandbox.fault("reset", vendor="whatsapp")
    await jobs.send(await at_work(house, ports), SendMessage(message_id=approved))
    assert await state(house, approved) == ("sent", "answer_lost")
    await jobs.send(await at_work(house, ports), SendMessage(message_id=approved))
    assert house.asked("whatsapp") == 1


@pytest.mark.parametrize("fault", ["garbage", "500"])
async def test_an_answer_that_nobody_can_read_counts_as_sent_too(
    house: House, approved: UUID, ports: Registry, fault: str
) -> None:  # S2.02, design law 5
    house.sandbox.fault(fault, vendor="whatsapp")
    await jobs.send(await at_work(house, ports), SendMessage(message_id=approved))
    assert await state(house, approved) == ("sent", "answer_lost")
    assert house.asked("whatsapp") == 1


async def test_a_job_that_was_given_up_says_what_may_have_left(
    house: House, approved: UUID, ports: Registry
) -> None:  # S2.02, design law 5
    stopped = Stopped("quarantined", "killed_workers", "it killed two workers")
    decided = await _decide(house, approved)
    async with transaction(house.pool, house.tenant) as tx:
        await jobs.send_stopped(tx, house.tenant, SendMessage(message_id=approved), stopped)
    assert await state(house, approved) == ("failed", "killed_workers")
    await house.conn.execute(
        "UPDATE app.messages SET state = 'sending', outgoing = $2, reason = NULL WHERE id = $1",
        approved,
        decided.outgoing.model_dump_json(),
    )
    await ask.items(await at_work(house, ports), ports.operation("whatsapp.send"), [decided.outgoing])
    async with transaction(house.pool, house.tenant) as tx:
        await jobs.send_stopped(tx, house.tenant, SendMessage(message_id=approved), stopped)
    assert await state(house, approved) == ("sent", "answer_lost")


async def test_a_vendor_that_surely_did_not_take_it_is_asked_again(
    house: House, approved: UUID, ports: Registry
) -> None:  # S2.02
    house.sandbox.fault("429", vendor="whatsapp")
    with pytest.raises(VendorBusy):
        await jobs.send(await at_work(house, ports), SendMessage(message_id=approved))
    assert await state(house, approved) == ("sending", "")
    await jobs.send(await at_work(house, ports), SendMessage(message_id=approved))
    assert await state(house, approved) == ("sent", "")


async def test_a_vendor_without_a_key_is_said_on_the_message(house: House, approved: UUID) -> None:
    await house.work(house.sandbox.settings(whatsapp_token=None))
    assert await state(house, approved) == ("failed", "vendor_absent")


async def _decide(house: House, message_id: UUID) -> Any:
    async with transaction(house.pool, house.tenant) as tx:
        return await sending.decide(tx, house.tenant, message_id)


async def _until_somebody_waits(house: House) -> None:
    while not await house.conn.fetchval(WAITING):  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0)


async def test_nobody_is_written_to_twice_because_two_leads_were_one(house: House) -> None:
    # S2.13 R13
    await house.decide(vendor="whatsapp")
    one, other = await house.lead("Karoo Workwear"), await house.lead("Veld Uniforms", who="Sipho Dube")
    for lead in (one, other):
        await house.may_write(lead)
        await house.drafted(lead)
    await house.approve(one)
    first = await house.approve(other)
    stands, gone, _ = await merge_leads(house.pool, house.tenant, one, other)
    assert gone == other
    await house.work()
    assert await state(house, first.id) == ("suppressed", "lead_merged")
    assert (await house.message(stands)).state == "sent"
    assert house.asked("whatsapp") == 1


async def test_a_merged_lead_gets_no_draft_and_its_draft_is_not_approved(house: House) -> None:
    # S2.13 R13
    one, other = await house.lead("Karoo Workwear"), await house.lead("Veld Uniforms", who="Sipho Dube")
    await house.may_write(other)
    await house.drafted(other)
    stands, gone, _ = await merge_leads(house.pool, house.tenant, one, other)
    with pytest.raises(Conflict, match=str(stands)) as refused:
        await house.approve(gone)
    assert refused.value.code == "lead_merged"
    third, fourth = await house.lead("Cape Aprons"), await house.lead("Cape Overalls", domain="overalls.co.za")
    _, late, _ = await merge_leads(house.pool, house.tenant, third, fourth)
    await house.scored(late)
    await house.work()
    assert await house.conn.fetchval("SELECT count(*) FROM app.messages WHERE lead_id = $1", late) == 0


async def test_who_was_written_to_under_a_lead_that_was_merged_is_not_written_to_again(house: House) -> None:
    # S2.13 R13
    await house.decide(vendor="whatsapp")
    one, other = await house.lead("Karoo Workwear"), await house.lead("Veld Uniforms", who="Sipho Dube")
    await house.may_write(other)
    await house.drafted(other)
    await house.approve(other)
    await house.work()
    assert (await house.message(other)).state == "sent"
    stands, _, _ = await merge_leads(house.pool, house.tenant, one, other)
    await house.scored(stands)
    await house.work()
    assert await house.conn.fetchval("SELECT count(*) FROM app.messages") == 1
