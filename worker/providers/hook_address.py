"""Addresses that are secrets themselves: the host may be seen, the rest may not."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import SecretStr

from worker.providers.keys import absent


def parted(vendor: str, setting: str, address: SecretStr) -> tuple[str, SecretStr]:
    """(origin, path with its query) of a webhook. Raises VendorRefused (`vendor_absent`) for what is no http(s) address."""
    parts = urlsplit(address.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise absent(vendor, f"{setting} is not an http(s) address: correct it")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{parts.netloc}", SecretStr(path)
