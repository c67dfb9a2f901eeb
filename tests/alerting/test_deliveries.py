"""Alerts are told where their tenant wants them: once each, their end where their beginning was, and no loops when it fails."""

from __future__ import annotations

import hmac
import json
import urllib.request
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr, ValidationError

from contracts.alerts import ChangeAlertChannel
from contracts.errors import Invalid, VendorBusy, VendorRefused
from contracts.webhook_endpoints import secret_of
from db import alert_channels, alerts, queue
from db.queue import Stranded
from db.transaction import DbRole, Tx, transaction
from tests.alerting.house import SIGNING_KEY, House
from tests.exchange.receiver import Receiver
from tests.providers.sandbox_fixture import RunningSandbox
from worker.activities import ACTIVITIES
from worker.alerting.jobs import trial
from worker.context import Stopped
from worker.dispatcher import Dispatcher
from worker.maintenance import rescue_once
from worker.perform import Performer
from worker.perform import tell as tell_run
from worker.providers.alert_post import tell
from worker.providers.registry import build
from worker.providers.sandbox.mail import Mailbox


async def _fail_twice(house: House) -> UUID:
    await house.ended("failed", ago_s=60)
    await house.ends("failed")
    return (await house.open())["run.consecutive_failures"].id


def seen(sandbox: RunningSandbox, path: str) -> Any:
    """What somebody at the other end would see."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(sandbox.url + path, timeout=10) as answer:
        return json.load(answer)


async def test_a_webhook_is_told_beginning_and_end_once_and_signed(house: House, receiver: Receiver) -> None:
    # S0.19 S4.07
    channel = await house.channel(kind="webhook", url=receiver.url)
    alert = await _fail_twice(house)
    await house.ends("failed")  # seen again: counted, not told again
    (post,) = receiver.posts
    told = post.told
    assert (told["type"], told["id"]) == ("alert.raised", f"{alert}:opened")
    assert told["alert"]["severity"] == "critical"
    assert told["alert"]["details"]["failures"] == 2
    secret = secret_of(SIGNING_KEY, house.tenant, channel.id, 1).get_secret_value().encode()
    signed = f"{post.headers['X-Headwater-Timestamp']}.".encode() + post.body
    assert post.headers["X-Headwater-Signature"] == "sha256=" + hmac.new(secret, signed, "sha256").hexdigest()
    await house.ends()
    assert [p.told["type"] for p in receiver.posts] == ["alert.raised", "alert.resolved"]
    detail = await house.detail(alert)
    assert [(d.transition, d.state, d.attempts) for d in detail.deliveries] == [
        ("opened", "sent", 1),
        ("resolved", "sent", 1),
    ]


async def test_only_as_bad_as_the_channel_wants_and_only_while_it_is_on(house: House, receiver: Receiver) -> None:
    # S4.07
    choosy = await house.channel(kind="webhook", url=receiver.url, min_severity="critical")
    await house.channel("off", kind="webhook", url=receiver.url, enabled=False)
    await house.usual(5)
    await house.ends(took_s=60, ago_s=120)
    assert "run.slow" in await house.open()
    assert receiver.posts == []
    await _fail_twice(house)
    assert len(receiver.posts) == 1
    async with transaction(house.pool, house.tenant) as tx:
        await alert_channels.change(tx, house.tenant, choosy.id, ChangeAlertChannel(enabled=False), by="tests")
    await house.ends()
    assert len(receiver.posts) == 1


async def test_an_outage_is_waited_for_and_the_end_never_comes_before_the_beginning(
    house: House, receiver: Receiver
) -> None:
    # S4.07
    receiver.answers = [503]
    await house.channel(kind="webhook", url=receiver.url)
    alert = await _fail_twice(house)
    assert [d.state for d in (await house.detail(alert)).deliveries] == ["sending"]
    async with transaction(house.pool, house.tenant) as tx:
        assert await alerts.resolve(tx, house.tenant, "run.consecutive_failures", "discovery")
    await house.persist()
    # The first may have arrived: so it is told again, and then its end.
    assert [p.told["id"].rpartition(":")[2] for p in receiver.posts] == ["opened", "opened", "resolved"]
    states = {d.transition: (d.state, d.attempts) for d in (await house.detail(alert)).deliveries}
    assert states == {"opened": ("sent", 2), "resolved": ("sent", 1)}
    # Who knows an alert by its id is told which attempt says it: one job a transition, and its token.
    (job, first), (again, second), (other, _) = (p.headers["X-Headwater-Attempt"].split(".") for p in receiver.posts)
    assert job == again != other
    assert int(first) < int(second)


async def test_what_was_over_before_it_was_told_is_not_told(house: House, receiver: Receiver) -> None:
    await house.channel(kind="webhook", url=receiver.url)
    async with transaction(house.pool, house.tenant) as tx:
        await alerts.raise_(tx, house.tenant, "isolation.leak_found", "canary", "critical", {"rows": 1})
    async with transaction(house.pool, house.tenant) as tx:
        await alerts.resolve(tx, house.tenant, "isolation.leak_found", "canary")
    await house.persist()
    assert receiver.posts == []


async def test_a_channel_that_fails_is_told_on_the_others_and_never_without_end(
    house: House, receiver: Receiver
) -> None:
    # S4.07: two dead channels and a good one; each dead one is one alert, however many deliveries die
    receiver.usual = 400
    bad = await house.channel("bad", kind="webhook", url=receiver.url)
    worse = await house.channel("worse", kind="webhook", url=receiver.url + "?x=1")
    await _fail_twice(house)
    await house.persist()
    async with transaction(house.pool, house.tenant) as tx:
        standing = [a for a in await alerts.standing(tx, [house.tenant]) if a.rule == "alert.channel_failing"]
    assert {a.scope for a in standing} == {str(bad.id), str(worse.id)}
    assert len(receiver.posts) == 4, "the failure on both, and each one's own on the other"
    await house.look()
    assert "dead_letters.open" not in await house.open()
    receiver.usual = 200
    for channel in (bad, worse):
        async with transaction(house.pool, house.tenant) as tx:
            await alert_channels.request_test(tx, house.tenant, channel.id)
    await house.persist()
    assert "alert.channel_failing" not in await house.open()
    async with transaction(house.pool, house.tenant) as tx:
        shown = await alert_channels.show(tx, house.tenant, bad.id)
    assert (shown.failures, shown.last_error, shown.test_result) == (0, None, "delivered")


async def test_a_process_that_dies_after_sending_sends_again_under_the_same_id(
    house: House, receiver: Receiver
) -> None:
    # S4.07
    await house.channel(kind="webhook", url=receiver.url)
    alert = await _fail_twice(house)
    # As it would stand had the process died between the post and its note.
    await house.conn.execute("UPDATE app.alert_deliveries SET state = 'sending', ended_at = NULL")
    await house.conn.execute(
        "UPDATE app.job_executions SET state = 'queued', finished_at = NULL WHERE job = 'alert.deliver'"
    )
    job = await house.conn.fetchrow("SELECT tenant_id, id FROM app.job_executions WHERE job = 'alert.deliver'")
    assert job is not None
    from db import outbox

    async with transaction(house.pool, house.tenant) as tx:
        await tx.execute("UPDATE app.job_executions SET state = 'waiting' WHERE id = $1", job["id"])
        await outbox.redeliver_at(tx, house.tenant, job["id"], None)
    await house.work()
    assert [p.told["id"] for p in receiver.posts] == [f"{alert}:opened"] * 2
    assert [(d.state, d.attempts) for d in (await house.detail(alert)).deliveries] == [("sent", 2)]


async def test_who_was_given_up_meanwhile_does_not_begin_anew(house: House, receiver: Receiver) -> None:
    # law 4: else the delivery would be under way for ever, and its alert's end would wait for it
    await house.channel(kind="webhook", url=receiver.url)
    async with transaction(house.pool, house.tenant) as tx:
        await alerts.raise_(tx, house.tenant, "isolation.leak_found", "canary", "critical", {"rows": 1})
    await Dispatcher(house.pool, house.settings).dispatch_batch()
    async with transaction(house.pool, None, role=DbRole.SYSTEM) as tx:
        worker = await queue.register(tx, "slow", 1, ["jobs"])
        [late] = await queue.fetch(tx, worker, ["alerts"], 1)
        await queue.unregister(tx, worker)
    await house.conn.execute("UPDATE app.job_executions SET crashes = 2 WHERE id = $1", late.execution_id)

    async def given_up(tx: Tx, gone: Stranded) -> None:
        why = Stopped("dead", "worker_died", "three workers died")
        await tell_run(ACTIVITIES, tx, gone.tenant_id, gone.job, gone.payload, why)

    assert (await rescue_once(house.pool, 0.0, given_up)).quarantined == 1
    ports = build(house.settings)
    await Performer(house.pool, house.settings, ports, ACTIVITIES, lambda: None)(late)
    await ports.close()
    [alert] = [a.id for a in (await house.open()).values() if a.rule == "isolation.leak_found"]
    assert receiver.posts == []
    assert [(d.state, d.attempts) for d in (await house.detail(alert)).deliveries] == [("dead", 1)]


async def test_slack_and_pagerduty_by_their_adapters(
    house: House, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # S0.19 S4.07
    house.settings = sandbox.settings(**house.settings.model_dump(exclude_unset=False, include={
        "webhook_allow_loopback", "webhook_signing_key", "dispatch_tenant_buffer", "default_tenant_slug",
    }))  # fmt: skip
    own = f"PAGERDUTY_ROUTING_KEY_{house.slug.upper().replace('-', '_')}"
    monkeypatch.setenv(own, "a-key-of-this-tenant")
    await house.channel("chat", kind="slack", url=f"{sandbox.url}/slack/services/T0/B0/secret")
    await house.channel("pager", kind="pagerduty", secret_ref=own)
    alert = await _fail_twice(house)
    (line,) = seen(sandbox, "/slack/posted")
    assert line.startswith("*Critical* (run.consecutive_failures): discovery: 2 runs in a row failed")
    assert seen(sandbox, "/pagerduty/incidents")[f"headwater:{alert}"]["state"] == "triggered"
    await house.ends()
    assert seen(sandbox, "/pagerduty/incidents")[f"headwater:{alert}"]["state"] == "resolved"
    assert seen(sandbox, "/slack/posted")[1].startswith("*Resolved*")


def mailing(house: House, box: Mailbox) -> None:
    changed = {"smtp_url": SecretStr(box.url), "smtp_from": "alerts@headwater.example"}
    house.settings = house.settings.model_copy(update=changed)


async def test_mail_arrives_at_a_server_and_nobodys_data_with_it(house: House) -> None:
    # S0.19 S4.07
    async with Mailbox() as box:
        mailing(house, box)
        await house.channel(kind="email", address="night@karoo.example")
        async with transaction(house.pool, house.tenant) as tx:
            about = {"who": "Mei <mei.tan@example.sg>", "where": "São Paulo", "n": 3}
            await alerts.raise_(tx, house.tenant, "isolation.leak_found", "canary", "critical", about)
        await house.work()
    (mail,) = box.mails
    assert (mail["From"], mail["To"]) == ("alerts@headwater.example", "night@karoo.example")
    assert mail["Subject"].startswith("[headwater] Critical")
    assert mail["Message-ID"].endswith(".opened@headwater.example>")
    assert "São Paulo" in mail.get_content()
    assert "mei.tan" not in mail.as_string()


async def test_a_mail_that_is_turned_down_says_what_to_correct_and_one_put_off_is_tried_again(house: House) -> None:
    # S4.07
    async with Mailbox() as box:
        mailing(house, box)
        for name, error, words in (
            ("refused", VendorRefused, "check the channel's address"),
            ("later", VendorBusy, "451"),
        ):
            made = await house.channel(name, kind="email", address=f"{name}@karoo.example")
            async with transaction(house.pool, house.tenant) as tx:
                found = await alert_channels.way(tx, house.tenant, made.id)
            assert found is not None
            way = found[0]
            with pytest.raises(error, match=words):
                await tell(house.settings, way, trial(made.id))
        assert box.mails == []
        bare = house.settings.model_copy(update={"smtp_url": None})
        with pytest.raises(VendorRefused, match="SMTP_URL") as missing:
            await tell(bare, way, trial(made.id))
        assert missing.value.code == "vendor_absent"


@pytest.mark.parametrize("address", ["nobody", "a@b.c, d@e.f", "Ada <a@b.c>", "a@b.c\r\nBcc: x@y.z", "ä@b.c"])
async def test_an_address_is_one_that_every_server_takes(house: House, address: str) -> None:
    # S4.07
    with pytest.raises(ValidationError, match="address"):
        await house.channel(kind="email", address=address)


async def test_an_alert_can_go_to_sentry_from_the_houses_own_tenant(house: House, receiver: Receiver) -> None:
    # S4.07
    with pytest.raises(Invalid, match="SENTRY_DSN is the house's"):
        await house.channel(kind="sentry")
    dsn = receiver.url.replace("http://", "http://publickey@").replace("/hook", "/42")
    house.settings = house.settings.model_copy(update={"sentry_dsn": SecretStr(dsn), "default_tenant_slug": house.slug})
    await house.channel(kind="sentry")
    alert = await _fail_twice(house)
    (post,) = receiver.posts
    assert post.path == "/api/42/envelope/"
    event = json.loads(post.body.decode().splitlines()[2])
    assert (event["level"], event["fingerprint"]) == ("fatal", [f"headwater:{alert}"])


@pytest.mark.parametrize(
    "how",
    [
        {"kind": "webhook", "url": "https://169.254.169.254/latest/meta-data"},
        {"kind": "webhook", "url": "http://intranet.example.com/"},
        {"kind": "webhook", "url": "https://localhost/"},
        {"kind": "slack", "url": "https://hooks.slack.com.evil.example/services/T/B/x"},
        {"kind": "slack", "url": "https://example.com/services/T/B/x"},
        {"kind": "slack", "secret_ref": "SLACK_WEBHOOK_URL"},
        {"kind": "pagerduty", "secret_ref": "DATABASE_URL"},
        {"kind": "pagerduty", "secret_ref": "PAGERDUTY_ROUTING_KEY_SOMEBODY_ELSE"},
        {"kind": "webhook", "secret_ref": "ALERT_WEBHOOK_URL"},
    ],
)
async def test_no_channel_leads_inside_or_uses_anothers_secret(house: House, how: dict[str, str]) -> None:
    # S4.07
    with pytest.raises(Invalid):
        await house.channel(**how)


async def test_a_name_that_leads_inside_later_is_not_gone_to(house: House) -> None:
    # S4.07: what a name resolves to is checked where it is dialled
    made = await house.channel(kind="webhook", url="https://hooks.karoo.co.za/x")
    await house.conn.execute("UPDATE app.alert_channels SET url = 'https://127.0.0.1/x'")
    async with transaction(house.pool, house.tenant) as tx:
        await alert_channels.request_test(tx, house.tenant, made.id)
    await house.work()
    async with transaction(house.pool, house.tenant) as tx:
        shown = await alert_channels.show(tx, house.tenant, made.id)
    assert "cannot take deliveries" in (shown.test_result or "")
