"""The company register: GLEIF's public API (version 1, JSON:API). Free, no key, about 60 requests a minute.

A query in words becomes two filters (see `query.py`): `filter[entity.legalAddress.country]` from the place,
and `filter[fulltext]` from the significant words. Without any significant word the register is listed by
country; without either, there is nothing to ask and the answer is empty. Funds, branches and inactive
entities are not leads: dropped. Terms: GLEIF gives its data away under CC0.

The cursor is the number of records already passed, so a walk may change its page size half way.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from contracts.providers import FoundCompany, Pace, Page, Terms, Window
from worker.providers.answers import shaped
from worker.providers.http import VendorClient
from worker.providers.offsets import page_size, read_offset
from worker.providers.query import Wanted, read
from worker.providers.rules import VendorRules

MAX_PAGE = 200
#: GLEIF serves page numbers only as far as the 10,000th record.
MAX_RECORDS = 10_000
CONFIDENCE = 0.9

RULES = VendorRules(vendor="gleif", address_setting="GLEIF_BASE_URL")
_LEAD_CATEGORIES = frozenset({"GENERAL", "SOLE_PROPRIETOR"})


class _Name(BaseModel):
    name: str = Field(min_length=1)


class _Address(BaseModel):
    city: str | None = None
    country: str | None = None


class _Entity(BaseModel):
    legalName: _Name  # noqa: N815 - the vendor's name
    legalAddress: _Address = _Address()  # noqa: N815
    category: str | None = None
    status: str | None = None


class _Attributes(BaseModel):
    lei: str = Field(pattern=r"^[A-Z0-9]{20}$")
    entity: _Entity


class _Record(BaseModel):
    attributes: _Attributes


class _Pagination(BaseModel):
    currentPage: int = Field(ge=1)  # noqa: N815
    lastPage: int = Field(ge=0)  # noqa: N815


class _Meta(BaseModel):
    pagination: _Pagination


class _Answer(BaseModel):
    meta: _Meta
    data: list[_Record]


class GleifSearch:
    """`CompanySearch` on the register. Pages of at most 200 hits; `cursor` is an offset such as "40"."""

    vendor = "gleif"
    operation = "lei-records"
    terms = Terms.PUBLIC
    billable = False
    units_per_page = 0.0
    #: 60 requests a minute from one address.
    pace = Pace("gleif", (Window(54, 60),), concurrency=4)

    def __init__(self, base_url: str, *, timeout_s: float) -> None:
        headers = {"Accept": "application/vnd.api+json"}
        self._http = VendorClient(RULES, base_url, timeout_s=timeout_s, headers=headers)

    async def search(self, query: str, *, cursor: str | None, limit: int) -> Page:
        """One page of the register. Raises VendorBusy, VendorDown, VendorRefused, BadAnswer; Invalid for a
        bad cursor.
        """
        wanted = read(query)
        if not wanted.words and not wanted.country:
            return Page()
        offset = read_offset(cursor)
        size = page_size(offset, limit, MAX_PAGE)
        raw = await self._http.get("/api/v1/lei-records", _params(wanted, offset // size + 1, size))
        answer = shaped(_Answer, raw, self.vendor)
        pairs = zip(answer.data, raw["data"], strict=True)
        found = tuple(company for record, given in pairs if (company := _company(record, given)))
        return Page(companies=found[:limit], next_cursor=_next(answer.meta.pagination, offset, size))

    async def close(self) -> None:
        await self._http.close()


def _params(wanted: Wanted, page: int, size: int) -> dict[str, str]:
    params = {"page[size]": str(size), "page[number]": str(page)}
    if wanted.words:
        params["filter[fulltext]"] = wanted.text
    if wanted.country:
        params["filter[entity.legalAddress.country]"] = wanted.country
    return params


def _company(record: _Record, given: dict[str, Any]) -> FoundCompany | None:
    entity, lei = record.attributes.entity, record.attributes.lei
    if (entity.category or "GENERAL") not in _LEAD_CATEGORIES or (entity.status or "ACTIVE") != "ACTIVE":
        return None
    country = (entity.legalAddress.country or "").upper()
    return FoundCompany(
        external_id=lei,
        name=entity.legalName.name.strip()[:500] or lei,
        country=country if len(country) == 2 and country.isascii() and country.isalpha() else None,
        city=(entity.legalAddress.city or "").strip()[:200] or None,
        registry_id=f"lei:{lei}",
        confidence=CONFIDENCE,
        terms=Terms.PUBLIC,
        raw=given,
    )


def _next(pagination: _Pagination, offset: int, size: int) -> str | None:
    after = offset + size
    if pagination.currentPage >= pagination.lastPage or after >= MAX_RECORDS:
        return None
    return str(after)
