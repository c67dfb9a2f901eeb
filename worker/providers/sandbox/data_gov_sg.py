"""data.gov.sg: the company register in 27 data sets, as `datastore_search`, as files, and its collection's metadata.

The rows are the Singapore companies of the world, each with a UEN of its own. As with the real one, a download may be refused
(the letter Q always is) or take a while to be made (the letter B, at the first poll).
"""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from typing import Any
from urllib.parse import urlencode

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.vendor import Asked, Offer
from worker.providers.sandbox.world import Company, World

VENDOR = "data_gov_sg"
LETTERS = (*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "other")
#: Ids as the vendor's look: d_ and 32 hexadecimal digits, here with the letter's number at the end.
DATASETS = {letter: f"d_5a{n:030x}" for n, letter in enumerate(LETTERS)}
_BY_ID = {dataset: letter for letter, dataset in DATASETS.items()}
#: collection -> its data sets. The register is the second; another has one, another none.
COLLECTIONS = {"2": tuple(_BY_ID), "3": (DATASETS["Z"],), "4": ()}
COLUMNS = (
    "uen", "issuance_agency_id", "entity_name", "entity_type_description", "business_constitution_description",
    "company_type_description", "paf_constitution_description", "entity_status_description",
    "registration_incorporation_date", "uen_issue_date", "address_type", "block", "street_name", "level_no", "unit_no",
    "building_name", "postal_code", "other_address_line1", "other_address_line2", "account_due_date",
    "annual_return_date", "primary_ssic_code", "primary_ssic_description", "primary_user_described_activity",
    "secondary_ssic_code", "secondary_ssic_description", "secondary_user_described_activity", "no_of_officers",
    *(f"former_entity_name{n}" for n in range(1, 16)),
)  # fmt: skip
#: (code, description) of activities, clothing first.
_TRADES = (("46411", "WHOLESALE OF TEXTILES AND LEATHERS"), ("14103", "MANUFACTURE OF UNIFORMS AND WORKWEAR"))
_OTHERS = (
    ("64202", "OTHER HOLDING COMPANIES"), ("70201", "MANAGEMENT CONSULTANCY SERVICES"), ("81210", "GENERAL CLEANING"),
    ("62011", "DEVELOPMENT OF SOFTWARE AND APPLICATIONS"), ("46900", "WHOLESALE TRADE OF A VARIETY OF GOODS"),
)  # fmt: skip
MAX_LIMIT = 10_000
FORBIDDEN, SLOW = "Q", "B"


@cache
def register(world: World) -> dict[str, list[dict[str, str]]]:
    """data set -> its rows, in the order of their names."""
    rows: dict[str, list[dict[str, str]]] = {dataset: [] for dataset in _BY_ID}
    for company in sorted(world.companies("SG"), key=lambda c: (c.name.upper(), c.lei)):
        first = company.name[:1].upper()
        rows[DATASETS[first if first in DATASETS else "other"]].append(_row(world, company))
    return rows


def uen(world: World, company: Company) -> str:
    """The UEN of a company: year of registration, five digits, a letter."""
    number = int(world.luck("uen", company.lei) * 100_000)
    return f"{_year(world, company)}{number:05d}{'ABCDEFGHJKMNPRWXZ'[number % 17]}"


def _year(world: World, company: Company) -> int:
    return 1970 + int(world.luck("year", company.lei) * 55)


def _row(world: World, company: Company) -> dict[str, str]:
    def luck(what: str) -> float:
        return world.luck(what, company.lei)

    year = _year(world, company)
    trades = _TRADES if company.trades else _OTHERS
    code, words = trades[int(luck("ssic") * len(trades))]
    live = luck("live") < 0.8
    since = f"{year}-{1 + int(luck('month') * 12):02d}-{1 + int(luck('day') * 28):02d}"
    private = "PTE" in company.name.upper()
    known = {
        "uen": uen(world, company),
        "issuance_agency_id": "ACRA",
        "entity_name": company.name.upper(),
        "entity_type_description": "Local Company",
        "company_type_description": f"{'Exempt Private' if private else 'Public'} Company Limited by Shares",
        "entity_status_description": "Live Company" if live else "Struck Off",
        "registration_incorporation_date": since,
        "uen_issue_date": max(since, "2008-09-09"),
        "address_type": "LOCAL",
        "block": str(1 + int(luck("block") * 200)),
        "street_name": "EXAMPLE ROAD",
        "level_no": f"{1 + int(luck('level') * 30):02d}",
        "unit_no": f"{1 + int(luck('unit') * 40):02d}",
        "postal_code": f"{int(luck('postal') * 830_000):06d}",
        "annual_return_date": "2026-05-31" if live else "na",
        "account_due_date": "2026-11-30" if live else "na",
        "primary_ssic_code": code,
        "primary_ssic_description": words,
        "no_of_officers": str(1 + int(luck("officers") * 8)),
        "former_entity_name1": f"OLD {company.name.upper()}"[:200] if luck("former") < 0.1 else "na",
    }
    return {column: known.get(column, "na") for column in COLUMNS}


def datastore_search(asked: Asked) -> Answer:
    """`GET /api/action/datastore_search`: resource_id, limit, offset."""
    dataset = asked.first("resource_id") or ""
    rows = register(asked.world).get(dataset)
    if rows is None:
        return _ckan_refused(404, "Not Found Error", f'Not found: Resource "{dataset[:60]}" was not found.')
    try:
        limit, offset = int(asked.first("limit") or 100), int(asked.first("offset") or 0)
    except ValueError:
        return _ckan_refused(409, "Validation Error", "limit and offset must be integers")
    if limit < 0 or offset < 0:
        return _ckan_refused(409, "Validation Error", "limit and offset must not be negative")
    limit = min(limit, MAX_LIMIT)
    records = [{"_id": offset + n + 1, **row} for n, row in enumerate(rows[offset : offset + limit])]
    at = "/api/action/datastore_search?" + urlencode({"resource_id": dataset, "limit": limit})
    result: dict[str, Any] = {
        "resource_id": dataset,
        "fields": [{"id": "_id", "type": "int4"}, *({"id": column, "type": "text"} for column in COLUMNS)],
        "records": records,
        "_links": {"start": at, "next": f"{at}&offset={offset + limit}"},
        "total": len(rows),
        "limit": limit,
    }
    return json_answer(200, {"help": "https://data.gov.sg/api/3/action/help_show", "success": True, "result": result})


def metadata(asked: Asked) -> Answer:
    """`GET /v2/public/api/collections/{id}/metadata`."""
    number = asked.path_params["collection"]
    if number not in COLLECTIONS:
        return _envelope(404, 4, "Collection not found", None)
    collection = {
        "collectionId": number,
        "createdAt": "2023-08-04T00:00:00+08:00",
        "name": "ACRA Information on Corporate Entities" if number == "2" else "Another",
        "lastUpdatedAt": "2026-11-15T05:12:00+08:00",
        "frequency": "Monthly",
        "childDatasets": list(COLLECTIONS[number]),
    }
    return _envelope(200, 0, "", {"collectionMetadata": collection})


def initiate(asked: Asked) -> Answer:
    """`GET /v1/public/api/datasets/{id}/initiate-download`."""
    dataset = asked.path_params["dataset"]
    if dataset not in _BY_ID:
        return _envelope(404, 4, "Dataset not found", None)
    if _BY_ID[dataset] == FORBIDDEN:
        return _envelope(403, 7, "Forbidden", None)
    asked.state.setdefault("made", {}).setdefault(dataset, 0)
    return _envelope(201, 0, "", {"message": "Download successfully initiated, please poll the download endpoint"})


def poll(asked: Asked) -> Answer:
    """`GET /v1/public/api/datasets/{id}/poll-download`."""
    dataset = asked.path_params["dataset"]
    made: dict[str, int] = asked.state.setdefault("made", {})
    if dataset not in made:
        return _envelope(404, 4, "Download was not initiated", None)
    made[dataset] += 1
    if _BY_ID[dataset] == SLOW and made[dataset] == 1:
        return _envelope(201, 0, "", {"status": "DOWNLOAD_IN_PROGRESS"})
    link = f"{asked.base_url}/{VENDOR}/files/{dataset}.csv?{urlencode({'X-Amz-Signature': 'f00d'})}"
    return _envelope(201, 0, "", {"status": "DOWNLOAD_SUCCESS", "url": link})


def file(asked: Asked) -> Answer:
    """The file behind the link."""
    rows = register(asked.world).get(asked.path_params["name"].removesuffix(".csv"))
    if rows is None or asked.first("X-Amz-Signature") != "f00d":
        said = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
        return Answer(403, "application/xml", said)
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return Answer(200, "text/csv", out.getvalue().encode())


def throttled(_asked: Asked, _wait_s: float) -> Answer:
    """Too many requests in ten seconds; nothing says how long to wait."""
    return json_answer(429, {"code": 24, "name": "TOO_MANY_REQUESTS", "data": None, "errorMsg": "Rate limit exceeded"})


def _ckan_refused(status: int, kind: str, message: str) -> Answer:
    error = {"__type": kind, "message": message}
    return json_answer(status, {"success": False, "error": error})


def _envelope(status: int, code: int, message: str, data: object) -> Answer:
    return Answer(status, "application/json", json.dumps({"code": code, "data": data, "errMsg": message}).encode())


_OPEN = f"/{VENDOR}/open/v1/public/api/datasets/{{dataset}}"
OFFERS = (
    Offer(VENDOR, "datastore_search", "GET", f"/{VENDOR}/api/action/datastore_search", datastore_search, throttled),
    Offer(
        VENDOR,
        "metadata",
        "GET",
        f"/{VENDOR}/catalog/v2/public/api/collections/{{collection}}/metadata",
        metadata,
        throttled,
    ),
    Offer(VENDOR, "initiate-download", "GET", f"{_OPEN}/initiate-download", initiate, throttled),
    Offer(VENDOR, "poll-download", "GET", f"{_OPEN}/poll-download", poll, throttled),
    Offer(VENDOR, "file", "GET", f"/{VENDOR}/files/{{name}}", file),
)
