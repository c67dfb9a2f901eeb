"""Where a tenant's CRM may stand and which key may be sent there. Pure; asked when a connection is written, and when it is used.

A connection is written by a tenant, the keys are the installation's. So that nobody has a key sent to an address of theirs: a
tenant's connection may name the key that bears the tenant's own name, and the house's key goes to the house's Odoo only.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from contracts.errors import Invalid
from contracts.vendor_settings import VendorSettings

HOUSE_KEY = "ODOO_API_KEY"
#: Where a key may stand at all.
REFERENCE = re.compile(r"ODOO_API_KEY(_[A-Z0-9]+)*")
_PORTS = {"http": 80, "https": 443}
_NUMERIC_END = re.compile(r"(?:^|\.)(?:\d+|0x[0-9a-f]*)$")
#: Names that mean this machine, or one that only our own network knows.
_OURS = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home", ".corp", ".arpa")


@dataclass(frozen=True, slots=True)
class CrmAccess:
    """A connection as it is used: where, as whom, and the name of the setting that holds the key."""

    slug: str
    url: str
    secret_ref: str
    database: str | None = None
    login: str | None = None
    transport: Literal["auto", "json2", "jsonrpc"] = "auto"


def place(url: str, database: str | None) -> str:
    """A short name for one database of one server: what stands in another place is not what we wrote here."""
    return hashlib.sha256(f"{url.rstrip('/')}\0{database or ''}".encode()).hexdigest()[:24]


def own_reference(slug: str) -> str:
    """The name of the setting that holds the key of that tenant's CRM."""
    return f"{HOUSE_KEY}_{slug.upper().replace('-', '_')}"


def origin(url: str) -> tuple[str, str, int] | None:
    """(scheme, host, port) of an http(s) address; None for anything else."""
    try:
        parts = urlsplit(url.strip())
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError:
        return None
    if scheme not in _PORTS or not host or "@" in parts.netloc or "\\" in url:
        return None
    return scheme, host.lower().rstrip("."), port or _PORTS[scheme]


def is_house(url: str, settings: VendorSettings) -> bool:
    """Whether `url` is at the same server as ODOO_URL, which an operator chose."""
    return settings.odoo_url is not None and origin(url) == origin(settings.odoo_url)


def is_trusted(url: str, settings: VendorSettings) -> bool:
    """Whether an operator said that this server may be asked wherever it stands: no guard watches the way there."""
    found = origin(url)
    hosts = {host.lower() for host in settings.odoo_private_hosts}
    return is_house(url, settings) or (found is not None and found[1] in hosts)


def check(access: CrmAccess, settings: VendorSettings) -> None:
    """Raises: Invalid (`crm_url_refused`, `crm_secret_refused`), saying what would be taken."""
    _check_url(access.url, settings)
    _check_reference(access, settings)


def _check_url(url: str, settings: VendorSettings) -> None:
    found = origin(url)
    if found is None:
        raise Invalid("the URL is no http(s) address without a user name: write https://HOST", code="crm_url_refused")
    if is_trusted(url, settings):
        return
    scheme, host, _ = found
    if scheme != "https":
        raise Invalid("the key would travel in clear: use https", code="crm_url_refused")
    if _is_private(host):
        raise Invalid(
            "the URL leads into a private network: an operator may allow its host in ODOO_PRIVATE_HOSTS",
            code="crm_url_refused",
        )


def _is_private(host: str) -> bool:
    """As far as its name tells. What it resolves to is checked where it is dialled."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    # An address in digits that is no plain one (octal, hex, short) is nobody's name.
    return "." not in host or host.endswith(_OURS) or _NUMERIC_END.search(host) is not None


def _check_reference(access: CrmAccess, settings: VendorSettings) -> None:
    ref = access.secret_ref
    own = own_reference(access.slug)
    if ref == own:
        return
    if ref != HOUSE_KEY:
        raise Invalid(
            f"the key of this tenant's CRM stands in the setting {own}: name that one", code="crm_secret_refused"
        )
    if not is_house(access.url, settings):
        raise Invalid(
            f"{HOUSE_KEY} is sent to the server of ODOO_URL only: put this tenant's key into {own} and name that",
            code="crm_secret_refused",
        )
