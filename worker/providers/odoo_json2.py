"""Odoo's JSON-2 door: `POST /json/2/<model>/<method>` with named arguments; the bare result comes back.

Source: providers.md, 18.1, and Odoo's own documentation of version 19. Errors have real status codes and a body {name, message,
arguments, context, debug}; `debug` is a traceback and is never read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import SecretStr

from contracts.errors import BadAnswer, VendorRefused
from worker.providers.answers import is_json, parse_any
from worker.providers.http import VendorClient
from worker.providers.lenient import members, whole, words
from worker.providers.odoo_refusals import about_values, refusal, version_in
from worker.providers.rules import Kind, Said, VendorRules


def _kind(said: Said) -> Kind | None:
    # "miss" stands for "Odoo does not take these values": Json2.call makes it a Refusal.
    if said.status < 400 or not is_json(said.content_type):
        return None
    try:
        name = words(members(parse_any(said.body)).get("name")) or ""
    except ValueError:
        return None
    return "miss" if about_values(name) else None


RULES = VendorRules(
    vendor="odoo",
    address_setting="ODOO_URL",
    key_setting="ODOO_API_KEY",
    classify=_kind,
)


class Json2:
    """`Remote` over JSON-2."""

    transport: Literal["json2", "jsonrpc"] = "json2"

    def __init__(
        self,
        url: str,
        database: str | None,
        key: SecretStr,
        *,
        timeout_s: float,
        guarded: bool = False,
        setting: str = "ODOO_API_KEY",
    ) -> None:
        headers = {"X-Odoo-Database": database} if database else {}
        rules = replace(RULES, key_setting=setting)
        self._http = VendorClient(rules, url, timeout_s=timeout_s, key=key, headers=headers, guarded=guarded)

    async def call(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any],
        *,
        on_records: bool = False,  # noqa: ARG002 - without ids it is called on no record
    ) -> Any:
        body = {**arguments, "context": {"lang": "en_US"}}
        try:
            heard = await self._http.ask("POST", f"/json/2/{model}/{method}", json=body)
        except VendorRefused as error:
            if error.members.get("status") != 404:
                raise
            failure = error
        else:
            if heard.kind is not None:
                raise refusal(words(members(heard.json).get("message"), 500))
            return heard.json
        hint = f"install its app (crm.lead: CRM), or correct ODOO_URL and ODOO_DATABASE: there is no {model}.{method}"
        raise VendorRefused(f"{failure.detail.partition(' · ')[0]} · {hint}", code=failure.code, **failure.members)

    async def user_id(self) -> int:
        number = whole(members(await self.call("res.users", "context_get", {})).get("uid"))
        if not number:
            raise BadAnswer("odoo does not say who we are: look at its log", vendor="odoo")
        return number

    async def version(self) -> str:
        found = version_in((await self._http.ask("GET", "/web/version")).json)
        if found is None:
            raise BadAnswer("odoo does not say its version: is ODOO_URL the address of an Odoo?", vendor="odoo")
        return found

    async def close(self) -> None:
        await self._http.close()
