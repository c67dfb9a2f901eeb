"""Which of Odoo's two doors we use, behind one face: JSON-2 from version 19 on, else the older JSON-RPC.

Source: providers.md, 18.1 and 18.2. `GET /web/version` tells the version where it exists; older servers say it over JSON-RPC.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import SecretStr

from contracts.errors import VendorRefused
from worker.providers.keys import absent
from worker.providers.odoo_json2 import Json2
from worker.providers.odoo_rpc import JsonRpc

FIRST_JSON2 = 19


@dataclass(frozen=True, slots=True)
class Access:
    """Where one Odoo is and who we are there. `transport` "auto" asks the server; `login` is needed by the older door only.

    `guarded`: a tenant named the address, so only the open internet is dialled. `setting` is where the key stands.
    """

    url: str
    database: str | None
    key: SecretStr
    login: str | None = None
    transport: str = "auto"
    timeout_s: float = 60.0
    guarded: bool = False
    setting: str = "ODOO_API_KEY"


class Remote(Protocol):
    """One Odoo. Raises VendorBusy, VendorDown, VendorRefused, BadAnswer; `Refusal` for values that Odoo does not take."""

    transport: Literal["json2", "jsonrpc"]

    async def call(self, model: str, method: str, arguments: Mapping[str, Any], *, on_records: bool = False) -> Any:
        """The result of `model.method`, with named arguments. `on_records`: a method of records, called on none."""
        ...

    async def user_id(self) -> int: ...

    async def version(self) -> str: ...

    async def close(self) -> None: ...


class Door:
    """Finds out once, at the first call, which door this server has."""

    def __init__(self, access: Access) -> None:
        self._access = access
        how: dict[str, Any] = {"timeout_s": access.timeout_s, "guarded": access.guarded, "setting": access.setting}
        self._json2 = Json2(access.url, access.database, access.key, **how)
        self._rpc = JsonRpc(access.url, access.database, access.login, access.key, **how)
        self._chosen: Remote | None = None
        self._choosing = asyncio.Lock()

    async def open(self) -> Remote:
        """The door to use. Raises VendorRefused (`vendor_absent`) when it needs a setting that is missing."""
        async with self._choosing:
            if self._chosen is None:
                self._chosen = await self._choose()
            return self._chosen

    async def close(self) -> None:
        await self._json2.close()
        await self._rpc.close()

    async def _choose(self) -> Remote:
        wish = self._access.transport
        if wish == "auto":
            wish = "json2" if major(await self._version()) >= FIRST_JSON2 else "jsonrpc"
        if wish == "json2":
            return self._json2
        for name, value in (("ODOO_LOGIN", self._access.login), ("ODOO_DATABASE", self._access.database)):
            if not value:
                raise absent("odoo", f"the older RPC needs {name}: set it, or use JSON-2 (Odoo 19 and later)")
        return self._rpc

    async def _version(self) -> str:
        try:
            return await self._json2.version()
        except VendorRefused as error:
            if error.members.get("status") != 404:
                raise
        # Servers before 19 do not have that page.
        return await self._rpc.version()


def major(version: str) -> int:
    """19 of "19.0", "saas~19.1+e" or "19.0-20260504"; 0 when there is no number."""
    found = re.search(r"\d+", version)
    return int(found[0]) if found else 0
