"""Which adapter serves which channel, and what it needs. Makers raise VendorRefused with a sentence that says what to set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from contracts.errors import VendorRefused
from contracts.providers import Channel, CompanySearch
from contracts.settings import Settings
from worker.providers import apollo, linkedin_profile, pdl
from worker.providers.company_file import SHIPPED, CompanyFile
from worker.providers.gleif import GleifSearch
from worker.providers.keys import usable_key
from worker.providers.tavily import TavilySearch


class Adapter(CompanySearch, Protocol):
    """A search that holds connections or rows."""

    async def close(self) -> None: ...


Make = Callable[[Channel, Settings], Adapter]


def _web(channel: Channel, settings: Settings) -> Adapter:
    key = usable_key(settings, "tavily", "tavily_api_key")
    return TavilySearch(channel, settings.tavily_base_url, key, timeout_s=settings.vendor_timeout_s)


def _register(_channel: Channel, settings: Settings) -> Adapter:
    return GleifSearch(settings.gleif_base_url, timeout_s=settings.vendor_timeout_s)


def _file(_channel: Channel, settings: Settings) -> Adapter:
    path = Path(settings.company_file) if settings.company_file else SHIPPED
    if not path.is_file():
        raise VendorRefused(f"COMPANY_FILE {path.name} is not a file: correct it or unset it")
    return CompanyFile(path)


def _apollo(_channel: Channel, settings: Settings) -> Adapter:
    return apollo.ApolloSearch(apollo.client(settings))


def _pdl(_channel: Channel, settings: Settings) -> Adapter:
    return pdl.PdlSearch(pdl.client(settings))


def _linkedin(_channel: Channel, settings: Settings) -> Adapter:
    linkedin_profile.check(settings)
    return linkedin_profile.LinkedInSearch(pdl.client(settings))


MAKERS: dict[Channel, Make] = {
    Channel.GOOGLE: _web,
    Channel.KEYWORD: _web,
    Channel.REGISTER: _register,
    Channel.FILE: _file,
    Channel.APOLLO: _apollo,
    Channel.PDL: _pdl,
    Channel.LINKEDIN: _linkedin,
}
