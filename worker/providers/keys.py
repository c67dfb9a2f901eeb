"""Whether an installation has what a vendor needs. What is missing makes it absent, with a sentence that names the setting."""

from __future__ import annotations

import hashlib
import os

from pydantic import SecretStr

from contracts.crm_access import HOUSE_KEY, REFERENCE
from contracts.errors import VendorRefused
from contracts.settings import Settings


def absent(vendor: str, what: str) -> VendorRefused:
    """The reason why `vendor` is not there, to be raised by its `make`: `what` is missing and what to do about it."""
    return VendorRefused(f"{vendor}: {what}", code="vendor_absent", vendor=vendor)


def digest(secret: str) -> str:
    """A name for a key, or for an address that is one, which does not give it away: 16 hexadecimal digits."""
    return hashlib.blake2b(secret.encode(), digest_size=8, person=b"headwater").hexdigest()


def usable_key(settings: Settings, vendor: str, name: str) -> SecretStr:
    """The key in setting `name` (its attribute). Raises VendorRefused (`vendor_absent`) without a usable one."""
    key: SecretStr | None = getattr(settings, name)
    return _usable(vendor, name.upper(), key)


def referred_key(settings: Settings, vendor: str, reference: str) -> SecretStr:
    """The key of a tenant's CRM, by the name its connection gives. Raises VendorRefused (`vendor_absent`) without a usable one.

    Nothing but a setting for such keys is ever read, whatever the name says.
    """
    if not REFERENCE.fullmatch(reference):
        raise absent(vendor, f"{reference} is no name of a CRM's key")
    if reference == HOUSE_KEY:
        return usable_key(settings, vendor, "odoo_api_key")
    text = os.environ.get(reference)
    return _usable(vendor, reference, SecretStr(text) if text else None)


def _usable(vendor: str, setting: str, key: SecretStr | None) -> SecretStr:
    text = key.get_secret_value() if key else ""
    if key is None or not text.strip():
        raise absent(vendor, f"there is no {setting}: set it, or do without")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise absent(vendor, f"{setting} holds a space or a character no key has: copy it again")
    return key
