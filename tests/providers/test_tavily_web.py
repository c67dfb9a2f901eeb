"""Tavily as a look-up: hits with their text, pages shared out of one bill, codes of its own."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.errors import VendorRefused
from contracts.findings import PageText, PageUrl, WebHits, WebQuery
from contracts.providers import Operation
from tests.providers.exam import SECRET
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.saying import saying
from tests.providers.subjects import clothiers
from worker.providers import tavily_web


def operation(sandbox: RunningSandbox, name: str, **settings: Any) -> Operation[Any, Any]:
    chosen = {"tavily_api_key": SECRET, **settings}
    return next(op for op in tavily_web.make(sandbox.settings(**chosen)) if op.spec.operation == name)


async def test_a_search_keeps_to_the_sites_it_is_given_and_brings_their_text(sandbox: RunningSandbox) -> None:  # S3.04
    company = clothiers()[0]
    query = WebQuery(words=f"about {company.name}", sites=(company.domain,), want_text=True)
    (reply,) = await operation(sandbox, "search").ask([query], key="k")
    assert isinstance(reply.value, WebHits)
    for hit in reply.value.hits:
        assert company.domain in hit.url
        assert company.name in (hit.text or "")
    assert reply.units == sandbox.totals("tavily")["credits"] == 1


async def test_pages_share_one_bill_and_what_cannot_be_read_costs_nothing(sandbox: RunningSandbox) -> None:  # S3.05
    good = [f"https://{c.domain}/about/" for c in clothiers()[:12]]
    urls = [*good[:6], "https://quokka.example/", *good[6:]]
    replies = await operation(sandbox, "extract").ask([PageUrl(url=url) for url in urls], key="k")
    assert [r.outcome for r in replies] == ["found"] * 6 + ["miss"] + ["found"] * 6
    for url, reply in zip(urls, replies, strict=True):
        if isinstance(reply.value, PageText):
            assert reply.value.url == url
    texts = [r.value.text for r in replies if r.value]
    assert all(c.name in text for c, text in zip(clothiers(), texts, strict=False)), "each its own page"
    assert sum(r.units for r in replies) == pytest.approx(sandbox.totals("tavily")["credits"]) == 3
    assert replies[6].units == 0


@pytest.mark.parametrize("kind", ["432", "433"])
async def test_its_own_codes_mean_that_credits_are_gone(sandbox: RunningSandbox, kind: str) -> None:  # S2.14
    sandbox.fault(kind, vendor="tavily")
    with pytest.raises(VendorRefused) as caught:
        await operation(sandbox, "extract").ask([PageUrl(url="https://quokka.example/")], key="k")
    assert caught.value.code == "vendor_quota"


async def test_a_bill_that_does_not_come_is_estimated(sandbox: RunningSandbox) -> None:
    results = [{"url": f"https://a.example/{n}", "raw_content": "text"} for n in range(6)]
    async with saying((200, {"results": results, "failed_results": []})) as vendor:
        op = operation(sandbox, "extract", tavily_base_url=vendor.url)
        replies = await op.ask([PageUrl(url=f"https://a.example/{n}") for n in range(6)], key="k")
    assert sum(r.units for r in replies) == pytest.approx(2)
    assert all(r.estimated for r in replies)
