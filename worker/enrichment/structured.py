"""What a page says about its company for machines: JSON-LD (schema.org Organization), Open Graph. Pure; never raises."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from worker.enrichment.page import Page

MAX_NODES = 2000
MAX_TEXT = 500
_ORGANISATIONS = frozenset(
    {
        "Organization", "Corporation", "LocalBusiness", "ProfessionalService", "Store", "ClothingStore", "Manufacturer", "NGO",
        "OnlineBusiness", "OnlineStore", "EducationalOrganization", "MedicalOrganization", "HomeAndConstructionBusiness",
        "FinancialService", "AutomotiveBusiness", "FoodEstablishment", "Restaurant", "LodgingBusiness", "Hotel", "WholesaleStore",
    }
)  # fmt: skip


@dataclass(slots=True)
class Organisation:
    """An organisation as its own page describes it. Everything is text as it stood there, squeezed."""

    name: str | None = None
    legal_name: str | None = None
    description: str | None = None
    address: str | None = None
    country: str | None = None
    founded: str | None = None
    employees: str | None = None
    emails: list[str] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    registry: list[str] = field(default_factory=list)


def organisations(page: Page) -> Iterator[Organisation]:
    """The organisations of the page's JSON-LD, in the order they stand there."""
    budget = MAX_NODES
    for text in page.ld_json:
        try:
            layer: deque[Any] = deque([json.loads(text)])
        except (ValueError, RecursionError):
            continue
        while layer and budget:
            budget -= 1
            node = layer.popleft()
            if isinstance(node, list):
                layer.extend(node[:MAX_NODES])
            elif isinstance(node, dict):
                if _is_organisation(node.get("@type")):
                    yield _organisation(node)
                layer.extend(v for k, v in node.items() if k != "address" and isinstance(v, dict | list))


def _is_organisation(said: Any) -> bool:
    kinds = said if isinstance(said, list) else [said]
    return any(isinstance(k, str) and k.rpartition("/")[2] in _ORGANISATIONS for k in kinds)


def _organisation(node: dict[str, Any]) -> Organisation:
    found = Organisation(
        name=_text(node.get("name")),
        legal_name=_text(node.get("legalName")),
        description=_text(node.get("description")),
        founded=_text(node.get("foundingDate")),
        employees=_count(node.get("numberOfEmployees")),
    )
    points = [node, *[p for p in _several(node.get("contactPoint")) if isinstance(p, dict)][:10]]
    for point in points:
        found.emails += [t.removeprefix("mailto:") for v in _several(point.get("email")) if (t := _text(v))]
        found.phones += [t for v in _several(point.get("telephone")) if (t := _text(v))]
    found.links = [t for v in _several(node.get("sameAs"))[:20] if (t := _text(v))]
    for name, scheme in (("leiCode", "lei"), ("vatID", "vat"), ("taxID", "tax"), ("duns", "duns")):
        found.registry += [f"{scheme}:{t}" for v in _several(node.get(name)) if (t := _text(v))]
    _place(found, next(iter(_several(node.get("address"))), None))
    return found


def _place(found: Organisation, said: Any) -> None:
    if isinstance(said, dict):
        country = said.get("addressCountry")
        named = _text(country.get("name")) if isinstance(country, dict) else _text(country)
        parts = [_text(said.get(n)) for n in ("streetAddress", "addressLocality", "addressRegion", "postalCode")]
        found.address = ", ".join(p for p in [*parts, named] if p)[:MAX_TEXT] or None
        found.country = named.upper() if named and len(named) == 2 and named.isascii() and named.isalpha() else None
    else:
        # Shorter than any address: a typing error.
        found.address = text if (text := _text(said)) and len(text) >= 8 else None


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("@value")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return (" ".join(value.replace("\0", "").split())[:MAX_TEXT] or None) if isinstance(value, str) else None


def _count(value: Any) -> str | None:
    """A count, or the range of a QuantitativeValue as "11-50"."""
    if not isinstance(value, dict):
        return _text(value)
    low, high = _text(value.get("minValue")), _text(value.get("maxValue"))
    return f"{low}-{high}" if low and high else _text(value.get("value"))
