"""Whom this process can ask, said to everybody: the API and the commands have no adapters of their own."""

from __future__ import annotations

from contracts.providers import Channel, CompanySearch
from contracts.settings import Settings
from contracts.vendors import VendorOperation
from db import vendors
from db.transaction import DbRole, Pool, transaction
from worker.ask import Pages, worst_case
from worker.providers import limits
from worker.providers.registry import Registry

#: `operation` of a vendor that is absent as a whole.
ALL = "*"


async def publish(pool: Pool, registry: Registry, settings: Settings) -> None:
    """Write it down. Raises: Unavailable when the database is away."""
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        await vendors.publish(tx, entries(registry, settings))


def entries(registry: Registry, settings: Settings) -> list[VendorOperation]:
    """Channels and look-ups that work, and those that do not with the reason; each name once."""
    found = [_search(channel, registry.company_search(channel), settings) for channel in registry.channels]
    found += [_lookup(name, registry, settings) for name in registry.operations]
    found += [
        VendorOperation(vendor="channel", operation=channel.value, channel=channel.value, absent=why)
        for channel, why in registry.absent.items()
    ]
    found += [
        VendorOperation(vendor=vendor, operation=ALL, absent=why) for vendor, why in registry.absent_vendors.items()
    ]
    return list({(one.vendor, one.operation): one for one in found}.values())


def _search(channel: Channel, port: CompanySearch, settings: Settings) -> VendorOperation:
    spec = limits.effective(Pages(port).spec, settings)
    size = settings.discovery_page_size
    usual = port.units_per_page
    scale = spec.units / usual if usual else 1.0
    return VendorOperation(
        vendor=spec.vendor,
        operation=spec.operation,
        unit=spec.unit,
        units=worst_case(port, size) * scale if spec.billable else 0.0,
        billable=spec.billable,
        unit_price_usd=limits.unit_price_usd(spec, settings),
        pace=spec.pace.name,
        channel=channel.value,
        pages=getattr(port, "max_pages", None),
    )


def _lookup(name: str, registry: Registry, settings: Settings) -> VendorOperation:
    spec = limits.effective(registry.operation(name).spec, settings)
    vendor, _, operation = name.partition(".")
    return VendorOperation(
        vendor=vendor,
        operation=operation,
        unit=spec.unit,
        units=spec.units,
        billable=spec.billable,
        unit_price_usd=(limits.unit_price_usd(spec, settings) or spec.unit_price_usd) if spec.billable else None,
        pace=spec.pace.name,
    )
