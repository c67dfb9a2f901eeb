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
    night_forms,
    nights,
    outbox,
    overview,
    run_forms,
    runs,
    schedules,
    shortlists,
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
    schedules,
    night_forms,
    nights,
    shortlists,
    outbox,
    jobs,
    dead_letters,
    vendors,
    models,
    # Last: it takes every address that nobody else has.
    elsewhere,
)
ROUTERS = tuple(module.router for module in PAGES)
