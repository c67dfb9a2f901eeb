"""Bright Data's data set of public LinkedIn pages: a person by the address of their page. Off unless LINKEDIN_PROFILE_ENABLED.

`POST /datasets/v3/scrape?dataset_id=…` answers at once, or after about a minute with 202 and the id of a snapshot that is still
being built. Each delivered record costs one. A second scrape would cost again, so a snapshot is looked for first: by what this
process remembers, and for an answer that was lost by the list of snapshots of the last day and what each was asked for
(`GET /datasets/v3/snapshots`, `/snapshot/{id}/input`; vendor's documents, 2026). Reading a snapshot costs nothing. Since November
2025 LinkedIn hides positions from visitors: expect a name, a headline and a place.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from contracts.errors import BadAnswer, VendorBusy
from contracts.findings import FoundPerson, PersonQuery
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers import lenient, linkedin_profile
from worker.providers.answers import Json
from worker.providers.batches import in_order
from worker.providers.http import Heard, VendorClient
from worker.providers.keys import usable_key
from worker.providers.lenient import Country, Lenient, Words
from worker.providers.operation import LookUp, found, miss, patience
from worker.providers.rules import VendorRules

PROFILE = OperationSpec(
    vendor="brightdata",
    operation="profile",
    answer=FoundPerson,
    terms=Terms.CRAWLED,
    pace=Pace("brightdata", (Window(20, 60),), concurrency=1),
    unit="record",
    batch=20,
    recoverable=True,
    timeout_s=90.0,
    unit_price_usd=0.0015,
)
RULES = VendorRules(
    vendor="brightdata", address_setting="BRIGHTDATA_BASE_URL", key_setting="BRIGHTDATA_API_KEY", statuses={404: "miss"}
)
#: When to look at a snapshot that is being built again, in seconds.
LOOK_AGAIN_S = 20.0
#: Snapshots looked through for a lost answer, and how old they may be.
MAX_SNAPSHOTS, MAX_AGE = 10, timedelta(days=1)
#: Snapshots that a process remembers.
MAX_REMEMBERED = 1_000
_PAGE = re.compile(r"^/in/([^/]+)")


class _Profile(Lenient):
    id: Words = None
    linkedin_id: Words = None
    name: Words = None
    first_name: Words = None
    last_name: Words = None
    city: Words = None
    country_code: Country = None
    position: Words = None
    current_company_name: Words = None
    current_company: Any = None
    url: lenient.Url = None
    input_url: lenient.Url = None
    input: Any = None
    error: Words = None


class BrightDataProfiles(LookUp[PersonQuery, FoundPerson]):
    """A person by `linkedin_url`; other ways of naming one are `invalid`."""

    def __init__(self, http: VendorClient, dataset: str) -> None:
        super().__init__(PROFILE, http)
        self._dataset = dataset
        #: Slug of a page -> the snapshot that will hold it.
        self._building: OrderedDict[str, str] = OrderedDict()

    async def ask(self, queries: Sequence[PersonQuery], *, key: str) -> list[Reply[FoundPerson]]:  # noqa: ARG002
        return await in_order(queries, _asked, self._scrape)

    async def recover(self, query: PersonQuery, *, key: str) -> Reply[FoundPerson] | None:  # noqa: ARG002
        """The record of `query` in a snapshot of the last day, None when there is none."""
        slug = slug_of(query.linkedin_url)
        snapshot = await self._snapshot_of(slug) if slug else None
        if slug is None or snapshot is None:
            return None
        records = await self._read(snapshot)
        return _reply(slug, records)

    async def _scrape(self, asked: list[Json]) -> list[Reply[FoundPerson]]:
        slugs = [each["slug"] for each in asked]
        snapshots = {self._building[slug] for slug in slugs if slug in self._building}
        records = [record for snapshot in sorted(snapshots) for record in await self._read(snapshot)]
        if fresh := [slug for slug in slugs if slug not in self._building]:
            records += await self._fresh(fresh)
        for slug in slugs:
            self._building.pop(slug, None)
        return [_reply(slug, records) for slug in slugs]

    async def _fresh(self, slugs: list[str]) -> list[Json]:
        params = {"dataset_id": self._dataset, "format": "json", "include_errors": "true"}
        body = [{"url": f"https://www.linkedin.com/in/{slug}"} for slug in slugs]
        heard = await self._http.ask("POST", "/datasets/v3/scrape", params=params, json=body)
        if heard.status != 202:
            return _records(heard)
        snapshot = lenient.words(lenient.members(heard.json).get("snapshot_id"))
        if snapshot is None:
            raise BadAnswer("brightdata answered 202 without a snapshot: its API may have changed", vendor="brightdata")
        for slug in slugs:
            self._building[slug] = snapshot
        while len(self._building) > MAX_REMEMBERED:
            self._building.popitem(last=False)
        raise _pending(snapshot)

    async def _read(self, snapshot: str) -> list[Json]:
        """The records of a snapshot. Raises VendorBusy (`pending`) while it is being built."""
        heard = await self._http.ask("GET", f"/datasets/v3/snapshot/{snapshot}", params={"format": "json"})
        if heard.status == 202:
            raise _pending(snapshot)
        return _records(heard)

    async def _snapshot_of(self, slug: str) -> str | None:
        if slug in self._building:
            return self._building[slug]
        since = f"{datetime.now(UTC) - MAX_AGE:%Y-%m-%dT%H:%M:%SZ}"
        params = {"dataset_id": self._dataset, "from_date": since, "limit": str(MAX_SNAPSHOTS)}
        heard = await self._http.ask("GET", "/datasets/v3/snapshots", params=params)
        listed = [lenient.members(each) for each in lenient.listed(heard.json)]
        ids = [id_ for each in listed if each.get("status") != "failed" and (id_ := lenient.words(each.get("id")))]
        for id_ in ids[:MAX_SNAPSHOTS]:
            asked = await self._http.ask("GET", f"/datasets/v3/snapshot/{id_}/input", text=True)
            if slug in {slug_of(url) for url in re.findall(r"https?://[^\s\",]+", asked.text)}:
                return id_
        return None


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """Bright Data's look-up. Raises VendorRefused (`vendor_absent`) without LINKEDIN_PROFILE_ENABLED and BRIGHTDATA_API_KEY."""
    linkedin_profile.check(settings)
    key = usable_key(settings, "brightdata", "brightdata_api_key")
    http = VendorClient(RULES, settings.brightdata_base_url, timeout_s=patience(settings, PROFILE), key=key)
    return [BrightDataProfiles(http, settings.brightdata_profile_dataset)]


def slug_of(url: str | None) -> str | None:
    """The last part of the address of a person's page, lower case; None for other addresses."""
    parts = urlsplit(url if url and "://" in url else f"https://{url or ''}")
    host = (parts.hostname or "").lower()
    page = _PAGE.match(parts.path)
    return page[1].lower() if page and (host == "linkedin.com" or host.endswith(".linkedin.com")) else None


def _asked(query: PersonQuery) -> Json | str:
    slug = slug_of(query.linkedin_url)
    return {"slug": slug} if slug else "brightdata wants the address of a person's page on LinkedIn"


def _pending(snapshot: str) -> VendorBusy:
    words = "brightdata is still collecting this: the same question again costs nothing"
    return VendorBusy(words, after_s=LOOK_AGAIN_S, code="pending", vendor="brightdata", snapshot=snapshot)


def _records(heard: Heard) -> list[Json]:
    if heard.kind == "miss":
        return []
    # One record may come without its list.
    alone = isinstance(heard.json, dict) and ("input" in heard.json or "input_url" in heard.json or "url" in heard.json)
    given = [heard.json] if alone else heard.json
    if not isinstance(given, list) or any(not isinstance(each, dict) for each in given):
        raise BadAnswer("brightdata answered no list of records: its API may have changed", vendor="brightdata")
    return given


def _reply(slug: str, records: list[Json]) -> Reply[FoundPerson]:
    for raw in records:
        each = _Profile.model_validate(raw)
        asked = each.input_url or lenient.words(lenient.members(each.input).get("url"))
        if slug in (slug_of(asked), slug_of(each.url), (each.linkedin_id or each.id or "").lower()):
            return miss() if each.error or not each.name else found(_person(each), units=1.0, ref=each.id, raw=raw)
    return miss()


def _person(each: _Profile) -> FoundPerson:
    company = lenient.members(each.current_company)
    return FoundPerson(
        name=each.name,
        first_name=each.first_name,
        last_name=each.last_name,
        title=each.position,
        linkedin_url=each.url or each.input_url,
        country=each.country_code,
        city=each.city,
        company_name=each.current_company_name or lenient.words(company.get("name")),
        vendor_id=(each.linkedin_id or each.id or "")[:200] or None,
        confidence=0.6,
    )
