"""Every vendor's look-ups. A vendor is a module with `make(settings) -> list[Operation]` and a line in `VENDORS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from contracts.errors import VendorRefused
from contracts.providers import Operation
from contracts.settings import Settings
from worker.providers import (
    acra,
    apollo_lookups,
    brightdata,
    clearbit,
    companies_house,
    hunter,
    linkedin_profile,
    llm,
    lusha,
    odoo,
    pagerduty,
    pdl_lookups,
    sam,
    slack,
    smtp,
    tavily_web,
    trengo,
    webhook,
    whatsapp,
    zerobounce,
)

Make = Callable[[Settings], Sequence[Operation[Any, Any]]]

#: (vendor, its maker). `make` raises VendorRefused (code `vendor_absent`) naming the setting that is missing.
VENDORS: tuple[tuple[str, Make], ...] = (
    ("acra", acra.make),
    ("apollo", apollo_lookups.make),
    ("brightdata", brightdata.make),
    ("clearbit", clearbit.make),
    ("companies_house", companies_house.make),
    ("hunter", hunter.make),
    ("llm", llm.make),
    ("lusha", lusha.make),
    ("odoo", odoo.make),
    ("pagerduty", pagerduty.make),
    ("pdl", pdl_lookups.make),
    ("sam", sam.make),
    ("slack", slack.make),
    ("smtp", smtp.make),
    ("tavily", tavily_web.make),
    ("trengo", trengo.make),
    ("webhook", webhook.make),
    ("whatsapp", whatsapp.make),
    ("zerobounce", zerobounce.make),
)


def build(settings: Settings) -> tuple[dict[str, Operation[Any, Any]], dict[str, str]]:
    """Every operation that `settings` allow, by "vendor.operation", and why the other vendors are absent. Opens no connection."""
    operations: dict[str, Operation[Any, Any]] = {}
    absent: dict[str, str] = {}
    for vendor, make in VENDORS:
        try:
            made = make(settings)
        except VendorRefused as error:
            absent[vendor] = error.detail
            continue
        for operation in made:
            name = f"{operation.spec.vendor}.{operation.spec.operation}"
            if name in operations:
                raise ValueError(f"two operations are called {name}: rename one")
            operations[name] = operation
    try:
        operations[linkedin_profile.NAME] = linkedin_profile.choose(settings, operations)
    except VendorRefused as error:
        absent["linkedin_profile"] = error.detail
    return operations, absent
