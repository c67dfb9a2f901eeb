"""The ports: what the outside world can do for us, as Protocols. Adapters live in `worker/providers`.

Every port is asked one *page* at a time, so that a page is the billable item, the unit of resume and the unit of replay.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field


class Channel(StrEnum):
    """Where records come from. A document's `channel` and another's `provider` are this one enum (R23)."""

    GOOGLE = "google"
    KEYWORD = "keyword"
    REGISTER = "register"
    FILE = "file"


#: `provider` names of the documents and of vendors -> our channel (R23). Lower case.
PROVIDER_ALIASES: dict[str, Channel] = {
    "google": Channel.GOOGLE,
    "google_search": Channel.GOOGLE,
    "googlesearch": Channel.GOOGLE,
    "tavily": Channel.GOOGLE,
    "keyword": Channel.KEYWORD,
    "company_search": Channel.REGISTER,
    "companysearch": Channel.REGISTER,
    "gleif": Channel.REGISTER,
    "register": Channel.REGISTER,
    "file": Channel.FILE,
}


class FoundContact(BaseModel):
    """A person a vendor named beside a company."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(default=None, max_length=300)
    title: str | None = Field(default=None, max_length=300)
    email: str | None = Field(default=None, max_length=320)


class FoundCompany(BaseModel):
    """One normalised hit of a search. `raw` is the vendor's own record, kept for replay."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    external_id: str = Field(
        min_length=1, max_length=500, description="the vendor's id for the hit; a URL for web search"
    )
    name: str = Field(min_length=1, max_length=500)
    country: str | None = Field(default=None, pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")
    city: str | None = Field(default=None, max_length=200)
    domain: str | None = Field(default=None, max_length=253, description="registrable domain, lower case")
    registry_id: str | None = Field(default=None, max_length=100, description="scheme:value, e.g. lei:5493…")
    industries: tuple[str, ...] = ()
    contacts: tuple[FoundContact, ...] = ()
    confidence: float = Field(default=0.5, ge=0, le=1)
    raw: dict[str, object] = Field(default_factory=dict)


class Page(BaseModel):
    """One page of hits. `next_cursor` is None on the last page; `units` is what the page cost, in vendor units."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    companies: tuple[FoundCompany, ...] = ()
    next_cursor: str | None = Field(default=None, max_length=500)
    units: float = Field(default=0, ge=0)


class CompanySearch(Protocol):
    """Finds companies for a query in words.

    Raises: VendorBusy, VendorDown, VendorRefused, BadAnswer (see `contracts/errors.py`).
    """

    vendor: str
    operation: str
    #: False: a call costs nothing and may be sent again (design law 5).
    billable: bool
    #: The worst case a page can cost, in vendor units.
    units_per_page: float

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        """Fetch the page at `cursor` (None = the first) with at most `limit` hits."""
        ...
