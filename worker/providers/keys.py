"""Whether an installation has what a vendor needs. What is missing makes it absent, with a sentence that names the setting."""

from __future__ import annotations

from pydantic import SecretStr

from contracts.errors import VendorRefused
from contracts.settings import Settings


def absent(vendor: str, what: str) -> VendorRefused:
    """The reason why `vendor` is not there, to be raised by its `make`: `what` is missing and what to do about it."""
    return VendorRefused(f"{vendor}: {what}", code="vendor_absent", vendor=vendor)


def usable_key(settings: Settings, vendor: str, name: str) -> SecretStr:
    """The key in setting `name` (its attribute). Raises VendorRefused (`vendor_absent`) without a usable one."""
    key: SecretStr | None = getattr(settings, name)
    text = key.get_secret_value() if key else ""
    if key is None or not text.strip():
        raise absent(vendor, f"there is no {name.upper()}: set it, or do without")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise absent(vendor, f"{name.upper()} holds a space or a character no key has: copy it again")
    return key
