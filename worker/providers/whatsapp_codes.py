"""What Meta's error codes mean for us. Trengo passes them on in words, so both adapters read them here.

Source: providers.md, section 16. An error that comes back from a send means "not taken", with one exception: 131000 says that
nobody knows, so the message counts as perhaps sent. What concerns one message only is a reply, not an error: the account and the
other messages are well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from contracts.outgoing import MessageReceipt
from contracts.providers import Reply
from worker.providers.operation import invalid, suppressed
from worker.providers.rules import Kind

STOPPED = 131050

#: Codes about the account or the moment.
_CALL: Mapping[int, Kind] = {
    0: "auth",
    3: "auth",
    10: "auth",
    190: "auth",
    368: "auth",
    131005: "auth",
    131031: "auth",
    131042: "quota",
    4: "rate",
    80007: "rate",
    130429: "rate",
    131016: "rate",
    131048: "rate",
    131056: "rate",
    131000: "transient",
}  # fmt: skip
#: Seconds to wait where the vendor does not say: one recipient takes a message every six seconds in the long run, the rest
#: are limits that move by the hour.
_WAITS: Mapping[int, float] = {4: 3600, 80007: 3600, 131048: 3600, 131056: 60, 131016: 60, 130429: 2}

#: Codes about one message, in our words.
_MESSAGE: Mapping[int, str] = {
    130472: "this recipient is in an experiment of Meta's and gets no marketing messages",
    130497: "our account may not write to this country",
    131008: "a parameter that the template needs is missing",
    131009: "a value does not fit: check the phone number and the parameters",
    131021: "the recipient is the sender",
    131026: "undeliverable: not on WhatsApp, or has not accepted its terms",
    131030: "the number is not on the test account's list",
    131047: "more than 24 hours since the recipient last wrote: only a template may go out",
    131049: "Meta chose not to deliver this marketing message: not again before 24 hours are over",
    132000: "the template takes another number of parameters",
    132001: "there is no such template in this language, or it is not approved",
    132005: "the filled template is too long",
    132007: "the template's text breaks a policy",
    132012: "a parameter does not have the template's format",
    132015: "the template is paused for its low quality",
    132016: "the template is disabled for its low quality",
}

_IN_WORDS = re.compile(r"(?<!\d)(13[0-2]\d{3})(?!\d)")


def kind_of(code: int) -> Kind | None:
    """The class of an error code; "miss" stands for "about this message only". None: unknown, the status decides."""
    if 200 <= code <= 299:
        return "auth"
    if code == STOPPED:
        return "suppressed"
    return "miss" if code in _MESSAGE else _CALL.get(code)


def wait_s(code: int) -> float | None:
    """How long to leave the vendor alone after `code`, in seconds."""
    return _WAITS.get(code)


def turned_down(code: int) -> Reply[MessageReceipt]:
    """The reply about a message that was not taken because of `code`."""
    if code == STOPPED:
        return suppressed(f"{code}: the recipient stopped our marketing messages")
    return invalid(f"{code}: {_MESSAGE.get(code, 'not taken')}")


def code_in(text: str) -> int | None:
    """A code named in a sentence such as "(#131026) Message undeliverable"."""
    found = _IN_WORDS.search(text)
    return int(found[1]) if found else None
