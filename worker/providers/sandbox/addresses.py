"""Where each stand-in vendor answers, as the settings that send a process there instead of to the real ones."""

from __future__ import annotations

#: Turned away by every vendor, taken by the sandbox. It begins as the web search wants it.
SANDBOX_KEY = "tvly-sandbox"

#: setting -> path of that vendor at the sandbox: its own name, then its own prefix.
_ADDRESSES = {
    "TAVILY_BASE_URL": "",
    "GLEIF_BASE_URL": "",
    "GOOGLE_CSE_BASE_URL": "/google_cse",
    "APOLLO_BASE_URL": "/apollo/api/v1",
    "PDL_BASE_URL": "/pdl/v5",
    "COMPANIES_HOUSE_BASE_URL": "/companies_house",
    "BRIGHTDATA_BASE_URL": "/brightdata",
    "SAM_BASE_URL": "/sam",
    "DATA_GOV_SG_BASE_URL": "/data_gov_sg",
    "DATA_GOV_SG_DOWNLOAD_URL": "/data_gov_sg/open",
    "DATA_GOV_SG_CATALOG_URL": "/data_gov_sg/catalog",
    "HUNTER_BASE_URL": "/hunter/v2",
    "CLEARBIT_BASE_URL": "/clearbit",
    "LUSHA_BASE_URL": "/lusha",
    "ZEROBOUNCE_BASE_URL": "/zerobounce/v2",
    "ZEROBOUNCE_BULK_URL": "/zerobounce/bulk/v2",
    "OPENAI_BASE_URL": "/openai/v1",
    "TRENGO_BASE_URL": "/trengo/api/v2",
    "WHATSAPP_BASE_URL": "/whatsapp/v26.0",
    "ODOO_URL": "/odoo",
    "PAGERDUTY_BASE_URL": "/pagerduty",
    "SLACK_WEBHOOK_URL": "/slack/services/T0/B0/hook",
    "ALERT_WEBHOOK_URL": "/hook",
    "CRAWL_GATEWAY": "",
}
_KEYS = (
    "TAVILY_API_KEY", "GOOGLE_CSE_API_KEY", "APOLLO_API_KEY", "PDL_API_KEY", "COMPANIES_HOUSE_API_KEY",
    "BRIGHTDATA_API_KEY", "SAM_API_KEY", "DATA_GOV_SG_API_KEY", "HUNTER_API_KEY", "CLEARBIT_API_KEY", "LUSHA_API_KEY",
    "ZEROBOUNCE_API_KEY", "OPENAI_API_KEY", "TRENGO_API_TOKEN", "WHATSAPP_TOKEN", "ODOO_API_KEY",
    "PAGERDUTY_ROUTING_KEY", "ALERT_WEBHOOK_SECRET",
)  # fmt: skip
#: What a vendor wants to be told beside the key.
_NAMES = {
    "GOOGLE_CSE_ID": "sandbox-engine",
    "LANGCHAIN_MODEL": "sandbox-model",
    "TRENGO_CHANNEL_ID": "335",
    "WHATSAPP_PHONE_NUMBER_ID": "106540352242922",
    "ODOO_DATABASE": "sandbox",
    "ODOO_LOGIN": "sandbox@example.com",
}


def sandbox_env(url: str, key: str = SANDBOX_KEY) -> dict[str, str]:
    """What a process needs in its environment to ask the sandbox at `url` for every vendor, and no vendor itself.

    Switches that are off by default stay as they are, and no door of ours that takes a secret is opened.
    """
    addresses = {setting: url + path for setting, path in _ADDRESSES.items()}
    return addresses | dict.fromkeys(_KEYS, key) | _NAMES
