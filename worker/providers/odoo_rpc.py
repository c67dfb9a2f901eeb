"""Odoo's older door: `POST /jsonrpc`, through version 18 the only one, deprecated since 19.

Source: providers.md, 18.2. Every answer is a 200: success has `result`, refusal `error{code, message, data{name, message, debug}}`,
and a wrong login is a `result` of false. The key travels in the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import SecretStr

from contracts.errors import BadAnswer, VendorDown, VendorRefused
from worker.providers.http import VendorClient
from worker.providers.lenient import members, words
from worker.providers.odoo_refusals import (
    NotAllowed,
    about_rights,
    about_values,
    of_a_known_user,
    passing,
    refusal,
    version_in,
)
from worker.providers.redaction import Redactor
from worker.providers.rules import MAX_SAID, VendorRules

RULES = VendorRules(vendor="odoo", address_setting="ODOO_URL", key_setting="ODOO_API_KEY", key_place="body")


class JsonRpc:
    """`Remote` over JSON-RPC."""

    transport: Literal["json2", "jsonrpc"] = "jsonrpc"

    def __init__(
        self,
        url: str,
        database: str | None,
        login: str | None,
        key: SecretStr,
        *,
        timeout_s: float,
        guarded: bool = False,
        setting: str = "ODOO_API_KEY",
    ) -> None:
        self._http = VendorClient(
            replace(RULES, key_setting=setting), url, timeout_s=timeout_s, key=key, guarded=guarded
        )
        self._setting = setting
        self._database, self._login, self._key = database or "", login or "", key
        self._redact = Redactor([key])
        self._uid: int | None = None

    async def call(self, model: str, method: str, arguments: Mapping[str, Any], *, on_records: bool = False) -> Any:
        who = [self._database, await self.user_id(), self._key.get_secret_value()]
        named = {**arguments, "context": {"lang": "en_US"}}
        return await self._say("object", "execute_kw", [*who, model, method, [[]] if on_records else [], named])

    async def user_id(self) -> int:
        """Our user. Raises VendorRefused (`vendor_auth`) when Odoo does not know us."""
        if self._uid is None:
            who = [self._database, self._login, self._key.get_secret_value(), {}]
            found = await self._say("common", "authenticate", who)
            if not isinstance(found, int) or not found:
                hint = f"check {self._setting}, and the login and database beside it (ODOO_LOGIN, ODOO_DATABASE)"
                raise VendorRefused(f"odoo does not know this user · {hint}", code="vendor_auth", vendor="odoo")
            self._uid = found
        return self._uid

    async def version(self) -> str:
        found = version_in(await self._say("common", "version", []))
        if found is None:
            raise BadAnswer("odoo does not say its version: is ODOO_URL the address of an Odoo?", vendor="odoo")
        return found

    async def close(self) -> None:
        await self._http.close()

    async def _say(self, service: str, method: str, arguments: list[Any]) -> Any:
        parameters = {"service": service, "method": method, "args": arguments}
        answer = await self._http.post("/jsonrpc", {"jsonrpc": "2.0", "method": "call", "id": 1, "params": parameters})
        if "error" in answer:
            raise self._refused(members(answer["error"]))
        if "result" not in answer:
            raise BadAnswer("odoo answered JSON of another shape (result): look at ODOO_URL", vendor="odoo")
        return answer["result"]

    def _refused(self, error: Mapping[str, Any]) -> Exception:
        found = members(error.get("data"))
        name = words(found.get("name")) or ""
        said = self._redact(words(found.get("message"), 500) or words(error.get("message")) or "no reason given")
        text = f"odoo refused: {said[:MAX_SAID]}"
        if "does not exist" in said and "database" in said:
            return VendorRefused(f"{text} · check ODOO_DATABASE", code="vendor_auth", vendor="odoo")
        if "doesn't exist" in said and said.startswith("Object "):
            hint = "install its app (crm.lead: CRM)"
            return VendorRefused(f"{text} · {hint}", code="vendor_rejected_request", vendor="odoo", status=404)
        if about_values(name):
            return refusal(said)
        if about_rights(name):
            hint = f"check {self._setting}, and the rights of its user"
            kind = NotAllowed if of_a_known_user(name) else VendorRefused
            return kind(f"{text} · {hint}", code="vendor_auth", vendor="odoo")
        if passing(name):
            return VendorDown(f"{text}; it will be asked again", sent=True, vendor="odoo")
        hint = "our request does not fit its API: report this"
        return VendorRefused(f"{text} · {hint}", code="vendor_rejected_request", vendor="odoo")
