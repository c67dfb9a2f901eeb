"""What only ZeroBounce does: refusals with a 200, batches in an order of their own, words for every kind of mailbox."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.errors import VendorRefused
from contracts.findings import EmailQuery, EmailVerdict
from contracts.providers import Operation
from tests.providers.exam import SECRET
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.saying import saying
from tests.providers.subjects import people, world
from worker.providers import zerobounce
from worker.providers.sandbox.people import mailbox
from worker.providers.zerobounce import standing_of


def operation(sandbox: RunningSandbox, name: str = "verify", **settings: Any) -> Operation[Any, Any]:
    chosen = {"zerobounce_api_key": SECRET, **settings}
    return next(op for op in zerobounce.make(sandbox.settings(**chosen)) if op.spec.operation == name)


@pytest.mark.parametrize("name", ["verify", "verify_batch"])
async def test_a_wrong_key_is_refused_although_the_status_is_200(sandbox: RunningSandbox, name: str) -> None:  # S2.14
    op = operation(sandbox, name, zerobounce_api_key="some-key-wrong")
    with pytest.raises(VendorRefused, match="Invalid API key or your account ran out of credits") as caught:
        await op.ask([EmailQuery(email="valid@example.com")], key="k")
    assert caught.value.code == "vendor_quota"
    assert sandbox.totals("zerobounce")["credits"] == 0


@pytest.mark.parametrize(
    ("test", "outcome", "standing"),
    [
        ("valid", "found", "valid"),
        ("catch_all", "found", "risky"),
        ("unknown", "miss", "unknown"),
        ("greylisted", "miss", "unknown"),
        ("invalid", "found", "invalid"),
        ("disposable", "found", "invalid"),
        ("donotmail", "found", "invalid"),
        ("abuse", "found", "suppress"),
        ("spamtrap", "found", "suppress"),
        ("toxic", "found", "suppress"),
        ("global_suppression", "found", "suppress"),
    ],
)
@pytest.mark.parametrize("name", ["verify", "verify_batch"])
async def test_each_kind_of_mailbox_has_its_standing(
    sandbox: RunningSandbox, name: str, test: str, outcome: str, standing: str
) -> None:  # S3.05
    (reply,) = await operation(sandbox, name).ask([EmailQuery(email=f"{test}@example.com")], key="k")
    assert isinstance(reply.value, EmailVerdict)
    assert (reply.outcome, reply.value.standing) == (outcome, standing)
    if standing == "unknown":
        assert (reply.units, reply.value.retry_after_s) == (0, 1800.0)


def test_a_word_that_is_new_is_never_sent_to() -> None:
    assert standing_of("perhaps", "moon_phase") == "invalid"
    assert standing_of("do_not_mail", "role_based") == "invalid"


async def test_a_hundred_addresses_are_one_request_and_each_finds_its_own_verdict(
    sandbox: RunningSandbox,
) -> None:  # S3.05
    emails = [p.email for p in people()[:98]]
    queries = [EmailQuery(email=e) for e in (*emails[:40], "not-an-address", *emails[40:], emails[0].upper())]
    replies = await operation(sandbox, "verify_batch").ask(queries, key="k")
    assert sandbox.totals("zerobounce")["requests"] == 1
    assert replies[40].outcome == "invalid"
    assert replies[99].value is not None
    assert replies[99].value.standing == replies[0].value.standing  # type: ignore[union-attr]
    wanted = {"valid": "valid", "unknown": "unknown", "catch_all": "risky", "abuse": "suppress", "spamtrap": "suppress"}
    for query, reply in zip(queries[:40], replies[:40], strict=True):
        assert reply.value is not None
        assert reply.value.email == query.email
        assert reply.value.standing == wanted.get(mailbox(world(), query.email), "invalid")
    # An address asked for twice is billed once.
    assert sum(r.units for r in replies[:99]) == sandbox.totals("zerobounce")["credits"]


async def test_its_wire_is_as_documented_booleans_and_timeout_as_text(sandbox: RunningSandbox) -> None:  # S2.02
    record = {
        "address": "Mei.Tan@example.sg", "status": "do_not_mail", "sub_status": "possible_trap", "free_email": "true",
        "did_you_mean": "mei.tan@example.com", "mx_found": "true", "domain_age_days": "6120",
    }  # fmt: skip
    async with saying((200, {"email_batch": [record], "errors": []})) as vendor:
        op = operation(sandbox, "verify_batch", zerobounce_bulk_url=vendor.url)
        told, lost = await op.ask([EmailQuery(email="mei.tan@example.sg"), EmailQuery(email="b@example.sg")], key="k")
    sent = vendor.asked[0]
    assert sent["timeout"] == "70"
    assert sent["email_batch"][0] == {"email_address": "mei.tan@example.sg", "ip_address": None}
    assert told.value is not None
    assert (told.value.standing, told.value.free_mail, told.value.did_you_mean) == (
        "invalid", True, "mei.tan@example.com",
    )  # fmt: skip
    assert (lost.outcome, lost.units) == ("miss", 0)


async def test_a_batch_keeps_to_the_lowest_published_figures(sandbox: RunningSandbox) -> None:  # S3.05
    spec = operation(sandbox, "verify_batch").spec
    assert spec.batch == 100
    assert [(w.limit, w.seconds) for w in spec.pace.windows] == [(5, 60)]
