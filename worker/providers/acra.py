"""Singapore's company register (ACRA) at data.gov.sg: data sets page by page, or as a file. Free; a key only raises the limits.

Three addresses: `datastore_search` (DATA_GOV_SG_BASE_URL), downloads (DATA_GOV_SG_DOWNLOAD_URL, see `acra_files.py`) and the
collection's metadata (DATA_GOV_SG_CATALOG_URL). Limits are per 10 seconds: 4 searches and 2 downloads without a key. How a row
reads: `contracts/staging.py`. Terms: Singapore Open Data Licence, which wants its source named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from contracts.errors import BadAnswer
from contracts.findings import RegisterCatalog, RegisterCatalogQuery, RegisterEntity, RegisterPage, RegisterQuery
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from contracts.staging import BadRow, read_row
from worker.providers.acra_files import Download
from worker.providers.answers import Json, retry_after_s, shaped
from worker.providers.http import VendorClient
from worker.providers.keys import usable_key
from worker.providers.lenient import listed, members
from worker.providers.operation import OneByOne, found, miss, patience
from worker.providers.rules import Said, VendorRules

VENDOR = "acra"
#: The window in which requests are counted, in seconds; a 429 says nothing about how long it lasts.
WINDOW_S = 10.0
#: A page of 2,000 rows is about 2 MB.
MAX_PAGE_BYTES = 30_000_000
#: An answer stands in for a new request only while the job that asked for it goes on.
KEEP_S = 60.0


def _after_s(said: Said) -> float | None:
    told = retry_after_s(said.headers)
    return WINDOW_S if told is None and said.status == 429 else told


RULES = VendorRules(
    vendor=VENDOR,
    address_setting="DATA_GOV_SG_BASE_URL",
    key_setting="DATA_GOV_SG_API_KEY",
    key_place="header:x-api-key",
    after_s=_after_s,
)
PAGE = OperationSpec(
    vendor=VENDOR,
    operation="page",
    answer=RegisterPage,
    terms=Terms.ATTRIBUTION,
    pace=Pace("acra.datastore", (Window(3, WINDOW_S),), concurrency=1),
    unit="request",
    billable=False,
    keep_s=KEEP_S,
    keep_miss_s=KEEP_S,
    timeout_s=60.0,
)
CATALOG = OperationSpec(
    vendor=VENDOR,
    operation="catalog",
    answer=RegisterCatalog,
    terms=Terms.ATTRIBUTION,
    pace=Pace("acra.catalog", (Window(3, WINDOW_S),), concurrency=1),
    unit="request",
    billable=False,
    keep_s=KEEP_S,
    keep_miss_s=KEEP_S,
)


class _Result(BaseModel):
    model_config = ConfigDict(extra="ignore")

    records: list[Any]
    total: int = Field(default=0, ge=0)
    links: Annotated[Json, BeforeValidator(members)] = Field(default={}, alias="_links")


class _Search(BaseModel):
    success: bool = True
    result: _Result | None = None


class Page(OneByOne[RegisterQuery, RegisterPage]):
    """`GET /api/action/datastore_search`: rows of one data set. Rows that cannot be read are dropped and counted."""

    async def one(self, query: RegisterQuery, *, key: str) -> Reply[RegisterPage]:  # noqa: ARG002
        params = {"resource_id": query.dataset, "limit": str(query.limit), "offset": str(query.offset)}
        answer = shaped(_Search, await self._http.get("/api/action/datastore_search", params), VENDOR)
        if not answer.success or answer.result is None:
            raise BadAnswer(f"{VENDOR} answered 200 without success for {query.dataset}: is the data set's id right?")
        result = answer.result
        entities, dropped = _entities(result.records)
        page = RegisterPage(
            entities=entities, total=result.total, next_offset=_next(result, query.offset), dropped=dropped
        )
        return found(page, units=0.0) if result.records else miss("no rows there", value=page)


def _entities(records: list[Any]) -> tuple[tuple[RegisterEntity, ...], int]:
    entities: list[RegisterEntity] = []
    for record in records:
        try:
            entities.append(read_row(record if isinstance(record, Mapping) else {}))
        except BadRow:
            continue
    return tuple(entities), len(records) - len(entities)


def _next(result: _Result, offset: int) -> int | None:
    """Where the next page starts: what its link says, if that leads on. There is a link after the last page, too."""
    after = offset + len(result.records)
    if not result.records or (result.total and after >= result.total):
        return None
    linked = parse_qs(urlsplit(str(result.links.get("next") or "")).query).get("offset", [""])[0]
    return int(linked) if linked.isascii() and linked.isdigit() and offset < int(linked) <= after else after


class _Collection(BaseModel):
    datasets: Annotated[list[Any], BeforeValidator(listed)] = Field(default=[], alias="childDatasets")
    updated_at: Any = Field(default=None, alias="lastUpdatedAt")


class _Metadata(BaseModel):
    collection: _Collection = Field(alias="collectionMetadata")


class _Catalog(BaseModel):
    data: _Metadata


class Catalog(OneByOne[RegisterCatalogQuery, RegisterCatalog]):
    """`GET /v2/public/api/collections/{id}/metadata`: the data sets of a collection, by id."""

    async def one(self, query: RegisterCatalogQuery, *, key: str) -> Reply[RegisterCatalog]:  # noqa: ARG002
        raw = await self._http.get(f"/v2/public/api/collections/{query.collection}/metadata", {})
        collection = shaped(_Catalog, raw, VENDOR).data.collection
        ids = (each.get("datasetId") if isinstance(each, dict) else each for each in collection.datasets)
        datasets = tuple(dict.fromkeys(i for i in ids if isinstance(i, str) and 1 <= len(i) <= 200))
        value = RegisterCatalog(datasets=datasets, updated_at=_short(collection.updated_at))
        return found(value, units=0.0) if datasets else miss("the collection names no data sets", value=value)


def _short(value: object) -> str | None:
    return value[:300] if isinstance(value, str) else None


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """There without a key as well: then the public limits hold. Raises VendorRefused (`vendor_absent`) for a key that is none."""
    given = settings.data_gov_sg_api_key
    key = usable_key(settings, VENDOR, "data_gov_sg_api_key") if given and given.get_secret_value().strip() else None

    def client(address: str, spec: OperationSpec, max_bytes: int) -> VendorClient:
        return VendorClient(
            RULES,
            address,
            timeout_s=patience(settings, spec),
            key=key,
            max_answer_bytes=max_bytes,
        )

    return [
        Page(PAGE, client(settings.data_gov_sg_base_url, PAGE, MAX_PAGE_BYTES)),
        Catalog(CATALOG, client(settings.data_gov_sg_catalog_url, CATALOG, 2_000_000)),
        Download.build(settings, RULES, key),
    ]
