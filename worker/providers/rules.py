"""How vendors say no, and what that means: every refusal becomes one of a few classes, and each class one error.

class        meaning                                              becomes
rate         too fast; not served, not billed                     VendorBusy(after_s)
pending      still being worked on; asking again costs nothing    VendorBusy(after_s), code `pending`
quota        credits or the plan's allowance are used up          VendorRefused `vendor_quota`
auth         key missing, wrong, or not allowed this              VendorRefused `vendor_auth`
moved        it points elsewhere: never followed (the key)        VendorRefused `vendor_moved`
invalid      our request is wrong                                 VendorRefused `vendor_rejected_request`
transient    408, 5xx: may have been billed                       VendorDown(sent=True)
miss         nothing is known: an answer                          returned
suppressed   the person objected, or the law forbids it           returned

The same status means different things: Hunter's 403 is "too fast" and its 429 "no credits left"; Lusha's and Hunter's 451 is an
objection. So a vendor's own table (`VendorRules.statuses`) comes first, its reading of the body (`classify`) before that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

from contracts.errors import HeadwaterError, VendorBusy, VendorDown, VendorRefused
from worker.providers.answers import error_text, retry_after_s

#: Characters of what an error says that are shown and kept.
MAX_SAID = 300

Kind = Literal["rate", "pending", "quota", "auth", "moved", "invalid", "transient", "miss", "suppressed"]
#: Where a vendor wants its key. `query:NAME` puts it into the URL, which is why URLs are redacted everywhere.
KeyPlace = str


@dataclass(frozen=True, slots=True)
class Said:
    """One answer as it came: the body may be cut at the error limit when the status is no success."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


@dataclass(frozen=True, slots=True)
class PaceHint:
    """What an answer's headers tell about a rate limit: `remaining` requests until `reset_s` seconds from now."""

    remaining: int
    reset_s: float
    limit: int | None = None


#: The newest hint heard in this task: `worker/ask.py` hands it to the shared pace after each call.
heard_hint: ContextVar[PaceHint | None] = ContextVar("heard_hint", default=None)
#: Awaited before a connection is chosen, until the request may leave: the vendor might close one that is kept open meanwhile, and a
#: request that meets that counts as sent.
approach: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("approach", default=None)
#: Awaited when a connection stands and the request is about to leave: the shared pace lets it go, or waits, or raises VendorBusy.
departure: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("departure", default=None)


@dataclass(frozen=True)
class VendorRules:
    """How one vendor differs from the rest, and which settings hold its address and key.

    `key_place`: "bearer", "header:NAME", "query:NAME", "basic" (key as user name), "body" or "path" (the adapter places it).
    `statuses` overrides the general table; `classify` may read a class out of any answer, 2xx included (vendors that say
    "no" with a 200); `after_s` reads a waiting time where the vendor does not use Retry-After; `hint` reads rate headers.
    """

    vendor: str
    address_setting: str
    key_setting: str | None = None
    key_place: KeyPlace = "bearer"
    statuses: Mapping[int, Kind] = field(default_factory=dict)
    classify: Callable[[Said], Kind | None] | None = None
    after_s: Callable[[Said], float | None] | None = None
    hint: Callable[[Mapping[str, str]], PaceHint | None] | None = None

    def kind_of(self, said: Said) -> Kind | None:
        """The class of an answer; None for a plain success."""
        if self.classify is not None and (read := self.classify(said)) is not None:
            return read
        if (own := self.statuses.get(said.status)) is not None:
            return own
        return None if 200 <= said.status < 300 else _general(said.status)


def _general(status: int) -> Kind:
    if status == 429:
        return "rate"
    if status == 408 or status >= 500:
        return "transient"
    if status == 402:
        return "quota"
    if status in (401, 403):
        return "auth"
    return "moved" if status < 400 else "invalid"


def refusal(rules: VendorRules, kind: Kind, said: Said, redact: Callable[[str], str]) -> HeadwaterError:
    """The error that an answer of class `kind` becomes, with the vendor's own words and what to do."""
    # Cut after it is redacted: half a key is not recognised.
    text = redact(error_text(said.content_type, said.body))[:MAX_SAID]
    words = f"{rules.vendor} answered {said.status}" + (f": {text}" if text else "")
    about: dict[str, Any] = {"vendor": rules.vendor, "status": said.status}
    if kind in ("rate", "pending", "transient"):
        after_s = rules.after_s(said) if rules.after_s is not None else None
        if after_s is None:
            after_s = retry_after_s(said.headers)
        if kind == "transient":
            return VendorDown(words, after_s=after_s, sent=True, **about)
        return VendorBusy(words, after_s=after_s, code="pending" if kind == "pending" else None, **about)
    hint, code = _advice(rules, kind)
    return VendorRefused(f"{words} · {hint}", code=code, **about)


def _advice(rules: VendorRules, kind: Kind) -> tuple[str, str]:
    if kind == "quota":
        return "credits are used up: raise the plan or wait", "vendor_quota"
    if kind == "auth":
        hint = f"check {rules.key_setting}" if rules.key_setting else "it wants a key we do not have"
        return hint, "vendor_auth"
    if kind == "moved":
        return f"it points elsewhere: set {rules.address_setting} to its new address", "vendor_moved"
    return "our request does not fit its API: report this", "vendor_rejected_request"
