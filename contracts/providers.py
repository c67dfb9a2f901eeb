"""The ports: what the outside world can do for us, as Protocols. Adapters live in `worker/providers`.

Two shapes. A *search* is asked one page at a time, so that a page is the billable item, the unit of resume and the unit of
replay (`CompanySearch`). A *look-up* is asked for items, one or a batch (`Operation`): a person, an e-mail address, a site.
Both go through the ledger (`worker/ask.py`), which knows them by their `OperationSpec`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Literal, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Channel(StrEnum):
    """Where records come from. A document's `channel` and another's `provider` are this one enum (R23)."""

    GOOGLE = "google"
    KEYWORD = "keyword"
    REGISTER = "register"
    FILE = "file"
    APOLLO = "apollo"
    PDL = "pdl"
    COMPANIES_HOUSE = "companies_house"
    LINKEDIN = "linkedin"
    SOCIAL = "social"


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
    "apollo": Channel.APOLLO,
    "pdl": Channel.PDL,
    "people_data_labs": Channel.PDL,
    "companies_house": Channel.COMPANIES_HOUSE,
    "companieshouse": Channel.COMPANIES_HOUSE,
    "linkedin": Channel.LINKEDIN,
    "linkedin_scrape": Channel.LINKEDIN,
    "linkedinscrape": Channel.LINKEDIN,
    "linkedin_profile": Channel.LINKEDIN,
    "social": Channel.SOCIAL,
}


class Terms(StrEnum):
    """What we may do with a value, by where it came from. The strictest of several wins."""

    PUBLIC = "public"  # public domain or an open licence
    ATTRIBUTION = "attribution"  # an open licence that wants its source named
    LICENSED = "licensed"  # bought for our own use: no resale, erased at the contract's end
    CRAWLED = "crawled"  # read off public pages: never for bulk mail
    OWN = "own"  # our own: typed in, or worked out by us


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` requests in any `seconds`."""

    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a vendor may be asked with one credential, by all workers on all hosts together. `name` is what shares it."""

    name: str
    windows: tuple[Window, ...] = ()
    concurrency: int = 4


class RequestKey(str):
    """What names a request at its vendor: the same however often it is sent, so that it is done and billed once.

    `attempt` says who sends it this time, as EXECUTION.TOKEN; a vendor may refuse an older token of one execution, and must not
    tell requests apart by it.
    """

    attempt: str

    def __new__(cls, call: str, attempt: str) -> RequestKey:
        made = super().__new__(cls, call)
        made.attempt = attempt
        return made


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """What is fixed about one operation of one vendor. Figures are defaults: `VENDOR_LIMITS` overrides them.

    `units` is the worst case of one item in the vendor's `unit`; `batch` the most items of one request; `keep_s` and
    `keep_miss_s` how long an answer or a miss stands in for a new request; `resend`: the vendor knows our idempotency key, so
    a request whose answer was lost may be sent again; `repeats_free`: the vendor charges the same question once until its
    period ends, which it does at 00:00 UTC, so that a lost one may be asked again on the day it was sent;
    `recoverable`: `recover` can read a lost answer, free of charge;
    `stored_as`: the operation of this vendor that gives the same answer to the same query, so that neither buys what the other
    has. `unit_price_usd` is an assumption, for forecasts and for the order of a waterfall; the contract decides.
    """

    vendor: str
    operation: str
    answer: type[BaseModel]
    terms: Terms
    pace: Pace
    unit: str = "credit"
    units: float = 1.0
    billable: bool = True
    batch: int = 1
    keep_s: float = 30 * 86_400.0
    keep_miss_s: float = 7 * 86_400.0
    keep_raw_s: float = 60 * 86_400.0
    resend: bool = False
    repeats_free: bool = False
    recoverable: bool = False
    timeout_s: float = 30.0
    stored_as: str | None = None

    @property
    def item(self) -> str:
        """Under which name the ledger keeps its items."""
        return self.stored_as or self.operation

    unit_price_usd: float = 0.01


class FoundContact(BaseModel):
    """A person a vendor named beside a company."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(default=None, max_length=300)
    title: str | None = Field(default=None, max_length=300)
    email: str | None = Field(default=None, max_length=320)
    linkedin_url: str | None = Field(default=None, max_length=500)
    vendor_id: str | None = Field(
        default=None, max_length=200, description="the vendor's id of the person: asked for by it later"
    )


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
    terms: Terms | None = None
    observed_at: AwareDatetime | None = Field(default=None, description="when the vendor says it was so")
    raw: dict[str, object] = Field(default_factory=dict)


class Page(BaseModel):
    """One page of hits. `next_cursor` is None on the last page; `units` is what the page cost, in vendor units."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    companies: tuple[FoundCompany, ...] = ()
    next_cursor: str | None = Field(default=None, max_length=500)
    units: float = Field(default=0, ge=0)


class CompanySearch(Protocol):
    """Finds companies for a query in words.

    It may have, too: `pace: Pace`; `unit: str`; `units_for(limit: int) -> float`, the worst case of a page where its size is
    money; `max_pages: int`, where a query has no more.

    Raises: VendorBusy, VendorDown, VendorRefused, BadAnswer (see `contracts/errors.py`).
    """

    vendor: str
    operation: str
    #: What may be done with what it finds: on each of its companies, and on its pages in the ledger.
    terms: Terms
    #: False: a call costs nothing and may be sent again (design law 5).
    billable: bool
    #: The worst case a page can cost, in vendor units.
    units_per_page: float

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        """Fetch the page at `cursor` (None = the first) with at most `limit` hits."""
        ...


Query = TypeVar("Query", bound=BaseModel)
Found = TypeVar("Found", bound=BaseModel)
_Q = TypeVar("_Q", bound=BaseModel, contravariant=True)
_A = TypeVar("_A", bound=BaseModel)

#: What became of one item. `miss`: nothing known, no error. `suppressed`: the person objected or the law forbids it: drop, and
#: write to the suppression list. `invalid`: the vendor turned this one item down; the others of its batch stand.
ItemOutcome = Literal["found", "miss", "suppressed", "invalid"]


class VendorTurns(Protocol):
    """Politeness towards vendors, shared by all workers. `credential` names the key that is asked with."""

    def turn(self, spec: OperationSpec, credential: str) -> AbstractAsyncContextManager[None]:
        """Wait for the turn to ask once, and hold it during the request. Raises: as `worker.pace.Pacer.turn`."""
        ...


class Reply(BaseModel, Generic[_A]):
    """What a vendor said about one item. `units` is what it cost, in the operation's unit; `at` when it was said.

    `raw` is the vendor's own record, kept apart and for a shorter time than the value. `note` says why there is no value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: ItemOutcome
    value: _A | None = None
    units: float = Field(default=0, ge=0)
    vendor_ref: str | None = Field(default=None, max_length=500, description="the vendor's id for what it answered")
    note: str | None = Field(default=None, max_length=500)
    at: AwareDatetime
    raw: dict[str, object] | None = None
    estimated: bool = Field(default=False, description="the vendor did not say what it cost: `units` is our estimate")


class Operation(Protocol[_Q, _A]):
    """One operation of one vendor on items: `ask` gives one reply for each query, in their order.

    Raises: VendorBusy (not served, not billed), VendorDown (`sent` says whether it may have been billed), VendorRefused, BadAnswer.
    An answer that is still being worked on is VendorBusy with code `pending` and `after_s`: the same question again costs nothing.
    """

    @property
    def spec(self) -> OperationSpec: ...

    def units_of(self, query: _Q) -> float:
        """The worst case that one item can cost; `spec.units` unless it depends on the query."""
        ...

    async def ask(self, queries: Sequence[_Q], *, key: str) -> list[Reply[_A]]:
        """Ask for at most `spec.batch` items in one request. `key` names this request for vendors with idempotency keys; a
        `RequestKey` says which attempt sends it as well.
        """
        ...

    async def recover(self, query: _Q, *, key: str) -> Reply[_A] | None:
        """Read a lost answer again, by the key it was asked under; None: it never arrived. Only if `spec.recoverable`."""
        ...
