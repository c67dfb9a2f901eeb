"""Every page of the console. A new module is named here, and its line in the menu in `api/ui/nav.py`."""

from __future__ import annotations

from api.ui import (
    accounts,
    alerts,
    audits,
    companies,
    dead_letters,
    elsewhere,
    jobs,
    keys,
    leads,
    login,
    matches,
    messages,
    models,
    outbox,
    overview,
    retention,
    run_forms,
    runs,
    stock,
    tenants,
    users,
    vendors,
)

PAGES = (
    login,
    overview,
    run_forms,
    runs,
    leads,
    companies,
    messages,
    matches,
    outbox,
    jobs,
    dead_letters,
    vendors,
    models,
    alerts,
    accounts,
    stock,
    tenants,
    users,
    keys,
    audits,
    retention,
    # Last: it takes every address that nobody else has.
    elsewhere,
)
ROUTERS = tuple(module.router for module in PAGES)
