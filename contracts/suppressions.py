"""Whom nobody may write to: how values are normalised before they are hashed, and suppressions as the API takes and shows them.

type     normalised                                                                           example
email    trimmed, lower case, host in IDNA; gmail.com without dots and +tags                  jane.doe+x@GMAIL.com -> janedoe@gmail.com
phone    E.164: `+`, country code, number; `00` at the beginning is `+`                       (+65) 9123-4567 -> +6591234567
domain   lower case, IDNA, without scheme, `www.`, path and last dot; takes in what is below  https://www.Acme.com/x -> acme.com
person   a name of somebody in a system, lower case: `linkedin:slug`, `whatsapp:id`           linkedin.com/in/Jane -> linkedin:jane

What is stored is HMAC-SHA256(the tenant's key, type + ":" + normalised value): it can be compared, not read.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from contracts.errors import Invalid
from contracts.texts import NoNul

Channel = Literal["any", "whatsapp", "email", "phone"]
KeyType = Literal["email", "phone", "domain", "person"]

_EMAIL = re.compile(r"[^\s@<>\"(),:;\[\]\\]{1,64}@[^\s@]{1,255}")
_HOST = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_LINKEDIN = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/(?:in|pub)/([^/?#\s]+).*", re.IGNORECASE)
_DOTLESS = ("gmail.com", "googlemail.com")


@dataclass(frozen=True, slots=True, order=True)
class SuppressionKey:
    """A normalised value: what is hashed."""

    type: KeyType
    value: str

    def hashed(self, key: bytes) -> bytes:
        """HMAC-SHA256 under the tenant's key, 32 bytes."""
        return hmac.digest(key, f"{self.type}:{self.value}".encode(), "sha256")


def normalised(type_: KeyType, value: str) -> SuppressionKey:
    """Bring a value into the form that is hashed. Raises: Invalid (code `bad_suppression_key`), which does not repeat the value."""
    read = {"email": email_of, "phone": phone_of, "domain": domain_of, "person": person_of}[type_](value)
    if read is None:
        wanted = {
            "email": "an e-mail address",
            "phone": "a phone number with its country code, like +6591234567",
            "domain": "a domain, like acme.com",
            "person": "linkedin:SLUG, whatsapp:ID or the address of a LinkedIn profile",
        }[type_]
        raise Invalid(f"this is not {wanted}: write it in full", code="bad_suppression_key")
    return SuppressionKey(type_, read)


def keys_of(
    *, emails: Iterable[str] = (), phones: Iterable[str] = (), domains: Iterable[str] = (), people: Iterable[str] = ()
) -> list[SuppressionKey]:
    """All keys by which somebody may be on the list, domains of addresses and their parents too. What cannot be read is left out."""
    found: dict[SuppressionKey, None] = {}
    hosts = [*domains]
    for address in filter(None, map(email_of, emails)):
        found[SuppressionKey("email", address)] = None
        hosts.append(address.rpartition("@")[2])
    found |= {SuppressionKey("phone", p): None for p in filter(None, map(phone_of, phones))}
    found |= {SuppressionKey("domain", d): None for host in filter(None, map(domain_of, hosts)) for d in _upwards(host)}
    found |= {SuppressionKey("person", p): None for p in filter(None, map(person_of, people))}
    return list(found)


def email_of(text: str) -> str | None:
    """An address as it is hashed; None when it is none."""
    address = text.strip().lower().removeprefix("mailto:")
    if not _EMAIL.fullmatch(address):
        return None
    local, _, host = address.rpartition("@")
    domain = domain_of(host)
    if domain in _DOTLESS:
        local, domain = local.partition("+")[0].replace(".", ""), "gmail.com"
    return f"{local}@{domain}" if domain and local else None


def phone_of(text: str) -> str | None:
    """A number in E.164; None for one without a country code."""
    digits = re.sub(r"\(0\)|[\s().\u00a0/-]", "", text.strip().lower().removeprefix("tel:"))
    digits = "+" + digits[2:] if digits.startswith("00") else digits
    return digits if _PHONE.fullmatch(digits) else None


def domain_of(text: str) -> str | None:
    """A host name as it is hashed; None when it is none."""
    bare = re.sub(r"\A[a-z]+://", "", text.strip().lower()).partition("/")[0].partition("?")[0].rstrip(".")
    try:
        host = bare.removeprefix("www.").encode("idna").decode()
    except UnicodeError:
        return None
    return host if _HOST.fullmatch(host) else None


def person_of(text: str) -> str | None:
    """`system:name` in lower case; the address of a LinkedIn profile is one of those."""
    given = text.strip().lower()
    if (profile := _LINKEDIN.fullmatch(given)) is not None:
        return f"linkedin:{profile[1]}"[:500]
    return given if re.fullmatch(r"[a-z]{2,20}:\S{1,480}", given) and "//" not in given else None


def _upwards(host: str) -> Iterator[str]:
    labels = host.split(".")
    for n in range(len(labels) - 1):
        yield ".".join(labels[n:])


class Suppression(BaseModel):
    """One entry. What it stands for cannot be read back; `erased`: the person's data were erased, and stay away (B.09)."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    channel: Channel
    key_type: KeyType
    reason: str
    source: str
    erased: bool
    added_by: str
    created_at: datetime


class SuppressionPage(BaseModel):
    items: list[Suppression]
    next_cursor: str | None


class AddSuppression(BaseModel):
    """Body of POST /v1/suppressions."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"channel": "any", "key_type": "email", "value": "jane@acme.com", "reason": "asked by phone"}]
        },
    )

    channel: Channel = "any"
    key_type: KeyType = Field(validation_alias=AliasChoices("key_type", "keyType"))
    value: Annotated[str, Field(min_length=1, max_length=600), NoNul]
    reason: Annotated[str, Field(min_length=1, max_length=200), NoNul] = "asked"


class CheckSuppression(BaseModel):
    """Body of POST /v1/suppressions/check: values stand in a body, because addresses are logged along the way."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"channel": "whatsapp", "emails": ["jane@acme.com"]}]},
    )

    channel: Channel = "any"
    emails: Annotated[list[Annotated[str, Field(max_length=600), NoNul]], Field(max_length=100)] = []
    phones: Annotated[list[Annotated[str, Field(max_length=600), NoNul]], Field(max_length=100)] = []
    domains: Annotated[list[Annotated[str, Field(max_length=600), NoNul]], Field(max_length=100)] = []


class SuppressionHit(BaseModel):
    """Whether somebody with those values may not be written to, and by which entry."""

    suppressed: bool
    entry: Suppression | None = None
