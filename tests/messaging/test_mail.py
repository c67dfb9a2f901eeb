"""Mail to a lead: drafted where the tenant wants it, decided as any message, handed over at most once. R20."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from pydantic import SecretStr, ValidationError

from contracts.message_settings import SetTemplate
from contracts.messages import Message
from contracts.settings import Settings
from db import messages, suppressions
from db.transaction import transaction
from tests.messaging.house import House
from worker.providers.sandbox.mail import HANG_UP, Mailbox


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with Mailbox() as made:
        yield made


def mailing(house: House, box: Mailbox) -> Settings:
    return house.settings.model_copy(update={"smtp_url": SecretStr(box.url), "smtp_from": "hello@ours.example"})


async def all_of(house: House, lead: UUID) -> dict[str, Message]:
    async with transaction(house.pool, house.tenant) as tx:
        return {m.channel: m for m in await messages.list_(tx, house.tenant, lead_id=lead)}


async def drafted(house: House, *, address: str | None = None, **decided: object) -> tuple[UUID, Message]:
    """A lead that agreed to be written to, and the draft of a mail."""
    await house.decide(**{"channels": ["email"], "sender": "Well Crafted", "reply_to": "sales@ours.example", **decided})
    lead = await house.lead()
    if address is not None:
        await house.conn.execute(
            "UPDATE app.contacts SET email = $2 WHERE id = (SELECT contact_id FROM app.leads WHERE id = $1)",
            lead,
            address,
        )
    await house.may_write(lead)
    await house.scored(lead)
    await house.work()
    return lead, (await all_of(house, lead))["email"]


async def approved(house: House, **decided: object) -> UUID:
    lead, mail = await drafted(house, **decided)  # type: ignore[arg-type]
    async with transaction(house.pool, house.tenant) as tx:
        await messages.approve(tx, house.tenant, mail.id, by="ada")
    return lead


async def test_a_mail_is_drafted_approved_and_handed_over_once(house: House, box: Mailbox) -> None:  # R20
    lead, draft = await drafted(house)
    assert (draft.state, draft.template, draft.language) == ("draft", "email/1/en", "en")
    async with transaction(house.pool, house.tenant) as tx:
        told = await messages.approve(tx, house.tenant, draft.id, by="ada")
    assert (told.state, told.vendor) == ("approved", "smtp")
    settings = mailing(house, box)
    assert await house.work(settings) == ["message.send"]
    sent = (await all_of(house, lead))["email"]
    assert (sent.state, sent.vendor_ref) == ("sent", f"<{sent.id}@ours.example>")
    [got] = box.mails
    assert (got["To"], got["Subject"]) == ("thandi@karoo.co.za", "A word from Well Crafted")
    assert got["From"] == "Well Crafted <hello@ours.example>"
    assert got["List-Unsubscribe"].startswith("<mailto:sales@ours.example?subject=unsubscribe")
    assert " ".join(got.get_content().split()) == draft.body
    # Whoever delivers the job again sends nothing again.
    await house.conn.execute("UPDATE app.messages SET state = 'approved', sent_at = NULL WHERE id = $1", sent.id)
    await house.conn.execute("UPDATE app.job_executions SET state = 'queued' WHERE job = 'message.send'")
    await house.work(settings)
    assert len(box.mails) == 1


async def test_both_channels_have_their_own_draft_and_who_has_no_address_has_none(house: House) -> None:  # R20
    await house.decide(channels=["whatsapp", "email"])
    lead = await house.lead()
    await house.scored(lead)
    await house.work()
    assert set(await all_of(house, lead)) == {"whatsapp", "email"}
    other = await house.lead("Cape Fishing")
    await house.conn.execute(
        "UPDATE app.contacts SET email = NULL WHERE id = (SELECT contact_id FROM app.leads WHERE id = $1)", other
    )
    await house.scored(other)
    await house.work()
    assert set(await all_of(house, other)) == {"whatsapp"}


async def test_a_suppression_between_approval_and_sending_wins(house: House, box: Mailbox) -> None:  # R20 B.09
    lead = await approved(house)
    async with transaction(house.pool, house.tenant) as tx:
        await suppressions.add(tx, house.tenant, "email", "email", "thandi@karoo.co.za", by="t")
    await house.work(mailing(house, box))
    assert (await all_of(house, lead))["email"].state == "suppressed"
    assert box.mails == []


async def test_a_consent_for_whatsapp_is_none_for_mail(house: House) -> None:  # R20
    lead, mail = await drafted(house)
    await house.conn.execute("UPDATE app.consents SET channel = 'whatsapp'")
    async with transaction(house.pool, house.tenant) as tx:
        row = await messages.lock(tx, house.tenant, mail.id)
        refused = await messages.approve_if_allowed(tx, house.tenant, row, by="ada")
    assert refused is not None
    assert refused.code == "no_consent"
    await house.conn.execute("UPDATE app.consents SET channel = 'email'")
    await house.conn.execute("UPDATE app.contacts SET email_status = 'invalid'")
    async with transaction(house.pool, house.tenant) as tx:
        refused = await messages.approve_if_allowed(tx, house.tenant, row, by="ada")
    assert refused is not None
    assert refused.code == "no_email"
    assert (await all_of(house, lead))["email"].state == "draft"


@pytest.mark.parametrize(
    ("name", "ends", "why"),
    [("refused", "failed", "turned the recipient down (550)"), ("vanish", "sent", "answer_lost")],
)
async def test_what_the_server_says_is_what_became_of_it(  # R20
    house: House, box: Mailbox, name: str, ends: str, why: str
) -> None:
    lead = await approved(house, address=f"{name}@karoo.co.za")
    settings = mailing(house, box)
    await house.work(settings)
    told = (await all_of(house, lead))["email"]
    assert told.state == ends
    assert why in (told.reason or "")
    assert len(box.mails) == (1 if name == "vanish" else 0)


@pytest.mark.parametrize("word", ["CONNECT", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("said", ["<html>We will be back soon</html>", HANG_UP])
async def test_what_was_never_handed_over_is_not_taken_for_sent_and_goes_out_later(  # R20
    house: House, box: Mailbox, word: str, said: str
) -> None:
    lead = await approved(house)
    settings = mailing(house, box)
    box.fault(word, said)
    await house.work(settings)
    assert (await all_of(house, lead))["email"].state == "sending"
    await house.conn.execute("UPDATE app.outbox_events SET available_at = app.now()")
    await house.work(settings)
    assert (await all_of(house, lead))["email"].state == "sent"
    assert len(box.mails) == 1


async def test_without_a_mail_server_it_fails_and_says_what_to_set(house: House) -> None:
    lead = await approved(house)
    await house.work()
    told = (await all_of(house, lead))["email"]
    assert told.state == "failed"
    assert "SMTP_URL" in (told.reason or "")


def test_a_mail_has_a_subject_and_no_other_channel_has_one() -> None:
    about = {"language": "en", "body": "Hello {{1}}", "parameters": ["first_name"]}
    kept = SetTemplate.model_validate({**about, "channel": "email", "vendor_templates": {"smtp": "For {{1}}"}})
    assert kept.vendor_templates == {"smtp": "For {{1}}"}
    for wrong in (
        {"channel": "email"},
        {"channel": "email", "vendor_templates": {"smtp": "x", "trengo": "1"}},
        {"channel": "email", "vendor_templates": {"smtp": "For {{2}}"}},
        {"channel": "email", "vendor_templates": {"smtp": "a\nBcc: b"}},
        {"vendor_templates": {"smtp": "x"}},
        {"body": "Hello {{1}}" + "x" * 1200},
    ):
        with pytest.raises(ValidationError):
            SetTemplate.model_validate({**about, **wrong})
