"""Which adapter serves which channel, and what it needs. Makers raise VendorRefused with a sentence that says what to set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from contracts.errors import VendorRefused
from contracts.providers import Channel, CompanySearch
from contracts.settings import Settings
from worker.providers import apollo, companies_house, linkedin_profile, pdl
from worker.providers.company_file import SHIPPED, CompanyFile
from worker.providers.gleif import GleifSearch
from worker.providers.google_cse import GoogleSearch
from worker.providers.keys import absent, usable_key
from worker.providers.tavily import TavilySearch


class Adapter(CompanySearch, Protocol):
    """A search that holds connections or rows."""

    async def close(self) -> None: ...


Make = Callable[[Channel, Settings], Adapter]


def _tavily(channel: Channel, settings: Settings) -> Adapter:
    key = usable_key(settings, "tavily", "tavily_api_key")
    return TavilySearch(channel, settings.tavily_base_url, key, timeout_s=settings.vendor_timeout_s)


def _web(channel: Channel, settings: Settings) -> Adapter:
    if settings.web_search_vendor != "google_cse":
        return _tavily(channel, settings)
    key = usable_key(settings, "google_cse", "google_cse_api_key")
    if not settings.google_cse_id:
        raise absent("google_cse", "there is no GOOGLE_CSE_ID: set it to the id of your search engine, or do without")
    return GoogleSearch(
        channel, settings.google_cse_base_url, key, settings.google_cse_id, timeout_s=settings.vendor_timeout_s
    )


def _social(channel: Channel, settings: Settings) -> Adapter:
    if not settings.social_channel_enabled:
        raise absent("social", "SOCIAL_CHANNEL_ENABLED is off: set it to true, or do without")
    return _web(channel, settings)


def _register(_channel: Channel, settings: Settings) -> Adapter:
    return GleifSearch(settings.gleif_base_url, timeout_s=settings.vendor_timeout_s)


def _file(_channel: Channel, settings: Settings) -> Adapter:
    path = Path(settings.company_file) if settings.company_file else SHIPPED
    if not path.is_file():
        raise VendorRefused(f"COMPANY_FILE {path.name} is not a file: correct it or unset it")
    return CompanyFile(path)


def _apollo(_channel: Channel, settings: Settings) -> Adapter:
    return apollo.ApolloSearch(apollo.client(settings, settings.vendor_timeout_s))


def _pdl(_channel: Channel, settings: Settings) -> Adapter:
    return pdl.PdlSearch(pdl.client(settings, settings.vendor_timeout_s))


def _companies_house(_channel: Channel, settings: Settings) -> Adapter:
    return companies_house.CompaniesHouseSearch(companies_house.client(settings, settings.vendor_timeout_s))


def _linkedin(_channel: Channel, settings: Settings) -> Adapter:
    linkedin_profile.check(settings)
    return linkedin_profile.LinkedInSearch(pdl.client(settings, settings.vendor_timeout_s))


MAKERS: dict[Channel, Make] = {
    Channel.GOOGLE: _web,
    Channel.KEYWORD: _tavily,
    Channel.REGISTER: _register,
    Channel.FILE: _file,
    Channel.APOLLO: _apollo,
    Channel.PDL: _pdl,
    Channel.COMPANIES_HOUSE: _companies_house,
    Channel.LINKEDIN: _linkedin,
    Channel.SOCIAL: _social,
}
