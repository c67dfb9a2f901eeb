"""The vendor sandbox for tests: real HTTP on a free loopback port, in a thread of its own, so any event loop
may call it.

Another test package takes it with one line in its conftest.py:
    from tests.providers.sandbox_fixture import sandbox, sandbox_server  # noqa: F401
"""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.settings import Settings
from worker.providers.sandbox.addresses import sandbox_env
from worker.providers.sandbox.serve import Server, bound

KEY = "tvly-test-6f1e2d3c4b5a"


class RunningSandbox:
    """A sandbox that answers at `url`, and the handles to make it misbehave. All methods are synchronous and
    quick.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def fault(self, kind: str, *, times: int | None = 1, **more: Any) -> None:
        """Order a fault. `more`: vendor, channel, path to match; skip, retry_after_s, retry_after_form,
        latency_ms.
        """
        match = {name: more.pop(name) for name in ("vendor", "channel", "path") if name in more}
        self._call("/__control/faults", {"match": match, "kind": kind, "times": times, **more})

    def latency(self, ms: float, vendor: str | None = None) -> None:
        """Delay every answer (of `vendor`) by `ms` milliseconds."""
        self._call("/__control/latency", {"ms": ms, "vendor": vendor})

    def requests(self) -> list[dict[str, Any]]:
        """One object for each distinct request: vendor, operation, channel, fingerprint, count, credits,
        outcomes.
        """
        found: list[dict[str, Any]] = self._call("/__control/requests")["requests"]
        return found

    def totals(self, vendor: str) -> dict[str, float]:
        """{"requests", "credits", "repeated"} of `vendor` since the last reset."""
        nothing = {"requests": 0, "credits": 0.0, "repeated": 0}
        found: dict[str, float] = self._call("/__control/requests")["totals"].get(vendor, nothing)
        return found

    def reset(self) -> None:
        """No faults, no latency, counters at zero."""
        self._call("/__control/reset", {})

    def env(self) -> dict[str, str]:
        """What a process needs in its environment to use this sandbox instead of every vendor."""
        switches = {"LINKEDIN_PROFILE_ENABLED": "true", "SOCIAL_CHANNEL_ENABLED": "true"}
        return sandbox_env(self.url, KEY) | switches

    def settings(self, **overrides: Any) -> Settings:
        """Settings that point at this sandbox, with a key for every vendor."""
        chosen: dict[str, Any] = {name.lower(): value for name, value in self.env().items()}
        return Settings(**(chosen | {"vendor_timeout_s": 10.0, **overrides}))

    def _call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.url + path, data=data), timeout=10) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[RunningSandbox]:
    """One sandbox for the whole session."""
    addresses: list[str] = []
    up = threading.Event()

    def ready(url: str) -> None:
        addresses.append(url)
        up.set()

    with bound("127.0.0.1", 0) as listener:
        server = Server(listener, ready)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
        thread.start()
        assert up.wait(10), "the sandbox did not start within 10 s: run `headwater sandbox` by hand to see why"
        yield RunningSandbox(addresses[0])
        server.stop()
        thread.join(10)


@pytest.fixture
def sandbox(sandbox_server: RunningSandbox) -> RunningSandbox:
    """The sandbox without faults, latency or counted requests."""
    sandbox_server.reset()
    return sandbox_server
