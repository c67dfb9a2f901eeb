"""Which channels and look-ups there are: each has an adapter, and each that is absent says what to set."""

from __future__ import annotations

import pytest

from contracts.errors import VendorRefused
from contracts.providers import PROVIDER_ALIASES, Channel
from contracts.settings import Settings
from tests.providers.sandbox_fixture import RunningSandbox
from worker import ask
from worker.providers import odoo, pagerduty, registry, slack, webhook
from worker.providers.channels import MAKERS
from worker.providers.operation import HOUSE

#: What makes a channel absent, and what it then asks for.
MISSING = [
    (Channel.GOOGLE, {"tavily_api_key": None}, "TAVILY_API_KEY"),
    (Channel.KEYWORD, {"tavily_api_key": " "}, "TAVILY_API_KEY"),
    (Channel.APOLLO, {"apollo_api_key": None}, "APOLLO_API_KEY"),
    (Channel.APOLLO, {"apollo_base_url": "apollo"}, "APOLLO_BASE_URL"),
    (Channel.PDL, {"pdl_api_key": "with a space"}, "PDL_API_KEY"),
    (Channel.COMPANIES_HOUSE, {"companies_house_api_key": None}, "COMPANIES_HOUSE_API_KEY"),
    (Channel.LINKEDIN, {"linkedin_profile_enabled": False}, "LINKEDIN_PROFILE_ENABLED"),
    (Channel.LINKEDIN, {"pdl_api_key": None}, "PDL_API_KEY"),
    (Channel.SOCIAL, {"social_channel_enabled": False}, "SOCIAL_CHANNEL_ENABLED"),
    (Channel.SOCIAL, {"tavily_api_key": None}, "TAVILY_API_KEY"),
]


def test_every_name_of_a_provider_leads_to_a_channel_with_an_adapter() -> None:  # R23
    assert set(MAKERS) == set(Channel) == set(PROVIDER_ALIASES.values())
    assert all(name == name.lower() for name in PROVIDER_ALIASES)


async def test_without_any_key_the_free_channels_work_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # S3.05
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    built = registry.build(Settings())
    assert built.channels == (Channel.REGISTER, Channel.FILE)
    assert set(built.absent) == set(Channel) - set(built.channels)
    assert {"apollo", "pdl", "companies_house", "brightdata", "linkedin_profile"} <= set(built.absent_vendors)
    await built.close()


@pytest.mark.parametrize(("channel", "settings", "named"), MISSING)
async def test_a_channel_that_lacks_something_is_absent_and_names_it(
    sandbox: RunningSandbox, channel: Channel, settings: dict[str, object], named: str
) -> None:  # S3.05, S0.19
    built = registry.build(sandbox.settings(**settings))
    with pytest.raises(VendorRefused, match=f"channel {channel.value}.*{named}") as caught:
        built.company_search(channel)
    assert caught.value.code == "channel_absent"
    await built.close()


async def test_a_look_up_is_found_by_its_name_and_an_absent_one_says_why(sandbox: RunningSandbox) -> None:  # S3.05
    built = registry.build(sandbox.settings(apollo_api_key=None))
    for name, operation in built.operations.items():
        assert built.operation(name) is operation
    with pytest.raises(VendorRefused, match="APOLLO_API_KEY") as caught:
        built.operation("apollo.match")
    assert caught.value.code == "vendor_absent"
    with pytest.raises(VendorRefused, match=r"no look-up pdl\.weather"):
        built.operation("pdl.weather")
    await built.close()


async def test_what_is_paid_for_is_paid_with_the_houses_key(sandbox: RunningSandbox) -> None:
    # A budget has a vendor and a unit, and no key: of what costs something each vendor has one (docs/decisions/0006-ledger.md).
    built = registry.build(sandbox.settings())
    asked = [*built.operations.values(), *(ask.Pages(built.company_search(channel)) for channel in built.channels)]
    paid = [op for op in asked if op.spec.billable]
    assert {"apollo", "pdl", "tavily", "sam", "hunter", "llm"} <= {op.spec.vendor for op in paid}
    assert {getattr(op, "credential", HOUSE) for op in paid} == {HOUSE}
    # Where tenants bring keys of their own, nothing is paid for.
    own = (odoo.UPSERT, odoo.CHECK, odoo.READ, slack.POST, pagerduty.EVENT, webhook.POST)
    assert not any(spec.billable for spec in own)
    await built.close()
