"""Which searches sit the exam of `test_conformance.py`: every adapter of every channel.

To add one, add a `Search`. `name` is "vendor.operation"; `address` and `key` are settings; `also` chooses it where a channel has
several; `country` is the one it knows best; `apart` as in `exam.py`. Its pages are walked unless it says that it has one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from contracts.providers import Channel, CompanySearch, Terms
from tests.providers.exam import SECRET
from tests.providers.sandbox_fixture import RunningSandbox
from worker.providers import registry

FREE = "it wants no key"
ONE_PAGE = "tests/providers/test_conformance.py::test_web_search_has_one_page_and_a_second_costs_nothing"
ON_DISK = "tests/providers/test_company_file.py::test_a_file_that_is_not_there_or_not_readable_says_what_to_do"
OF_DISK = "it is a file on this machine: nobody is asked, and no key is shown to anybody"


@dataclass(frozen=True)
class Search:
    """One adapter of one channel and what the exam has to know of it."""

    name: str
    channel: Channel
    terms: Terms
    address: str | None = None
    key: str | None = None
    also: Mapping[str, Any] = field(default_factory=dict)
    country: tuple[str, str] = ("ZA", "South Africa")
    #: Its cursors are our own, so that a wrong one is known for what it is.
    counted: bool = True
    apart: Mapping[str, str] = field(default_factory=dict)

    def sits(self, part: str) -> bool:
        return part not in self.apart

    def query(self, words: str = "corporate clothing suppliers") -> str:
        return f"{words} {self.country[1]}"

    @asynccontextmanager
    async def opened(self, sandbox: RunningSandbox, **more: Any) -> AsyncIterator[CompanySearch]:
        """The adapter, with the exam's secret for a key."""
        key = {self.key: SecretStr(SECRET)} if self.key else {}
        built = registry.build(sandbox.settings(**{**key, **self.also, **more}))
        try:
            yield built.company_search(self.channel)
        finally:
            await built.close()


def _tavily(channel: Channel) -> Search:
    return Search(
        f"tavily.search.{channel.value}", channel, Terms.CRAWLED, "tavily_base_url", "tavily_api_key",
        counted=False, apart={"paging": ONE_PAGE},
    )  # fmt: skip


def _google(channel: Channel) -> Search:
    return Search(
        f"google_cse.search.{channel.value}", channel, Terms.CRAWLED, "google_cse_base_url", "google_cse_api_key",
        also={"web_search_vendor": "google_cse"},
    )  # fmt: skip


SEARCHES: tuple[Search, ...] = (
    _tavily(Channel.GOOGLE),
    _tavily(Channel.KEYWORD),
    _tavily(Channel.SOCIAL),
    _google(Channel.GOOGLE),
    _google(Channel.SOCIAL),
    Search(
        "gleif.lei-records", Channel.REGISTER, Terms.PUBLIC, "gleif_base_url",
        apart=dict.fromkeys(("keyless", "redaction"), FREE),
    ),
    Search(
        "file.scan", Channel.FILE, Terms.PUBLIC,
        apart=dict.fromkeys(("classes", "garbage"), ON_DISK) | dict.fromkeys(("keyless", "slow", "cut", "redaction"), OF_DISK),
    ),
    Search("apollo.search", Channel.APOLLO, Terms.LICENSED, "apollo_base_url", "apollo_api_key"),
    Search("pdl.company_search", Channel.PDL, Terms.LICENSED, "pdl_base_url", "pdl_api_key", counted=False),
    Search(
        "companies_house.search", Channel.COMPANIES_HOUSE, Terms.PUBLIC, "companies_house_base_url",
        "companies_house_api_key", country=("GB", "United Kingdom"),
    ),
    Search("pdl.person_search", Channel.LINKEDIN, Terms.LICENSED, "pdl_base_url", "pdl_api_key", counted=False),
)  # fmt: skip
