"""Errors that nobody caught are sent to Sentry when it is set: with run, job and correlation id, without secrets and people."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.exchange.receiver import receiving
from tests.front.programs import ROOT, environment, run
from worker.providers.sentry import address_of

pytestmark = pytest.mark.slow

SECRET = "s3cret-signing-key-of-this-test-0123456789"
#: The API and a worker's frame, each with an error that nobody caught; then an expected one, of which nothing is sent.
PROGRAM = """
import asyncio, os
from uuid import UUID
import httpx
from contracts.settings import Settings
from contracts.errors import VendorRefused
from front.logs import configure_logging
settings = Settings()
configure_logging(settings, "headwater-test")
from api.app import create_app
from db.pool import open_pool
from db.queue import Delivery
from worker.perform import Activity, Performer

app = create_app(settings)

@app.get("/breaks")
async def breaks():
    person = "Mei Tan"
    raise ValueError("no row for 'Mei Tan' <mei.tan@example.sg>, +65 9123 4567, key " + os.environ["WEBHOOK_SIGNING_KEY"])

async def main():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://here") as client:
        answer = await client.get("/breaks", headers={"x-request-id": "request-of-this-test", "authorization": "Bearer abcdefgh"})
        assert answer.status_code == 500, answer.text
    pool = await open_pool(settings.database_url, name="tests", size=1)
    await job(pool, ZeroDivisionError("division by zero"), UUID("01936f3e-0000-7000-8000-000000000001"))
    await job(pool, VendorRefused("no credits left"), UUID("01936f3e-0000-7000-8000-000000000002"))
    pool.terminate()

async def job(pool, error, run):
    async def body(ctx, args):
        raise error
    async def stopped(*_):
        pass
    performer = Performer(pool, settings, None, {"probe.run": Activity(body, stopped)}, lambda: None)
    about = (1, 0, {"probeId": str(run)}, run, run, run, False, None)
    await performer(Delivery(1, 1, run, run, "probe", "probe.run", "probe.run", *about))

asyncio.run(main())
"""


def _run_program(db_url: str, **changes: str) -> None:
    settings = {
        "JWT_SECRET": "x" * 40,
        "WEBHOOK_SIGNING_KEY": SECRET,
        "ENV": "tests",
        "DATABASE_URL": db_url,
        **changes,
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment(**settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_unhandled_errors_of_api_and_jobs_arrive_with_their_ids_and_nothing_of_anybodys(db_url: str) -> None:
    # S4.11
    with receiving() as receiver:
        dsn = receiver.url.replace("http://", "http://publickey@").replace("/hook", "/42")
        _run_program(db_url, SENTRY_DSN=dsn)
        posts = list(receiver.posts)
    assert [post.path for post in posts] == ["/api/42/envelope/"] * 2, "an expected refusal is no news"
    assert "sentry_key=publickey" in posts[0].headers["X-Sentry-Auth"]
    events: list[dict[str, Any]] = [json.loads(post.body.decode().splitlines()[2]) for post in posts]
    api, job = events
    assert api["tags"]["requestId"] == "request-of-this-test"
    (error,) = api["exception"]["values"]
    assert (error["type"], api["environment"], api["platform"]) == ("ValueError", "tests", "python")
    assert error["value"].startswith("no row for")
    assert error["stacktrace"]["frames"][-1]["function"] == "breaks"
    run_id = "01936f3e-0000-7000-8000-000000000001"
    tags = job["tags"]
    assert (tags["job"], tags["runId"], tags["correlationId"], tags["executionId"]) == (
        "probe.run",
        run_id,
        run_id,
        run_id,
    )
    assert job["exception"]["values"][0]["type"] == "ZeroDivisionError"
    assert any(
        frame["filename"] == "worker/perform.py" for frame in job["exception"]["values"][0]["stacktrace"]["frames"]
    )
    everything = "".join(post.body.decode() for post in posts)
    for hidden in (SECRET, "Mei", "mei.tan", "9123", "abcdefgh", str(ROOT), "vars"):
        assert hidden not in everything, hidden
    header = json.loads(posts[0].body.decode().splitlines()[0])
    assert header["event_id"] == api["event_id"]


def test_it_is_off_without_its_setting_and_a_bad_one_is_named(db_url: str) -> None:
    # S4.11
    with receiving() as receiver:
        _run_program(db_url)
        assert receiver.posts == []
    done = run("tenants", "list", SENTRY_DSN="https://nowhere.example")
    assert done.returncode == 2
    assert "SENTRY_DSN must be https://KEY@HOST/PROJECT" in done.stderr


@pytest.mark.parametrize(
    "dsn", ["", "https://host/1", "https://key@host/project", "ftp://key@host/1", "https://key@host"]
)
def test_what_is_no_dsn_is_refused(dsn: str) -> None:
    # S4.11
    with pytest.raises(ValueError, match="SENTRY_DSN"):
        address_of(dsn)
    assert address_of("https://k@o1.ingest.sentry.io/77") == ("https://o1.ingest.sentry.io/api/77/envelope/", "k")
