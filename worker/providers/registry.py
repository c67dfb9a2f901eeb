"""Which channels this installation has, built once from the settings. A channel that cannot work is absent,
with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from contracts.errors import VendorRefused
from contracts.providers import Channel, CompanySearch
from contracts.settings import Settings
from worker.providers.company_file import SHIPPED, CompanyFile
from worker.providers.gleif import GleifSearch
from worker.providers.tavily import TavilySearch


class _Adapter(CompanySearch, Protocol):
    async def close(self) -> None: ...


class Registry:
    """The adapters of one process. Owns their connections: call `close()` at the end."""

    def __init__(self, adapters: Mapping[Channel, _Adapter], absent: Mapping[Channel, str]) -> None:
        self._adapters = dict(adapters)
        #: channel -> why it is not there, and what to do about it.
        self.absent: Mapping[Channel, str] = MappingProxyType(dict(absent))

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that work, in the order of `Channel`."""
        return tuple(channel for channel in Channel if channel in self._adapters)

    def company_search(self, channel: Channel) -> CompanySearch:
        """The adapter of `channel`. Raises VendorRefused (code channel_absent) saying what is missing."""
        adapter = self._adapters.get(channel)
        if adapter is None:
            reason = self.absent.get(channel, f"channel {channel.value} has no adapter: drop the channel")
            raise VendorRefused(reason, code="channel_absent", channel=channel.value)
        return adapter

    async def close(self) -> None:
        """Close all connections. May be called twice."""
        for adapter in self._adapters.values():
            await adapter.close()


def build(settings: Settings) -> Registry:
    """Wire every channel that `settings` allow. Opens no connection and reads no file."""
    adapters: dict[Channel, _Adapter] = {}
    absent: dict[Channel, str] = {}
    for channel, make in _MAKERS.items():
        try:
            adapters[channel] = make(channel, settings)
        except VendorRefused as error:
            absent[channel] = error.detail
    return Registry(adapters, absent)


def _web(channel: Channel, settings: Settings) -> _Adapter:
    key = settings.tavily_api_key
    text = key.get_secret_value() if key else ""
    if key is None or not text.strip():
        raise VendorRefused(f"channel {channel.value} has no TAVILY_API_KEY: set it or drop the channel")
    if not text.isascii() or not text.isprintable() or " " in text:
        reason = "TAVILY_API_KEY holds a space or a character no key has: copy it again"
        raise VendorRefused(f"channel {channel.value}: {reason}")
    return TavilySearch(channel, settings.tavily_base_url, key, timeout_s=settings.vendor_timeout_s)


def _register(_channel: Channel, settings: Settings) -> _Adapter:
    return GleifSearch(settings.gleif_base_url, timeout_s=settings.vendor_timeout_s)


def _file(channel: Channel, settings: Settings) -> _Adapter:
    path = Path(settings.company_file) if settings.company_file else SHIPPED
    if not path.is_file():
        raise VendorRefused(f"channel {channel.value}: COMPANY_FILE {path.name} is not a file: correct it or unset it")
    return CompanyFile(path)


_MAKERS: dict[Channel, Callable[[Channel, Settings], _Adapter]] = {
    Channel.GOOGLE: _web,
    Channel.KEYWORD: _web,
    Channel.REGISTER: _register,
    Channel.FILE: _file,
}
