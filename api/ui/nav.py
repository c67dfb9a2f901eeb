"""What stands in the console's menu. A new page adds its line here and its module to `PAGES` in `api/ui/routers.py`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from api.auth import reaches
from contracts.tenants import Role


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu; `least`: the lowest role that sees it."""

    path: str
    title: str
    least: Role = Role.VIEWER


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    entries: tuple[Entry, ...]


MENU: tuple[Section, ...] = (
    Section(
        "Now",
        (Entry("/ui", "Overview"), Entry("/ui/runs", "Runs"), Entry("/ui/alerts", "Alerts")),
    ),
    Section(
        "Leads",
        (
            Entry("/ui/leads", "Leads"),
            Entry("/ui/companies", "Companies"),
            Entry("/ui/candidates", "Candidates"),
            Entry("/ui/messages", "Messages"),
            Entry("/ui/matches", "Merge review"),
        ),
    ),
    Section(
        "Planning",
        (
            Entry("/ui/nights", "Nights"),
            Entry("/ui/shortlists", "Shortlists"),
            Entry("/ui/schedules", "Schedules", Role.OPS),
        ),
    ),
    Section(
        "Delivery",
        (
            Entry("/ui/outbox", "Outbox"),
            Entry("/ui/jobs", "Jobs"),
            Entry("/ui/dead-letters", "Dead letters"),
            Entry("/ui/limits", "Limits and pauses"),
        ),
    ),
    Section(
        "Machine",
        (Entry("/ui/vendors", "Vendors and budgets"), Entry("/ui/models", "Models")),
    ),
    Section(
        "Trade",
        (Entry("/ui/accounts", "Accounts"), Entry("/ui/stock", "Stock")),
    ),
    Section(
        "House",
        (
            Entry("/ui/tenants", "Tenant and quotas"),
            Entry("/ui/users", "Users", Role.OWNER),
            Entry("/ui/keys", "API keys", Role.OWNER),
            Entry("/ui/audit", "Audit log", Role.OWNER),
            Entry("/ui/retention", "Retention"),
        ),
    ),
)


@cache
def seen_by(role: Role) -> tuple[Section, ...]:
    """The menu with the entries that a role sees."""
    return tuple(Section(s.title, tuple(e for e in s.entries if reaches(role, e.least))) for s in MENU)
