"""The real vendors, where a key of theirs is set: one call each that costs nothing. Without a key there is nothing to run.

`TAVILY_API_KEY=… make test ARGS="tests/providers/test_live.py"` asks Tavily alone. Vendor addresses on this machine are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from contracts.settings import Settings
from worker.providers import apollo, hunter_people, llm, lusha, pdl, tavily, zerobounce
from worker.providers.http import VendorClient
from worker.providers.rules import VendorRules


@dataclass(frozen=True)
class Free:
    """A call that costs nothing: settings of address and key, and what to ask."""

    rules: VendorRules
    address: str
    key: str
    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()


#: By vendor (providers.md section 21).
CALLS = {
    "apollo": Free(apollo.RULES, "apollo_base_url", "apollo_api_key", "GET", "/auth/health"),
    "hunter": Free(hunter_people.RULES, "hunter_base_url", "hunter_api_key", "GET", "/account"),
    "lusha": Free(lusha.RULES, "lusha_base_url", "lusha_api_key", "GET", "/v3/account/usage"),
    "openai": Free(llm.RULES, "openai_base_url", "openai_api_key", "GET", "/models"),
    "pdl": Free(
        pdl.RULES, "pdl_base_url", "pdl_api_key", "GET", "https://sandbox.api.peopledatalabs.com/v5/person/enrich",
        (("profile", "linkedin.com/in/seanthorne"),),
    ),
    "tavily": Free(tavily.RULES, "tavily_base_url", "tavily_api_key", "GET", "/usage"),
    "zerobounce": Free(zerobounce.RULES, "zerobounce_base_url", "zerobounce_api_key", "GET", "/getcredits"),
}  # fmt: skip


@pytest.mark.parametrize("vendor", CALLS)
async def test_the_real_vendor_knows_our_key(vendor: str) -> None:
    call, settings = CALLS[vendor], Settings()
    key: SecretStr | None = getattr(settings, call.key)
    base: str = getattr(settings, call.address)
    if key is None:
        pytest.skip(f"{call.key.upper()} is not set")
    if urlsplit(base).hostname in ("127.0.0.1", "localhost", "::1"):
        pytest.skip(f"{call.address.upper()} points at this machine")
    client = VendorClient(call.rules, base, timeout_s=30, key=key)
    try:
        heard = await client.ask(call.method, call.path, params=dict(call.params))
    finally:
        await client.close()
    assert heard.kind is None
    assert isinstance(heard.json, dict)
