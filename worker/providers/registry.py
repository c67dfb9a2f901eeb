"""Which channels and look-ups this installation has, built once from the settings. What cannot work is absent, with a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from contracts.errors import VendorRefused
from contracts.providers import Channel, CompanySearch, Operation
from contracts.settings import Settings
from worker.providers import lookups
from worker.providers.company_file import SHIPPED, CompanyFile
from worker.providers.gleif import GleifSearch
from worker.providers.tavily import TavilySearch


class _Adapter(CompanySearch, Protocol):
    async def close(self) -> None: ...


class Registry:
    """The adapters of one process. Owns their connections: call `close()` at the end."""

    def __init__(
        self,
        adapters: Mapping[Channel, _Adapter],
        absent: Mapping[Channel, str],
        operations: Mapping[str, Operation[Any, Any]] | None = None,
        absent_vendors: Mapping[str, str] | None = None,
    ) -> None:
        self._adapters = dict(adapters)
        #: channel -> why it is not there, and what to do about it.
        self.absent: Mapping[Channel, str] = MappingProxyType(dict(absent))
        #: "vendor.operation" -> the look-up.
        self.operations: Mapping[str, Operation[Any, Any]] = MappingProxyType(dict(operations or {}))
        #: vendor -> why none of its look-ups is there, and what to do about it.
        self.absent_vendors: Mapping[str, str] = MappingProxyType(dict(absent_vendors or {}))

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

    def operation(self, name: str) -> Operation[Any, Any]:
        """The look-up "vendor.operation". Raises VendorRefused (code `vendor_absent`) saying what is missing."""
        found = self.operations.get(name)
        if found is None:
            vendor = name.partition(".")[0]
            reason = self.absent_vendors.get(vendor, f"there is no look-up {name}: do without it")
            raise VendorRefused(reason, code="vendor_absent", vendor=vendor)
        return found

    async def close(self) -> None:
        """Close all connections. May be called twice."""
        for adapter in (*self._adapters.values(), *self.operations.values()):
            if (close := getattr(adapter, "close", None)) is not None:
                await close()


def build(settings: Settings) -> Registry:
    """Wire every channel and look-up that `settings` allow. Opens no connection and reads no file."""
    adapters: dict[Channel, _Adapter] = {}
    absent: dict[Channel, str] = {}
    for channel, make in _MAKERS.items():
        try:
            adapters[channel] = make(channel, settings)
        except VendorRefused as error:
            absent[channel] = error.detail
    return Registry(adapters, absent, *lookups.build(settings))


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
