"""ZeroBounce: may an address be written to? One by one, or a hundred in a request.

Source: providers.md, section 13. It says "no" with a 200 and an `error`; a batch says it with an error for the address "all".
Booleans come as text. What it could not tell costs nothing: such a verdict is a miss, and is asked again after half an hour.
An address that was verified one way is not bought the other way.
A batch stays at 100 addresses and five calls a minute: its own documents disagree, and these are the lowest figures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr

from contracts.findings import EmailQuery, EmailStanding, EmailVerdict
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers.answers import Json, shaped
from worker.providers.http import VendorClient
from worker.providers.keys import usable_key
from worker.providers.lenient import Address, Flag, Lenient, listed, members, words
from worker.providers.operation import LookUp, OneByOne, found, invalid, miss, patience
from worker.providers.rules import Kind, Said, VendorRules

BATCH = 100
#: Seconds it may take for one address, and for a batch (text, there).
SINGLE_S, BATCH_S = "30", "70"
AGAIN_S = 1800.0
#: Never again, and others of ours should know: they complain, trap, or asked for it.
_SUPPRESS = frozenset({"abuse", "spamtrap", "global_suppression", "toxic"})
_STANDINGS: dict[str, EmailStanding] = {"valid": "valid", "catch-all": "risky", "unknown": "unknown"}


def _kind(said: Said) -> Kind | None:
    """What a 200 (or any other answer) with an `error`, or an error about "all", means."""
    if b'"error' not in said.body:
        return None
    try:
        answer = members(json.loads(said.body))
    except ValueError:
        return None
    about_all = [each for each in listed(answer.get("errors")) if members(each).get("email_address") == "all"]
    text = words(answer.get("error")) or (words(about_all[0].get("error")) or "refused" if about_all else None)
    if text is None:
        return None
    said_low = text.casefold()
    if "temporar" in said_low or "too many" in said_low or "rate" in said_low.split():
        return "rate"
    # One sentence stands for both: "Invalid API key or your account ran out of credits".
    if "credit" in said_low:
        return "quota"
    if "api key" in said_low or "api_key" in said_low:
        return "auth"
    return "invalid" if said.status < 300 else None


RULES = VendorRules(
    vendor="zerobounce",
    address_setting="ZEROBOUNCE_BASE_URL",
    key_setting="ZEROBOUNCE_API_KEY",
    key_place="query:api_key",
    classify=_kind,
)
BULK_RULES = replace(RULES, address_setting="ZEROBOUNCE_BULK_URL", key_place="body")
_PACE = Pace("zerobounce", (Window(10, 1),), concurrency=4)
_BULK_PACE = Pace("zerobounce.bulk", (Window(5, 60),), concurrency=1)
_optional = BeforeValidator(lambda value: words(value))


class _Verdict(Lenient):
    address: Address = None
    status: str
    sub_status: Annotated[str | None, _optional] = None
    did_you_mean: Address = None
    free_email: Flag = None


class _Batch(Lenient):
    email_batch: list[Any]
    errors: Annotated[list[Any], BeforeValidator(listed)] = []  # noqa: RUF012 - never written to


class Verify(OneByOne[EmailQuery, EmailVerdict]):
    """`GET /validate`: one address."""

    async def one(self, query: EmailQuery, *, key: str) -> Reply[EmailVerdict]:  # noqa: ARG002 - it knows no keys
        asked = {"email": query.email, "ip_address": "", "timeout": SINGLE_S}
        heard = await self._http.ask("GET", "validate", params=asked)
        raw = members(heard.json)
        return _reply(query, shaped(_Verdict, raw, RULES.vendor), raw, self.spec.units)


class VerifyBatch(LookUp[EmailQuery, EmailVerdict]):
    """`POST /validatebatch` on the bulk host: up to 100 addresses. Verdicts are joined by address, never by place."""

    def __init__(self, spec: OperationSpec, http: VendorClient, key: SecretStr) -> None:
        super().__init__(spec, http)
        self._key = key

    async def ask(self, queries: Sequence[EmailQuery], *, key: str) -> list[Reply[EmailVerdict]]:  # noqa: ARG002
        addresses = list(dict.fromkeys(query.email.casefold() for query in queries))
        body = {
            "api_key": self._key.get_secret_value(),
            "email_batch": [{"email_address": each, "ip_address": None} for each in addresses],
            "timeout": BATCH_S,
        }
        heard = await self._http.ask("POST", "validatebatch", json=body)
        answer = shaped(_Batch, members(heard.json), RULES.vendor)
        verdicts = {str(raw.get("address", "")).casefold(): raw for raw in map(members, answer.email_batch)}
        errors = {str(each.get("email_address", "")).casefold(): each for each in map(members, answer.errors)}
        return [self._one(query, verdicts, errors) for query in queries]

    def _one(self, query: EmailQuery, verdicts: dict[str, Json], errors: dict[str, Json]) -> Reply[EmailVerdict]:
        address = query.email.casefold()
        if address in errors:
            return invalid(words(errors[address].get("error")) or "turned down")
        raw = verdicts.get(address, {})
        if not isinstance(raw.get("status"), str):
            return miss("no verdict came for it")
        return _reply(query, shaped(_Verdict, raw, RULES.vendor), raw, self.spec.units)


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """Single and batch. Raises VendorRefused (`vendor_absent`) without ZEROBOUNCE_API_KEY."""
    key = usable_key(settings, "zerobounce", "zerobounce_api_key")
    single = OperationSpec(
        "zerobounce",
        "verify",
        EmailVerdict,
        Terms.LICENSED,
        _PACE,
        unit="verification",
        keep_miss_s=AGAIN_S,
        timeout_s=65.0,
    )
    batch = replace(single, operation="verify_batch", stored_as="verify", pace=_BULK_PACE, batch=BATCH, timeout_s=120.0)
    return [
        Verify(
            single, VendorClient(RULES, settings.zerobounce_base_url, timeout_s=patience(settings, single), key=key)
        ),
        VerifyBatch(
            batch,
            VendorClient(BULK_RULES, settings.zerobounce_bulk_url, timeout_s=patience(settings, batch), key=key),
            key,
        ),
    ]


def standing_of(status: str, sub_status: str | None) -> EmailStanding:
    """What may be done with an address, by the vendor's words. The lists of both are open: what is not known is not sent to."""
    if {status, sub_status} & _SUPPRESS:
        return "suppress"
    return _STANDINGS.get(status, "invalid")


def _reply(query: EmailQuery, given: _Verdict, raw: Json, units: float) -> Reply[EmailVerdict]:
    status = (words(given.status) or "unknown").casefold()
    sub_status = given.sub_status.casefold() if given.sub_status else None
    standing = standing_of(status, sub_status)
    value = EmailVerdict(
        email=query.email,
        standing=standing,
        status=status,
        sub_status=sub_status,
        did_you_mean=given.did_you_mean,
        free_mail=given.free_email,
        confidence={"valid": 0.95, "risky": 0.5, "unknown": 0.0}.get(standing, 0.95),
        retry_after_s=AGAIN_S if standing == "unknown" else None,
    )
    if standing == "unknown":
        return miss(sub_status or "it could not tell", value=value, raw=raw)
    return found(value, units=units, raw=raw)
