"""The crawler of this installation, or why it has none."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from contracts.settings import Settings
from contracts.sites import HostTurns
from worker.providers import site
from worker.providers.guard import gateway_of
from worker.providers.site_walk import SiteWalk


def absent(settings: Settings) -> str | None:
    """Why no site is read, None when sites are.

    Companies that a stand-in vendor invented may share a domain with somebody real: while vendors are asked on this machine,
    sites are asked there too, or not at all.
    """
    if not settings.crawl_enabled:
        return "CRAWL_ENABLED is false"
    if settings.crawl_gateway is None and (name := _stand_in(settings)) is not None:
        return f"{name} points at this machine, so its companies may be invented: set CRAWL_GATEWAY to where their sites are"
    try:
        gateway_of(settings.crawl_gateway)
    except ValueError as error:
        return str(error)
    return None


def make(settings: Settings, turns: HostTurns) -> SiteWalk | None:
    """The crawler; None when there is none. Close it with `close()`."""
    if absent(settings) is not None:
        return None
    return SiteWalk(site.make(settings), turns, settings)


def _stand_in(settings: Settings) -> str | None:
    """The first vendor address that is on this machine. A language model may well run here: it invents no companies."""
    for name in type(settings).model_fields:
        if name.endswith("_base_url") and name != "openai_base_url" and _local(str(getattr(settings, name) or "")):
            return name.upper()
    return None


def _local(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
