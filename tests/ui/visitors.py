"""Somebody with a browser's habits, without a browser: cookies, an Origin on every form, the session's token in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from contracts.tenants import Role
from tests.api.server_fixture import HOME, PASSWORD, Served, email

_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@dataclass
class Visitor:
    api: Served
    client: httpx.Client

    @classmethod
    @contextmanager
    def at(cls, api: Served) -> Iterator[Visitor]:
        with httpx.Client(base_url=api.base_url, timeout=30, trust_env=False) as client:
            yield cls(api, client)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.client.get(path, params=params or None)

    def send(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """A form as a browser sends it; `fields` may overwrite the token."""
        given = {"csrf": self.token} if "csrf" not in (fields or {}) and path != "/ui/login" else {}
        return self.client.post(
            path, data={**given, **(fields or {})}, headers={"Origin": self.api.base_url, **headers}
        )

    @property
    def token(self) -> str:
        found = _TOKEN.search(self.get("/ui").text)
        return found[1] if found else ""

    def log_in(self, role: Role = Role.OPS, tenant: str = HOME, **more: str) -> httpx.Response:
        return self.send("/ui/login", {"email": email(role), "password": PASSWORD, "tenant": tenant, **more})
