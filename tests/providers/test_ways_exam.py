"""The exam of `exam.py` for the ways on which tenants are told of alerts, and none of them ever tells its secret."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from pydantic import SecretStr

from contracts.alerts import AlertWay, ChannelKind
from contracts.errors import BadAnswer, HeadwaterError, Invalid, VendorBusy, VendorDown, VendorRefused
from contracts.outgoing import Alert
from contracts.settings import Settings
from tests.providers.exam import SECRET, overheard, shown, sits
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.saying import saying
from worker.providers.alert_post import tell

ALERT = Alert(
    key="provider:hunter:quota", summary="used up", severity="warning", component="enrich", event_id="event-1"
)
SENT = "an alert was taken or not: there is nothing to be found, and no page of it"
UNREAD = "of its answer only the status is read"
BY_MAIL = "tests/providers/test_smtp_exam.py::"
OWN = "PAGERDUTY_ROUTING_KEY_KAROO"


@dataclass(frozen=True)
class Way:
    """One kind of channel: `path` is where its vendor answers at an address, `missing` what it cannot do without."""

    kind: ChannelKind
    path: str
    missing: str
    apart: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"alerts.{self.kind}"

    def sits(self, part: str) -> bool:
        return part not in self.apart

    def way(self, url: str) -> AlertWay:
        about: dict[str, Any] = {
            "slack": {"url": url + self.path},
            "webhook": {"url": url + self.path},
            "pagerduty": {"secret_ref": OWN},
            "email": {"address": "night@karoo.example"},
            "sentry": {},
        }
        slug = "karoo" if self.kind != "sentry" else "karoo-house"
        return AlertWay(tenant_id=UUID(int=1), slug=slug, channel_id=UUID(int=2), kind=self.kind, **about[self.kind])

    def settings(self, sandbox: RunningSandbox, url: str, timeout_s: float = 5.0, **more: Any) -> Settings:
        chosen: dict[str, Any] = {
            "webhook_allow_loopback": True, "webhook_timeout_s": timeout_s, "vendor_timeout_s": timeout_s,
            "webhook_signing_key": SecretStr(f"signing-{SECRET}-0123456789abcdef"), "default_tenant_slug": "karoo-house",
            "pagerduty_base_url": f"{url}/pagerduty",
            "sentry_dsn": SecretStr(f"http://{SECRET}@{urlsplit(url).netloc}/42"),
        }  # fmt: skip
        return sandbox.settings(**{**chosen, **more})

    async def tell(self, sandbox: RunningSandbox, url: str | None = None, **more: Any) -> None:
        to = url or sandbox.url
        await tell(self.settings(sandbox, to, **more), self.way(to), ALERT)


WAYS: tuple[Way, ...] = (
    Way("slack", f"/slack/services/T0/B0/{SECRET}", "url", {"empty": SENT, "paging": SENT}),
    Way("pagerduty", "", OWN, {"empty": SENT, "paging": SENT}),
    Way("webhook", f"/hook?token={SECRET}", "WEBHOOK_SIGNING_KEY", {"empty": SENT, "paging": SENT, "garbage": UNREAD}),
    Way("sentry", "", "SENTRY_DSN", {"empty": SENT, "paging": SENT, "garbage": UNREAD}),
    Way(
        "email", "", "SMTP_URL",
        {
            "empty": SENT, "paging": SENT,
            "happy": "tests/alerting/test_deliveries.py::test_mail_arrives_at_a_server_and_nobodys_data_with_it",
            "classes": BY_MAIL + "test_each_refusal_is_named_for_the_next_move_and_tried_once",
            "slow": BY_MAIL + "test_a_server_that_is_silent_or_drips_is_left_in_time",
            "cut": BY_MAIL + "test_a_connection_that_is_cut_may_have_sent_it_once_the_text_was_handed_over",
            "garbage": BY_MAIL + "test_what_cannot_be_read_is_no_success",
            "redaction": BY_MAIL + "test_no_password_is_in_a_log_or_an_error_even_if_the_server_repeats_it",
        },
    ),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OWN, SECRET)


@sits("happy", WAYS, "way")
async def test_an_alert_arrives(sandbox: RunningSandbox, way: Way) -> None:  # S0.19
    await way.tell(sandbox)
    assert sandbox.totals(way.kind)["requests"] == 1


STATUSES: list[tuple[str, type[HeadwaterError]]] = [
    ("429", VendorBusy), ("408", VendorDown), ("500", VendorDown), ("503", VendorDown), ("400", VendorRefused),
    ("401", VendorRefused), ("403", VendorRefused), ("404", VendorRefused), ("redirect", VendorRefused),
]  # fmt: skip


@sits("classes", WAYS, "way")
async def test_each_refusal_is_named_for_the_next_move_and_tried_once(sandbox: RunningSandbox, way: Way) -> None:
    for kind, error in STATUSES:
        sandbox.reset()
        sandbox.fault(kind)
        with pytest.raises(error) as caught:
            await way.tell(sandbox)
        assert type(caught.value) is error, kind
        assert sandbox.totals(way.kind)["requests"] == 1, f"{kind}: nobody retries here"
    await way.tell(sandbox)


@sits("slow", WAYS, "way")
@pytest.mark.parametrize("kind", ["timeout", "slow"])
async def test_who_is_silent_or_drips_is_left_in_time(
    sandbox: RunningSandbox, way: Way, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.providers.sentry.TIMEOUT_S", 0.2)
    sandbox.fault(kind)
    started = time.monotonic()
    if (way.kind, kind) == ("sentry", "slow"):
        await way.tell(sandbox)  # its status has come, and that is all that is wanted
    else:
        with pytest.raises(VendorDown):
            await way.tell(sandbox, timeout_s=0.2)
    assert time.monotonic() - started < 3


@sits("cut", WAYS, "way")
async def test_a_closed_door_is_an_outage(sandbox: RunningSandbox, way: Way) -> None:
    with pytest.raises(VendorDown):
        await way.tell(sandbox, "http://127.0.0.1:9")


@sits("cut", WAYS, "way")
async def test_a_connection_that_is_cut_is_an_outage(sandbox: RunningSandbox, way: Way) -> None:
    sandbox.fault("reset")
    if way.kind == "sentry":
        await way.tell(sandbox)  # it is cut behind the status
        return
    with pytest.raises(VendorDown):
        await way.tell(sandbox)


@sits("garbage", WAYS, "way")
async def test_what_cannot_be_read_is_a_bad_answer(sandbox: RunningSandbox, way: Way) -> None:
    for kind in ("garbage", "html"):
        sandbox.fault(kind)
        with pytest.raises(BadAnswer):
            await way.tell(sandbox)


@sits("redaction", WAYS, "way")
async def test_no_secret_is_in_a_log_or_an_error_even_if_the_other_side_repeats_it(
    sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture, way: Way
) -> None:
    words = f"The key {SECRET} is wrong"
    echo = {"detail": words, "message": words, "error": words, "errors": [words]}
    answers = [(status, echo) for status in (200, 401, 404, 429, 500)]
    with overheard(caplog) as logged:
        async with saying(*answers) as parrot:
            for _ in answers:
                await _whatever(way, sandbox, parrot.url)
            assert len(parrot.paths) == len(answers)
        for kind in ("401", "reset", "garbage", "redirect"):
            sandbox.fault(kind)
            await _whatever(way, sandbox, sandbox.url)
        await _whatever(way, sandbox, "http://127.0.0.1:9")
        assert SECRET not in logged()


async def _whatever(way: Way, sandbox: RunningSandbox, url: str) -> None:
    """Tell it, and look for the secret in whatever comes of it."""
    told = ""
    try:
        await way.tell(sandbox, url)
    except HeadwaterError as error:
        told = shown(error) + repr(error.members)
    assert SECRET not in told


@sits("keyless", WAYS, "way")
async def test_without_its_setting_it_is_absent_and_says_which(
    sandbox: RunningSandbox, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:  # S3.05
    monkeypatch.delenv(OWN)
    if way.kind == "slack":
        with pytest.raises(Invalid, match="copy it from Slack"):
            await tell(way.settings(sandbox, sandbox.url), way.way("https://chat.example.com"), ALERT)
        return
    nothing = dict.fromkeys(("webhook_signing_key", "sentry_dsn", "smtp_url"))
    with pytest.raises(VendorRefused, match=f"{way.missing}.*set it|set it.*{way.missing}") as caught:
        await way.tell(sandbox, **nothing)
    assert caught.value.code == "vendor_absent"
