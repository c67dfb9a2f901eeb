"""Answers of the discovery vendors as their documents show them, with invented values. None stands for a member of any type."""

from __future__ import annotations

from typing import Any

from tests.providers.sandbox_fixture import KEY
from worker.providers.sandbox.companies_house import number_of
from worker.providers.sandbox.people import people_of
from worker.providers.sandbox.profiles import knows
from worker.providers.sandbox.world import World

WORLD = World(7)
COMPANY = next(
    c
    for c in WORLD.companies("ZA")
    if c.trades and all(knows(WORLD, vendor, c.lei, 0.7) for vendor in ("apollo", "pdl"))
)
PERSON = next(
    p
    for c in WORLD.companies("ZA")
    if c.trades
    for p in people_of(WORLD, c)
    if not p.objected and all(knows(WORLD, vendor, p.id, 0.6) for vendor in ("apollo", "pdl"))
)
BRITISH = number_of(WORLD.companies("GB")[0])
APOLLO, PDL, REGISTER = "/apollo/api/v1", "/pdl/v5", "/companies_house"
APOLLO_ORGANIZATION = {
    "id": "615d", "name": "Example Pte Ltd", "website_url": "http://www.example.sg", "primary_domain": "example.sg",
    "linkedin_url": "http://www.linkedin.com/company/example", "founded_year": 1999,
    "primary_phone": {"number": "+65 6123 4567", "sanitized_number": "+6561234567"},
}  # fmt: skip
PDL_PERSON = {
    "id": "q_0000", "full_name": "mei tan", "first_name": "mei", "last_name": "tan", "linkedin_url": "linkedin.com/in/x",
    "work_email": "mei.tan@example.sg", "job_title": "head", "job_title_role": "operations", "job_title_levels": ["director"],
    "job_company_name": "example", "job_company_website": "example.sg", "job_company_size": "201-500",
    "location_name": "singapore", "location_country": "singapore",
}  # fmt: skip
PDL_COMPANY = {
    "id": "x", "name": "example", "display_name": "Example", "website": "example.sg", "size": "201-500", "employee_count": 240,
    "founded": 1999, "industry": "services", "naics": [], "sic": [], "linkedin_url": "linkedin.com/company/example",
    "location": {"name": "singapore", "locality": "singapore", "region": None, "country": "singapore"}, "tags": [],
    "type": "private", "summary": "x", "ticker": None,
}  # fmt: skip
COUNTRY = {"term": {"location.country": "south africa"}}
PEOPLE_QUERY = {"bool": {"must": [{"term": {"location_country": "south africa"}}]}}

#: (what, method, path, how it is asked, what it answers)
SAMPLES: list[tuple[str, str, str, dict[str, Any], Any]] = [
    (
        "apollo companies", "POST", f"{APOLLO}/mixed_companies/search",
        {"params": {"q_organization_keyword_tags[]": "workwear", "organization_locations[]": "South Africa", "per_page": "100"}},
        {
            "pagination": {"page": 1, "per_page": 100, "total_entries": 1184, "total_pages": 12},
            "accounts": [{**APOLLO_ORGANIZATION, "organization_id": "615d"}], "partial_results_only": False,
            "organizations": [APOLLO_ORGANIZATION],
        },
    ),
    (
        "apollo people", "POST", f"{APOLLO}/mixed_people/api_search",
        {"params": {"q_organization_domains_list[]": PERSON.company.domain}},
        {
            "total_entries": 812,
            "people": [
                {
                    "id": "64a7", "first_name": "Mei", "last_name_obfuscated": "Ta***n", "title": "Head of Facilities",
                    "last_refreshed_at": "2026-08-02T10:11:12Z", "has_email": True, "has_city": True, "has_country": True,
                    "has_direct_phone": "Yes",
                    "organization": {"name": "Example", "has_industry": True, "has_phone": True, "has_employee_count": True},
                }
            ],
        },
    ),
    (
        "apollo match", "POST", f"{APOLLO}/people/bulk_match", {"json": {"details": [{"email": PERSON.email}]}},
        {
            "status": "success", "total_requested_enrichments": 1, "unique_enriched_records": 1, "missing_records": 0,
            "credits_consumed": 1,
            "matches": [
                {
                    "id": "64a7", "first_name": "Mei", "last_name": "Tan", "name": "Mei Tan", "title": "Head", "email": "a@b.sg",
                    "linkedin_url": "http://www.linkedin.com/in/mei-tan-x", "email_status": "verified", "headline": "Facilities",
                    "city": "Singapore", "state": None, "country": "Singapore", "seniority": "head",
                    "departments": ["operations"],
                    "employment_history": [{"organization_name": "E", "title": "H", "current": True, "start_date": "2021-01-01"}],
                    "organization_id": "615d",
                    "organization": {
                        "id": "615d", "name": "E", "primary_domain": "e.sg", "industry": "x", "estimated_num_employees": 240,
                        "annual_revenue": 25000000, "country": "Singapore",
                    },
                }
            ],
        },
    ),
    (
        "apollo organisations", "POST", f"{APOLLO}/organizations/bulk_enrich",
        {"json": {"details": [{"domain": COMPANY.domain}]}},
        {
            "organizations": [
                {
                    **APOLLO_ORGANIZATION, "keywords": [], "total_funding": None, "latest_funding_stage": None,
                    "raw_address": "x", "technology_names": [],
                }
            ]
        },
    ),
    (
        "pdl companies", "POST", f"{PDL}/company/search", {"json": {"query": COUNTRY, "size": 2}},
        {"status": 200, "total": 41, "scroll_token": "1117$12.17", "data": [PDL_COMPANY]},
    ),
    (
        "pdl people", "POST", f"{PDL}/person/search", {"json": {"query": PEOPLE_QUERY, "size": 2}},
        {"status": 200, "total": 41, "scroll_token": "1117$12.17", "data": [PDL_PERSON]},
    ),
    (
        "pdl bulk", "POST", f"{PDL}/person/bulk",
        {"json": {"requests": [{"metadata": {"ref": "a1"}, "params": {"profile": PERSON.linkedin}}]}},
        [
            {
                "status": 200, "likelihood": 9, "metadata": {"ref": "a1"},
                "data": {
                    **PDL_PERSON, "personal_emails": [], "mobile_phone": None, "phone_numbers": [], "education": [],
                    "emails": [{"address": "a@b.sg", "type": "current_professional"}],
                    "profiles": [{"network": "linkedin", "url": "linkedin.com/in/x"}],
                    "experience": [
                        {
                            "company": {"name": "e", "website": "e.sg"}, "title": {"name": "head"}, "start_date": "2021-01",
                            "end_date": None, "is_primary": True,
                        }
                    ],
                },
            }
        ],
    ),
    (
        "pdl company", "GET", f"{PDL}/company/enrich", {"params": {"website": COMPANY.domain}},
        {"status": 200, "likelihood": 8, **PDL_COMPANY},
    ),
    (
        "register", "GET", f"{REGISTER}/search/companies", {"params": {"q": "clothing"}},
        {
            "items": [
                {
                    "company_number": "01234567", "title": "EXAMPLE LTD", "company_status": "active", "company_type": "ltd",
                    "date_of_creation": "1999-05-01", "address_snippet": "x", "links": {"self": "/company/01234567"},
                    "address": {"address_line_1": "1 High St", "locality": "Leeds", "postal_code": "LS1 1AA"},
                }
            ],
            "total_results": 71, "start_index": 0, "items_per_page": 20,
        },
    ),
    (
        "register, advanced", "GET", f"{REGISTER}/advanced-search/companies", {"params": {"company_name_includes": "clothing"}},
        {
            "hits": 71,
            "items": [
                {
                    "company_name": "EXAMPLE LTD", "company_number": "01234567", "company_status": "active",
                    "company_type": "ltd", "date_of_creation": "1999-05-01", "sic_codes": ["62012"],
                    "registered_office_address": {"locality": "Leeds"},
                }
            ],
        },
    ),
    (
        "register, profile", "GET", f"{REGISTER}/company/{BRITISH}", {},
        {"company_name": "EXAMPLE LTD", "company_number": "01234567", "company_status": "active", "sic_codes": ["62012"]},
    ),
    (
        "google", "GET", "/google_cse/customsearch/v1", {"params": {"key": KEY, "cx": "e", "q": "workwear South Africa"}},
        {
            "kind": "customsearch#search",
            "queries": {"request": [{"startIndex": 1, "count": 10}], "nextPage": [{"startIndex": 11}]},
            "searchInformation": {"searchTime": 0.31, "totalResults": "1240"},
            "items": [{"title": "x", "link": "https://e.sg/", "displayLink": "e.sg", "snippet": "...", "pagemap": {}}],
        },
    ),
]  # fmt: skip
