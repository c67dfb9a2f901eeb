"""The stand-in of data.gov.sg answers in the documented format: member by member, type by type. Asked without our adapter."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx

from tests.providers.sandbox_fixture import RunningSandbox
from worker.providers.sandbox.data_gov_sg import DATASETS

HTTP = httpx.Client(trust_env=False, verify=False)  # only ever asks this machine
#: A row as the register writes it (providers.md, section 8).
ROW = {
    "_id": 1, "uen": "199901234K", "entity_name": "ZEBRA EXAMPLE PTE. LTD.", "entity_status_description": "Live Company",
    "entity_type_description": "Local Company", "company_type_description": "Exempt Private Company Limited by Shares",
    "registration_incorporation_date": "1999-05-01", "uen_issue_date": "2008-09-09", "primary_ssic_code": "81210",
    "primary_ssic_description": "GENERAL CLEANING", "secondary_ssic_code": "na", "block": "1", "street_name": "EXAMPLE ROAD",
    "level_no": "02", "unit_no": "10", "building_name": "na", "postal_code": "123456", "annual_return_date": "2026-05-31",
    "account_due_date": "2026-11-30", "no_of_officers": "4", "former_entity_name1": "na",
}  # fmt: skip


def get(url: str, status: int = 200) -> Any:
    answer = HTTP.get(url)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_page_looks_as_documented(sandbox: RunningSandbox) -> None:
    # S3.18
    base = f"{sandbox.url}/data_gov_sg"
    said = get(f"{base}/api/action/datastore_search?resource_id={DATASETS['Z']}&limit=1")
    assert said["success"] is True
    result = said["result"]
    assert {name: type(result[name]) for name in ("resource_id", "total", "limit", "fields", "_links", "records")} == {
        "resource_id": str, "total": int, "limit": int, "fields": list, "_links": dict, "records": list,
    }  # fmt: skip
    assert {"id": "uen", "type": "text"} in result["fields"]
    row = result["records"][0]
    assert {name: type(row[name]) for name in ROW} == {name: type(value) for name, value in ROW.items()}
    assert "na" in row.values()
    assert result["_links"]["start"].startswith("/api/action/datastore_search?")
    assert get(base + result["_links"]["next"])["result"]["records"][0]["_id"] == 2
    assert get(f"{base}/api/action/datastore_search?resource_id={DATASETS['Z']}&offset=9999")["result"]["records"] == []
    refused = get(f"{base}/api/action/datastore_search?resource_id=nobody", 404)
    assert refused["success"] is False


def test_a_download_looks_as_documented(sandbox: RunningSandbox) -> None:
    # S3.18
    base = f"{sandbox.url}/data_gov_sg/open/v1/public/api/datasets/{DATASETS['B']}"
    assert get(f"{base}/poll-download", 404)["code"] != 0
    begun = get(f"{base}/initiate-download", 201)
    assert (begun["code"], set(begun)) == (0, {"code", "data", "errMsg"})
    assert "url" not in get(f"{base}/poll-download", 201)["data"]
    link = get(f"{base}/poll-download", 201)["data"]["url"]
    file = HTTP.get(link)
    assert file.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert set(rows[0]) >= set(ROW) - {"_id"}
    assert HTTP.get(link.partition("?")[0]).status_code == 403, "a link without its signature is over"
    forbidden = base.replace(DATASETS["B"], DATASETS["Q"])
    assert HTTP.get(f"{forbidden}/initiate-download").status_code == 403


def test_the_collection_names_27_data_sets(sandbox: RunningSandbox) -> None:
    # S3.18
    said = get(f"{sandbox.url}/data_gov_sg/catalog/v2/public/api/collections/2/metadata")
    collection = said["data"]["collectionMetadata"]
    assert isinstance(collection["lastUpdatedAt"], str)
    assert len(collection["childDatasets"]) == 27
