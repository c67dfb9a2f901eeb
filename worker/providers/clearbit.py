"""Clearbit, for accounts that still have a key: there are no new ones. Everybody else has Hunter's `combined`, of the same shape.

Source: providers.md, section 11. 202 means that the look-up is queued: asked again later, it costs nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from contracts.findings import EmailQuery, PersonAndCompany
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers import clearbit_shape as shape
from worker.providers.answers import shaped
from worker.providers.http import VendorClient
from worker.providers.keys import usable_key
from worker.providers.lenient import Lenient, members, number
from worker.providers.operation import OneByOne, found, miss, patience, suppressed
from worker.providers.rules import PaceHint, VendorRules

PENDING_S = 10.0
#: Reset times above this are moments, not durations.
_EPOCH = 1_000_000_000.0


def _hint(headers: Mapping[str, str]) -> PaceHint | None:
    left, reset = number(headers.get("x-ratelimit-remaining")), number(headers.get("x-ratelimit-reset"))
    if left is None or reset is None:
        return None
    limit = number(headers.get("x-ratelimit-limit"))
    wait_s = reset - time.time() if reset > _EPOCH else reset
    return PaceHint(max(0, int(left)), max(0.0, wait_s), int(limit) if limit else None)


RULES = VendorRules(
    vendor="clearbit",
    address_setting="CLEARBIT_BASE_URL",
    key_setting="CLEARBIT_API_KEY",
    statuses={202: "pending", 404: "miss", 451: "suppressed"},
    after_s=lambda said: PENDING_S if said.status == 202 else None,
    hint=_hint,
)
_PACE = Pace("clearbit", (Window(400, 60),), concurrency=4)
_or_none = BeforeValidator(lambda value: value if isinstance(value, dict) else None)


class _Answer(Lenient):
    person: Annotated[shape.ShapedPerson | None, _or_none]
    company: Annotated[shape.ShapedCompany | None, _or_none] = None


class Combined(OneByOne[EmailQuery, PersonAndCompany]):
    """`GET /v2/combined/find`: a person and where they work, by e-mail address. One credit if found."""

    async def one(self, query: EmailQuery, *, key: str) -> Reply[PersonAndCompany]:  # noqa: ARG002 - it knows no keys
        heard = await self._http.ask("GET", "v2/combined/find", params={"email": query.email})
        if heard.kind == "suppressed":
            return suppressed()
        if heard.kind == "miss":
            return miss()
        answer = shaped(_Answer, members(heard.json), RULES.vendor)
        value = shape.both(answer.person, answer.company)
        return found(value, units=self.spec.units, raw=heard.json, estimated=True) if value else miss()


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """Clearbit's one look-up. Raises VendorRefused (`vendor_absent`) without CLEARBIT_API_KEY."""
    key = usable_key(settings, "clearbit", "clearbit_api_key")
    spec = OperationSpec("clearbit", "combined", PersonAndCompany, Terms.LICENSED, _PACE)
    http = VendorClient(RULES, settings.clearbit_base_url, timeout_s=patience(settings, spec), key=key)
    return [Combined(spec, http)]
