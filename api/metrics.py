"""Prometheus figures: requests as they pass, the database's at the moment of asking."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily

from db import metrics
from db.transaction import DbRole, Pool, transaction

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: A scrape within this time of another gets the same figures, in seconds.
FRESH_S = 1.0


class HttpMetrics:
    """Requests and their durations by route template: the number of series does not grow with traffic."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "headwater_http_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self._durations = Histogram(
            "headwater_http_request_duration_seconds", "Time to answer", ["method", "route"], registry=self.registry
        )

    def observe(self, method: str, route: str, status: int, took_s: float) -> None:
        method = method if method in METHODS else "OTHER"
        self._requests.labels(method, route, str(status)).inc()
        self._durations.labels(method, route).observe(took_s)


class Scrape:
    """The page of /metrics. Many scrapers at once cost the database one look a second."""

    def __init__(self, http: HttpMetrics, *, dead_after_s: float) -> None:
        self._http = http
        self._dead_after_s = dead_after_s
        self._lock = asyncio.Lock()
        self._snapshot: metrics.Snapshot | None = None
        self._taken = 0.0

    async def page(self, pool: Pool) -> bytes:
        """Raises: Unavailable when the database is away."""
        async with self._lock:
            if self._snapshot is None or time.monotonic() - self._taken > FRESH_S:
                async with transaction(pool, None, role=DbRole.SYSTEM) as tx, asyncio.timeout(5):
                    self._snapshot = await metrics.snapshot(tx, dead_after_s=self._dead_after_s)
                self._taken = time.monotonic()
        registry = CollectorRegistry()
        registry.register(_Figures(self._snapshot))
        return generate_latest(self._http.registry) + generate_latest(registry)


class _Figures:
    def __init__(self, snapshot: metrics.Snapshot) -> None:
        self._now = snapshot

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._now
        states = {"pending": 0, "processing": 0, "failed": 0, **now.outbox}
        yield _gauge("headwater_outbox_events", "Events standing in the outbox", ["state"], states)
        yield _single(
            "headwater_outbox_oldest_due_seconds", "How long the oldest due event waits", now.oldest_due_s or 0.0
        )
        queue = _gauge("headwater_queue_jobs", "Deliveries standing in the queue", ["queue", "status"], {})
        for labels, jobs in now.queue.items():
            queue.add_metric(labels, jobs)
        yield queue
        yield _single("headwater_workers_alive", "Workers whose heart beats", now.workers)
        if now.dispatched_s_ago is not None:
            yield _single("headwater_dispatch_age_seconds", "Since a dispatcher last ran", now.dispatched_s_ago)
        yield _gauge("headwater_runs", "Runs under way", ["status"], {"pending": 0, "running": 0, **now.runs})
        yield _gauge("headwater_runs_ended_1h", "Runs ended within the hour", ["status"], now.runs_ended)
        yield _single("headwater_rescues_1h", "Attempts taken for dead within the hour", now.rescues.get("rescued", 0))
        yield _single(
            "headwater_false_rescues_1h", "Those of them that came back, and were refused", now.rescues.get("false", 0)
        )
        held = _gauge("headwater_held", "Queues, tenants and vendors that are paused or limited", ["scope", "how"], {})
        for labels in [(scope, how) for scope in ("queue", "tenant", "vendor") for how in ("paused", "limited")]:
            held.add_metric(labels, now.held.get(labels, 0))
        yield held
        yield _single("headwater_dead_letters", "Dead letters nobody resolved", now.dead_letters)


def _gauge(name: str, text: str, labels: list[str], values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for label, value in values.items():
        family.add_metric([label], value)
    return family


def _single(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
