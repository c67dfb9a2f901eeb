"""Which channels and look-ups this installation has, built once from the settings. What cannot work is absent, with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from contracts.alerts import AlertWay
from contracts.crm_access import CrmAccess
from contracts.errors import VendorRefused
from contracts.outgoing import Alert
from contracts.providers import Channel, CompanySearch, Operation, VendorTurns
from contracts.settings import Settings
from worker.providers import alert_post, lookups
from worker.providers.channels import MAKERS, Adapter
from worker.providers.odoo_tenants import TenantOdoos


class Registry:
    """The adapters of one process. Owns their connections: call `close()` at the end."""

    def __init__(
        self,
        adapters: Mapping[Channel, Adapter],
        absent: Mapping[Channel, str],
        operations: Mapping[str, Operation[Any, Any]] | None = None,
        absent_vendors: Mapping[str, str] | None = None,
        crms: TenantOdoos | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._adapters = dict(adapters)
        #: channel -> why it is not there, and what to do about it.
        self.absent: Mapping[Channel, str] = MappingProxyType(dict(absent))
        #: "vendor.operation" -> the look-up.
        self.operations: Mapping[str, Operation[Any, Any]] = MappingProxyType(dict(operations or {}))
        #: vendor -> why none of its look-ups is there, and what to do about it.
        self.absent_vendors: Mapping[str, str] = MappingProxyType(dict(absent_vendors or {}))
        self._crms, self._settings = crms, settings

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

    def crm(self, access: CrmAccess) -> Mapping[str, Operation[Any, Any]]:
        """The operations at a tenant's own CRM, by name: upsert, read, check. Opens no connection.

        Raises: Invalid when it may not stand there or name that key; VendorRefused (`vendor_absent`) when the key is missing.
        """
        if self._crms is None:
            raise VendorRefused("this installation has no CRM", code="vendor_absent", vendor="odoo")
        return self._crms.operations(access)

    async def tell(
        self, way: AlertWay, alert: Alert, turns: VendorTurns | None = None, *, attempt: str | None = None
    ) -> None:
        """Tell an alert on a tenant's channel, in turn.

        Raises: Invalid, VendorRefused (`vendor_absent`), VendorDown, VendorBusy.
        """
        if self._settings is None:
            raise VendorRefused("this installation tells nobody", code="vendor_absent", vendor=way.kind)
        await alert_post.tell(self._settings, way, alert, turns, attempt=attempt)

    async def close(self) -> None:
        """Close all connections. May be called twice."""
        if self._crms is not None:
            await self._crms.close()
        for adapter in (*self._adapters.values(), *self.operations.values()):
            if (close := getattr(adapter, "close", None)) is not None:
                await close()


def build(settings: Settings) -> Registry:
    """Wire every channel and look-up that `settings` allow. Opens no connection and reads no file."""
    adapters: dict[Channel, Adapter] = {}
    absent: dict[Channel, str] = {}
    for channel, make in MAKERS.items():
        try:
            adapters[channel] = make(channel, settings)
        except VendorRefused as error:
            absent[channel] = f"channel {channel.value}: {error.detail}"
    return Registry(adapters, absent, *lookups.build(settings), TenantOdoos(settings), settings)
