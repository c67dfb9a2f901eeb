"""The application: what surrounds every route, and what lives as long as the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import structlog
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from pydantic import SecretStr

from api import errors
from api.admission import Admission
from api.deps import DefaultTenant, declared_query
from api.intake import Intake
from api.metrics import HttpMetrics, Scrape
from api.narrow import narrow
from api.openapi import describe
from api.routes import (
    accounts,
    alerts,
    analytics,
    audits,
    auth,
    companies,
    crm,
    cron_doors,
    discovery_queries,
    enrichments,
    exports,
    feedback,
    health,
    imports,
    job_doors,
    jobs,
    keys,
    leads,
    limits,
    matches,
    messages,
    models,
    nights,
    opportunities,
    outbox,
    privacy,
    profiles,
    retention,
    rule_sets,
    run_replays,
    runs,
    schedules,
    scores,
    shortlists,
    staging,
    suppressions,
    survivorship,
    tenants,
    triggers,
    users,
    vendors,
    waterfalls,
    webhook_endpoints,
    webhooks,
)
from api.together import Together
from api.tokens import Signer
from api.trace import Trace
from api.ui import static_files
from api.ui.routers import ROUTERS as PAGES
from api.wake import Wake
from contracts.errors import Hopeless
from contracts.settings import Settings
from db import migrate, passwords
from db.pool import open_pool
from db.transaction import transaction

ROUTERS = tuple(
    module.router
    for module in (
        auth,
        keys,
        users,
        tenants,
        audits,
        retention,
        runs,
        run_replays,
        leads,
        companies,
        survivorship,
        matches,
        enrichments,
        feedback,
        models,
        waterfalls,
        profiles,
        rule_sets,
        scores,
        nights,
        shortlists,
        opportunities,
        discovery_queries,
        staging,
        messages,
        suppressions,
        privacy,
        webhooks,
        imports,
        exports,
        vendors,
        outbox,
        limits,
        webhook_endpoints,
        jobs,
        crm,
        analytics,
        schedules,
        cron_doors,
        accounts,
        triggers,
        job_doors,
        health,
    )
)
ROUTERS += (crm.export_router, alerts.router, alerts.channels_router, run_replays.leads_router)
for _router in (*ROUTERS, *PAGES):
    narrow(_router)
#: What any route may answer beside its own refusals.
ALWAYS = errors.problems(400, 401, 403, 413, 414, 500, 503)

#: A process that stands still in its transaction keeps its locks, which a retry elsewhere may need, for this long, in seconds.
STILL_S = 5.0
#: How long a transaction may take to open before its connection is taken for half-open, in seconds.
OPENING_S = 10.0

log = structlog.get_logger("api")


def create_app(settings: Settings, *, database_url: str | None = None) -> FastAPI:
    """Build the application on `database_url`, else DATABASE_URL; it connects when it is started.

    `app.state` holds: settings, signer, default_tenant, scrape; once started pool, wake, stopping (set when the
    server begins to shut down: endless answers end then), failure (why it did not start).
    Raises: Hopeless (`no_database`, `no_jwt_secret`).
    """
    url = database_url or settings.database_url
    if url is None:
        raise Hopeless("the API needs a database: set DATABASE_URL, or start `headwater up`", code="no_database")
    metrics = HttpMetrics()
    app = FastAPI(
        title="Headwater",
        version=version("headwater"),
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        telemetry={"tracing": False, "metrics": False},
    )
    app.state.settings = settings
    app.state.database_url = url
    app.state.signer = Signer(_jwt_secret(settings).get_secret_value(), settings.access_token_s)
    app.state.admission = Admission(settings.outbox_max_waiting)
    app.state.default_tenant = DefaultTenant(settings)
    app.state.scrape = Scrape(metrics, dead_after_s=settings.worker_dead_after_s)
    for router in ROUTERS:
        # Whoever watches may add what it likes to the address; everybody else is told what is not there.
        dependencies = [] if router is health.router else [Depends(declared_query)]
        app.include_router(router, responses=ALWAYS, dependencies=dependencies)
    app.include_router(static_files.router)
    for router in PAGES:
        app.include_router(router, dependencies=[Depends(declared_query)])
    errors.install(app)
    app.add_middleware(Intake, max_bytes=settings.api_max_body_bytes, timeout_s=settings.api_body_timeout_s)
    app.add_middleware(Trace, metrics=metrics)
    describe(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0]}.{route.name}" if route.tags else route.name


def _jwt_secret(settings: Settings) -> SecretStr:
    if settings.jwt_secret is None:
        raise Hopeless(
            "JWT_SECRET is not set: give at least 32 characters, the same to every API process, for example the "
            "output of `openssl rand -base64 48`; `headwater up` makes one by itself",
            code="no_jwt_secret",
        )
    return settings.jwt_secret


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    state.stopping = asyncio.Event()
    try:
        async with _connected(app):
            yield
    except Exception as error:
        # The server only says that it did not start; whoever runs it wants to say why.
        state.failure = error
        raise


@asynccontextmanager
async def _connected(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    settings: Settings = state.settings
    size, patience = settings.db_pool_size, settings.db_command_timeout_s
    state.pool = await open_pool(
        state.database_url,
        name="headwater-api",
        size=size,
        command_timeout_s=patience,
        idle_in_transaction_s=STILL_S,
        opening_s=min(OPENING_S, patience),
    )
    state.wake = Wake(state.database_url)
    state.together = Together()
    try:
        async with transaction(state.pool, None) as tx:
            pending = await migrate.pending(tx)
        if pending:
            log.warning("migrations_pending", names=pending, next="run `headwater db migrate`")
        else:
            await state.default_tenant.get(state.pool)
        await passwords.warm()
        state.wake.start()
        yield
    finally:
        await state.wake.stop()
        state.pool.terminate()
