"""`headwater demo`: the whole product once, as a newcomer would use it, over its own API."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from contracts.errors import HeadwaterError, Unavailable
from contracts.settings import Settings
from contracts.tenants import Role, Tenant
from db import access, passwords, server, tenants
from db.pool import open_pool
from db.transaction import DbRole, transaction
from front.client import Client
from front.installation import Installation, installation
from front.logs import configure_logging
from front.showing import Show
from front.up import cancel_on_signals

EMAIL = "ada@demo.example"
#: What is asked for, and which channel its vendor is told to refuse.
ASKED = {"channels": ["register", "google", "keyword"], "max_companies": 60}
REFUSED = "keyword"
#: How long every vendor takes to answer, in milliseconds: there would be nothing to watch otherwise.
LATENCY_MS = 400
FEWEST_LEADS = 20
#: Whom the demo's tenant wants as customers, how many of its leads are enriched, and how long that may take, in seconds.
WANTED = {
    "name": "Makers in Southern Africa",
    "target_countries": ["ZA", "BW"],
    "min_company_size": 20,
    "required_technologies": [],
}
ENRICHED = 6
PATIENCE_S = 30.0
#: These of the caller's settings hold for the demo too.
KEPT = {"headwater_pg", "log_level", "log_format"}


def demo(
    data: Annotated[Path | None, typer.Option(help="Keep the database in this folder; default: thrown away.")] = None,
) -> None:
    """Run the whole product once on this machine, show what it found, stop. Needs no keys and no server."""
    began = time.monotonic()
    with _folder(data) as folder:
        settings = _settings(folder)
        configure_logging(settings, "headwater-demo")
        try:
            broken = asyncio.run(_demo(settings, folder, durable=data is not None, began=began))
        except (KeyboardInterrupt, asyncio.CancelledError):
            typer.echo("\nstopped before the end", err=True)
            raise typer.Exit(130) from None
        except HeadwaterError as error:
            raise Unavailable(f"{error.detail}\nThe processes' log ends:\n{_last_words(folder)}") from error
    if broken:
        raise Unavailable("the demo did not show what it promises: " + "; ".join(broken))


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        try:
            data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise server.unusable(data, error) from error
        yield data
        return
    made = Path(tempfile.mkdtemp(prefix="headwater-demo-"))
    try:
        # Run by root, the server is another user's, who must be able to pass.
        made.chmod(0o711)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _settings(folder: Path) -> Settings:
    """Settings of the demo alone: a caller's database, keys and limits have nothing to do with it."""
    for name in list(os.environ):
        if name.lower() in Settings.model_fields and name.lower() not in KEPT:
            del os.environ[name]
    # Few jobs at a time, so that the run can be watched.
    os.environ |= {"ENV": "demo", "HEADWATER_DATA": str(folder), "WORKER_CONCURRENCY": "4", "WORKER_DRAIN_S": "5"}
    os.environ["CRAWL_MAX_PAGES"] = "3"  # nobody wants to watch it read more
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    return Settings()


def _last_words(folder: Path) -> str:
    log = folder / "processes.log"
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else "(nothing was started)"


async def _demo(settings: Settings, folder: Path, *, durable: bool, began: float) -> list[str]:
    """Start, tell the story, stop. Returns what it promised and did not show."""
    cancel_on_signals()
    show = Show(began)
    show.opening()
    environment = {**os.environ, "LOG_LEVEL": "INFO"}
    with (folder / "processes.log").open("wb") as errors:
        async with installation(
            settings, environment, port=0, sandbox=True, durable=durable, errors=errors, tell=show.started
        ) as running:
            password = secrets.token_urlsafe(12)
            tenant = await _newcomer(settings, running.database.url, password)
            telling = asyncio.create_task(asyncio.to_thread(_story, show, running, tenant, password))
            breaking = asyncio.create_task(running.until_broken())
            # Interrupted, the thread finds the API gone: nobody is left to be told.
            telling.add_done_callback(lambda told: told.cancelled() or told.exception())
            try:
                await asyncio.wait({telling, breaking}, return_when=asyncio.FIRST_COMPLETED)
                if not telling.done():
                    breaking.result()
            finally:
                breaking.cancel()
            broken = telling.result()
    show.closing(broken, folder if durable else None)
    return broken


async def _newcomer(settings: Settings, database_url: str, password: str) -> Tenant:
    """A tenant of this demo's own, with one owner."""
    pool = await open_pool(database_url, name="headwater demo", size=1)
    try:
        await tenants.ensure_default(pool, settings)
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            tenant = await tenants.create(tx, f"demo-{secrets.token_hex(3)}", name="Demo", by="headwater demo")
        hashed = await passwords.hashed(password)
        async with transaction(pool, tenant.id) as tx:
            await access.create_user(tx, tenant.id, EMAIL, Role.OWNER, hashed, by="headwater demo")
        return tenant
    finally:
        await pool.close()


def _story(show: Show, running: Installation, tenant: Tenant, password: str) -> list[str]:
    """What a newcomer would do, over HTTP only."""
    api = Client(running.url)
    assert running.sandbox_url is not None
    sandbox = Client(running.sandbox_url)
    tokens = api.post("/v1/auth/login", {"email": EMAIL, "password": password, "tenant": tenant.slug})
    api.token = tokens["accessToken"]
    show.logged_in(EMAIL, tenant.slug)
    refusal = {"match": {"vendor": "tavily", "channel": REFUSED}, "kind": "432", "times": None}
    sandbox.post("/__control/faults", refusal)
    sandbox.post("/__control/latency", {"ms": LATENCY_MS})
    profile = api.post("/v1/icp-profiles", WANTED)
    asked = {**ASKED, "icp_profile_id": profile["id"]}
    run = api.post("/v1/discovery/runs", asked)
    show.asked(asked, run, REFUSED)
    with show.watching() as progress:
        for _, seen in api.events(f"/v1/discovery/runs/{run['id']}/events"):
            run = seen
            progress(run)
    leads = api.get("/v1/leads", run_id=run["id"], limit=200)["items"]
    show.leads(leads, run)
    show.failures(run)
    show.stats(run)
    sandbox.post("/__control/latency", {"ms": 50})
    scored = _qualified(api, leads)
    show.scored(scored, profile["name"], api.get("/v1/messages", state="draft")["items"])
    show.outbox(api.get("/v1/outbox/stats"))
    show.lead_story(*_one_lead(api, run, leads))
    everything, this_run = api.get("/v1/outbox/verify"), api.get(f"/v1/discovery/runs/{run['id']}/verify")
    show.proof(everything, this_run)
    return _broken(run, leads, scored, everything, this_run)


def _qualified(api: Client, leads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A few leads, enriched and scored: each step follows from the event before. Returns them, the best first."""
    # Those with a site of their own: there is something to read.
    chosen = [lead["id"] for lead in leads if lead["domain"]][:ENRICHED]
    api.post("/v1/leads/enrichments", {"lead_ids": chosen})
    until = time.monotonic() + PATIENCE_S
    while True:
        now = [api.get(f"/v1/leads/{lead_id}") for lead_id in chosen]
        found = [lead for lead in now if lead["latest_score"]]
        if len(found) == len(chosen) or time.monotonic() > until:
            return sorted(found, key=lambda lead: -lead["latest_score"]["score"])
        time.sleep(0.3)


def _one_lead(api: Client, run: dict[str, Any], leads: list[dict[str, Any]]) -> tuple[dict[str, Any], list[Any]]:
    """A lead, a merged one if there is one, and the events that led to it, oldest first."""
    chosen = next((lead for lead in leads if len(lead["sources"]) > 1), leads[0] if leads else None)
    if chosen is None:
        raise Unavailable(f"the run found nothing: {run['error'] or run['status']}")
    lead = api.get(f"/v1/leads/{chosen['id']}")
    read = {(record["slice_id"], record["page"]) for record in lead["discovery_records"]}
    wanted = []
    for type_ in ("RunRequested", "SliceReady"):
        for row in _events(api, type=type_, correlation_id=run["id"]):
            event = api.get(f"/v1/outbox/events/{row['event_id']}")
            payload = event["payload"]
            if type_ == "RunRequested" or (payload["sliceId"], payload["page"]) in read:
                wanted.append(event)
    for row in _events(api, aggregate_type="lead", aggregate_id=lead["id"]):
        wanted.append(api.get(f"/v1/outbox/events/{row['event_id']}"))
    made_it = [e for e in wanted if e["type"] != "SliceReady" or _wrote(e, lead["id"])]
    return lead, sorted(made_it, key=lambda event: str(event["created_at"]))


def _events(api: Client, **which: Any) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = api.get("/v1/outbox/events", limit=200, **which, **cursor)
        yield from page["items"]
        if not page["next_cursor"]:
            return
        cursor = {"cursor": page["next_cursor"]}


def _wrote(event: dict[str, Any], lead_id: str) -> bool:
    return any(lead_id in rows["ids"] for done in event["executions"] for rows in done["produced"])


def _broken(
    run: dict[str, Any], leads: list[Any], scored: list[Any], everything: dict[str, Any], this_run: dict[str, Any]
) -> list[str]:
    failed = {each.get("channel") for each in run["stats"]["errors"]}
    promises = {
        f"at least {FEWEST_LEADS} leads, not {len(leads)}": len(leads) >= FEWEST_LEADS,
        "leads from two channels": len({source for lead in leads for source in lead["sources"]}) >= 2,
        "a company found by two channels and merged": any(len(lead["sources"]) > 1 for lead in leads),
        f"channel {REFUSED} failing, and no other": failed == {REFUSED},
        f"a run that ends partial, not {run['status']}": run["status"] == "partial",
        f"{ENRICHED} leads enriched and scored, not {len(scored)}": len(scored) >= ENRICHED,
        "nothing lost, nothing doubled": everything["ok"] and this_run["ok"],
    }
    return [what for what, kept in promises.items() if not kept]
