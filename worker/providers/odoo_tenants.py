"""Tenants' own Odoos: a connection each, opened when it is first used and kept while it stays as it is."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from contracts.crm_access import CrmAccess, check, is_trusted, place
from contracts.providers import Operation
from contracts.settings import Settings
from worker.providers import odoo
from worker.providers.keys import referred_key
from worker.providers.odoo_remote import Access
from worker.providers.operation import patience

#: Connections that one process keeps open.
KEPT = 64

Operations = Mapping[str, Operation[Any, Any]]


class TenantOdoos:
    """The operations at any tenant's Odoo. Close with `close()`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: OrderedDict[str, Operations] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def operations(self, access: CrmAccess) -> Operations:
        """By name: upsert, read, check. Raises: Invalid; VendorRefused (`vendor_absent`) when the key is not set."""
        check(access, self._settings)
        key = referred_key(self._settings, "odoo", access.secret_ref)
        about = [access.url, access.database, access.login, access.transport, access.secret_ref, key.get_secret_value()]
        name = hashlib.sha256("\0".join(each or "" for each in about).encode()).hexdigest()
        found = self._open.get(name)
        if found is None:
            found = self._open[name] = self._made(access, key)
        self._open.move_to_end(name)
        while len(self._open) > KEPT:
            _, gone = self._open.popitem(last=False)
            task = asyncio.get_running_loop().create_task(_close(gone))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        return found

    def _made(self, access: CrmAccess, key: Any) -> Operations:
        where = Access(
            url=access.url.rstrip("/"),
            database=access.database,
            key=key,
            login=access.login,
            transport=access.transport,
            timeout_s=patience(self._settings, odoo.UPSERT),
            guarded=not is_trusted(access.url, self._settings),
            setting=access.secret_ref,
        )
        # One tenant's server that is down, or slow, must not hold up another's.
        made = odoo.operations(where, f"crm:{place(access.url, access.database)}:{access.secret_ref}"[:50])
        return {each.spec.operation: each for each in made}

    async def close(self) -> None:
        """Close all connections. May be called twice."""
        while self._open:
            _, gone = self._open.popitem()
            await _close(gone)
        if self._closing:
            await asyncio.gather(*self._closing)


async def _close(operations: Operations) -> None:
    for each in operations.values():
        if (close := getattr(each, "close", None)) is not None:
            await close()
