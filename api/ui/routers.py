"""Every page of the console. A new module is named here, and its line in the menu in `api/ui/nav.py`."""

from __future__ import annotations

from api.ui import (
    companies,
    dead_letters,
    elsewhere,
    jobs,
    leads,
    login,
    matches,
    messages,
    models,
    outbox,
    overview,
    run_forms,
    run_replays,
    runs,
    vendors,
)

PAGES = (
    login,
    overview,
    run_forms,
    runs,
    run_replays,
    leads,
    companies,
    messages,
    matches,
    outbox,
    jobs,
    dead_letters,
    vendors,
    models,
    # Last: it takes every address that nobody else has.
    elsewhere,
)
ROUTERS = tuple(module.router for module in PAGES)
