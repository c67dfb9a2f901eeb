"""Addresses that are secrets themselves: the host may be seen, the rest may not."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import SecretStr

from worker.providers.keys import absent


def parted(vendor: str, setting: str, address: SecretStr) -> tuple[str, SecretStr]:
    """(origin, path with its query) of a webhook. Raises VendorRefused (`vendor_absent`) for what is no http(s) address."""
    try:
        parts = urlsplit(address.get_secret_value())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # its words would repeat part of the address
        usable = False
    if not usable:
        raise absent(vendor, f"{setting} is not an http(s) address: correct it")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{parts.netloc}", SecretStr(path)
