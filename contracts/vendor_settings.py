"""The settings of the outside world: addresses, keys, limits and the crawler's manners. `Settings` inherits both classes.

A key that is missing makes its vendor absent, with a reason; it is never an error. Prices, quotas and rates are settings, not
constants: `VENDOR_LIMITS` overrides what an adapter brings along.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

Csv = Annotated[tuple[str, ...], NoDecode]
_Count = Annotated[int, Field(ge=1, le=10_000_000)]
_Seconds = Annotated[float, Field(gt=0, le=32 * 86_400)]


class VendorLimit(BaseModel):
    """What `VENDOR_LIMITS` may override of one operation (`vendor.operation`) or of a whole vendor (`vendor`).

    `windows`: [requests, seconds] pairs; `units`: worst case of an item; `unit_price_usd`: for forecasts and reports.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    windows: (
        tuple[tuple[Annotated[int, Field(ge=1, le=10_000_000)], Annotated[float, Field(gt=0, le=32 * 86_400)]], ...]
        | None
    ) = None
    concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] | None = None
    units: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    batch: Annotated[int, Field(ge=1, le=1000)] | None = None
    keep_s: Annotated[float, Field(ge=0, le=10 * 366 * 86_400)] | None = None
    keep_miss_s: Annotated[float, Field(ge=0, le=10 * 366 * 86_400)] | None = None
    unit_price_usd: Annotated[float, Field(ge=0, le=10_000)] | None = None


class VendorSettings(BaseSettings):
    """Who may be asked, where, with which key, and how much of it a day."""

    vendor_timeout_s: float = Field(
        30, gt=0, le=600, description="longest wait for an answer, unless the vendor needs more"
    )
    vendor_limits: Annotated[dict[str, VendorLimit], NoDecode] = Field(
        {}, description='JSON, e.g. {"hunter.verify": {"windows": [[10, 1]], "units": 0.5}}'
    )

    tavily_api_key: SecretStr | None = None
    tavily_base_url: str = "https://api.tavily.com"
    google_cse_api_key: SecretStr | None = None
    google_cse_id: str | None = Field(None, max_length=200, description="search engine id (`cx`)")
    google_cse_base_url: str = "https://www.googleapis.com"
    web_search_vendor: str = Field(
        "tavily", pattern="^(tavily|google_cse)$", description="who answers the channel `google`"
    )
    gleif_base_url: str = "https://api.gleif.org"
    company_file: str | None = Field(
        None, description="CSV (or .csv.gz) of companies for the `file` channel; default: the shipped extract"
    )
    apollo_api_key: SecretStr | None = None
    apollo_base_url: str = "https://api.apollo.io/api/v1"
    pdl_api_key: SecretStr | None = None
    pdl_base_url: str = "https://api.peopledatalabs.com/v5"
    companies_house_api_key: SecretStr | None = None
    companies_house_base_url: str = "https://api.company-information.service.gov.uk"
    linkedin_profile_enabled: bool = Field(
        False, description="licensed profile data by LinkedIn URL; read the terms first"
    )
    brightdata_api_key: SecretStr | None = None
    brightdata_base_url: str = "https://api.brightdata.com"
    brightdata_profile_dataset: str = "gd_l1viktl72bvl7bjuj0"
    social_channel_enabled: bool = Field(False, description="public social pages found by web search; off by default")

    sam_api_key: SecretStr | None = None
    sam_base_url: str = "https://api.sam.gov"
    sam_daily_calls: int = Field(
        8, ge=0, le=10_000, description="calls a day with this key; a personal key has about 10"
    )
    data_gov_sg_api_key: SecretStr | None = None
    data_gov_sg_base_url: str = "https://data.gov.sg"
    data_gov_sg_download_url: str = "https://api-open.data.gov.sg"
    data_gov_sg_catalog_url: str = "https://api-production.data.gov.sg"
    acra_datasets: Csv = Field((), description="data set ids to pull; empty: all letters")
    acra_webhook_secret: SecretStr | None = Field(
        None, description="opens the door that takes ACRA rows; unset: closed"
    )

    hunter_api_key: SecretStr | None = None
    hunter_base_url: str = "https://api.hunter.io/v2"
    clearbit_api_key: SecretStr | None = Field(None, description="existing Clearbit customers only")
    clearbit_base_url: str = "https://person.clearbit.com"
    lusha_api_key: SecretStr | None = None
    lusha_base_url: str = "https://api.lusha.com"
    enable_lusha_fallback: bool = Field(True, description="ask Lusha for people when nobody was found")
    lusha_preferred_titles: Csv = ("owner", "founder", "managing director", "ceo", "head of procurement", "operations")
    zerobounce_api_key: SecretStr | None = None
    zerobounce_base_url: str = "https://api.zerobounce.net/v2"
    zerobounce_bulk_url: str = "https://bulkapi.zerobounce.net/v2"

    openai_api_key: SecretStr | None = None
    openai_base_url: str = Field(
        "https://api.openai.com/v1", description="or any compatible server, e.g. http://localhost:11434/v1"
    )
    langchain_model: str | None = Field(None, max_length=200, description="model name; unset: no model, rules only")
    llm_token_field: str = Field("max_completion_tokens", pattern="^(max_completion_tokens|max_tokens)$")
    llm_temperature: float | None = Field(None, ge=0, le=2, description="sent only when set")
    llm_max_tokens_per_call: int = Field(
        8_000, ge=100, le=400_000, description="prompt and answer of one call together"
    )

    trengo_api_token: SecretStr | None = None
    trengo_base_url: str = "https://app.trengo.com/api/v2"
    trengo_channel_id: int | None = None
    trengo_webhook_secret: SecretStr | None = None
    whatsapp_token: SecretStr | None = None
    whatsapp_phone_number_id: str | None = Field(None, max_length=50, pattern=r"^\d+$")
    whatsapp_base_url: str = "https://graph.facebook.com/v26.0"
    whatsapp_app_secret: SecretStr | None = None
    whatsapp_verify_token: SecretStr | None = Field(None, description="what Meta shows when it sets up the webhook")

    odoo_url: str | None = None
    odoo_database: str | None = Field(None, max_length=200)
    odoo_login: str | None = Field(None, max_length=200, description="only for the older RPC")
    odoo_api_key: SecretStr | None = None
    odoo_transport: str = Field(
        "auto", pattern="^(auto|json2|jsonrpc)$", description="auto asks the server for its version"
    )
    odoo_private_hosts: Csv = Field(
        (), description="hosts in private networks where a tenant's own Odoo may stand; empty: nowhere but at ODOO_URL"
    )

    slack_webhook_url: SecretStr | None = None
    pagerduty_routing_key: SecretStr | None = None
    pagerduty_base_url: str = "https://events.pagerduty.com"
    alert_webhook_url: SecretStr | None = None
    alert_webhook_secret: SecretStr | None = None

    waterfall_explore: float = Field(
        0.05,
        ge=0,
        le=1,
        description="share of leads whose vendors are asked in an order that is drawn, to learn; 0: never",
    )
    enrichment_cost_cap_usd: float = Field(
        0.5, ge=0, le=10_000, description="most that one lead may cost to enrich, at list prices"
    )
    enrichment_patience_s: float = Field(
        900, ge=0, le=86_400, description="how long a lead waits for a vendor that is away before it goes on without"
    )

    openai_daily_tokens_cap: int = Field(150_000, ge=0, le=10**12, description="per tenant and day")
    tavily_max_queries: int = Field(800, ge=0, le=10**9, description="credits per tenant and day")
    lusha_max_contact_lookups: int = Field(500, ge=0, le=10**9, description="per tenant and day")
    zerobounce_max_verifications: int = Field(1_000, ge=0, le=10**9, description="per tenant and day")

    @field_validator("vendor_limits", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError('must be JSON, such as {"hunter.verify": {"windows": [[10, 1]]}}') from None

    @field_validator("enable_lusha_fallback", "linkedin_profile_enabled", "social_channel_enabled", mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    @field_validator("acra_datasets", "lusha_preferred_titles", "odoo_private_hosts", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class CrawlSettings(BaseSettings):
    """How our crawler behaves on other people's sites."""

    crawl_enabled: bool = True
    crawl_max_pages: int = Field(6, ge=1, le=50, description="pages of one site, the home page included")
    crawl_delay_s: float = Field(0.5, ge=0, le=60, description="shortest time between two requests to one host")
    crawler_timeout_s: float = Field(10, gt=0, le=120, description="longest wait for one page")
    crawler_user_agent: str = Field(
        "HeadwaterBot/0.1 (+https://headwater.invalid/bot)", min_length=3, max_length=200, pattern=r"^[\x20-\x7e]+$"
    )
    crawl_max_bytes: int = Field(2_000_000, ge=10_000, le=20_000_000, description="of one page, unpacked")
    crawl_site_budget_s: float = Field(90, gt=0, le=600, description="longest time spent on one site")
    crawl_gateway: str | None = Field(
        None,
        description="where every site is asked for instead of on the internet: the sandbox's address, for demo and tests",
    )
    extract_corpus_char_limit: int = Field(20_000, ge=500, le=1_000_000)
    persist_crawl_corpus: bool = False
