"""Imports and exports over HTTP: a file in, its errors and everything else out, nobody else's."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx

from contracts.tenants import Role
from tests.api.server_fixture import ABROAD, Served

FILE = "Company Name,Website,Country\n=Karoo,karoo.co.za,ZA\nZebra,,SG\nBad,,Narnia\n"


def bring(api: Served, content: str, role: Role = Role.OPS, **query: Any) -> httpx.Response:
    headers = {**api.as_(role), "Content-Type": "text/csv"}
    return api.client.post(
        "/v1/imports", content=content.encode(), headers=headers, params={"kind": "companies", **query}
    )


def table(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_file_comes_in_and_says_what_was_wrong(api: Served) -> None:
    done = bring(api, FILE, label="customers.csv").json()
    assert (done["created"], done["bad"], done["state"], done["label"]) == (2, 1, "done", "customers.csv")
    shown = api.client.get(f"/v1/imports/{done['id']}", headers=api.as_(Role.VIEWER)).json()
    assert shown == done
    errors = table(api.client.get(f"/v1/imports/{done['id']}/errors.csv", headers=api.as_(Role.VIEWER)))
    assert [(e["row"], e["column"], e["code"], e["came_in"]) for e in errors] == [("4", "Country", "bad_country", "no")]
    assert bring(api, FILE).json()["again"] is True
    listed = api.client.get("/v1/imports", headers=api.as_(Role.VIEWER)).json()
    assert [i["id"] for i in listed["items"]] == [done["id"]]
    assert bring(api, "Firm,Country\nX,ZA\n", map="name=Firm").json()["created"] == 1


def test_what_makes_no_sense_is_refused_in_words(api: Served) -> None:
    # S2.14
    assert (bring(api, "").status_code, bring(api, "").json()["code"]) == (400, "empty_file")
    assert bring(api, "a,b\n1,2\n").json()["code"] == "unknown_columns"
    assert bring(api, FILE, map="name").status_code == 400
    assert bring(api, FILE, kind="contacts").status_code == 400
    assert bring(api, FILE, Role.ANALYST).status_code == 403
    assert bring(api, FILE, icp_profile_id="01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01").status_code == 404
    assert api.count("companies") == 0


def test_what_goes_out_runs_in_no_spreadsheet_and_comes_in_again_unchanged(api: Served) -> None:
    bring(api, FILE)
    bring(api, "name,country,email\n@Ape,US,a@ape.com\n", kind="leads")
    bring(api, "email\nx@y.com\n", kind="suppressions")
    companies = api.client.get("/v1/exports/companies.csv", headers=api.as_(Role.ANALYST))
    assert [c["name"] for c in table(companies)] == ["'=Karoo", "Zebra", "'@Ape"]
    again = bring(api, companies.text).json()
    assert (again["created"], again["merged"], api.count("companies")) == (0, 3, 3)
    only = api.client.get("/v1/exports/companies.csv?country=SG", headers=api.as_(Role.ANALYST))
    assert [c["name"] for c in table(only)] == ["Zebra"]
    leads = table(api.client.get("/v1/exports/leads.csv?status=new", headers=api.as_(Role.ANALYST)))
    assert [(r["name"], r["contact_email"]) for r in leads] == [("'@Ape", "a@ape.com")]
    answer = api.client.get("/v1/exports/suppressions.csv", headers=api.as_(Role.OPS))
    assert [(s["key_type"], len(s["key_hash"])) for s in table(answer)] == [("email", 64)]
    assert "y.com" not in answer.text
    assert api.client.get("/v1/exports/suppressions.csv", headers=api.as_(Role.ANALYST)).status_code == 403
    assert api.client.get("/v1/exports/leads.csv", headers=api.as_(Role.VIEWER)).status_code == 403


def test_another_tenants_files_are_unknown(api: Served) -> None:
    done = bring(api, FILE).json()
    abroad = api.as_(Role.OWNER, ABROAD)
    assert api.client.get(f"/v1/imports/{done['id']}", headers=abroad).json()["code"] == "import_not_found"
    assert api.client.get(f"/v1/imports/{done['id']}/errors.csv", headers=abroad).status_code == 404
    assert table(api.client.get("/v1/exports/companies.csv", headers=abroad)) == []
