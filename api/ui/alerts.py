"""Alerts: what wants a person's eye, what it was measured against, the rows behind it, and where it was told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from api.deps import Page
from api.routes import alerts as routes
from api.ui import words
from api.ui.page import PageRoute, onward, show
from api.ui.session import Act, Acting, Looking, Seat
from contracts.alert_words import has_words, summary
from contracts.alerts import SEVERITIES, AlertState, AlertView, Severity
from contracts.tenants import Role
from contracts.texts import NoNul

router = APIRouter(prefix="/ui/alerts", route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Seat, Depends(Looking(Role.VIEWER))]
Ops = Annotated[Act, Depends(Acting(Role.OPS))]
Rule = Annotated[str | None, Query(max_length=100), NoNul]
ROWS = 25
#: Open ones that the first page shows, of each state; the filter pages through all.
OPEN = 100
#: Channels that a page shows: more than a tenant may have.
CHANNELS = 50
#: How a rule begins -> the page of the rows it speaks of.
_PAGES: Mapping[str, tuple[str, str]] = {
    "run.late": ("/ui/runs?status=pending", "runs that wait"),
    "run.": ("/ui/runs", "runs"),
    "slo.": ("/ui/runs", "runs"),
    "budget.": ("/ui/vendors", "vendors and budgets"),
    "vendor.": ("/ui/vendors", "vendors and budgets"),
    "dead_letters.": ("/ui/dead-letters", "dead letters"),
    "outbox.": ("/ui/outbox", "outbox"),
    "inventory.": ("/ui/stock?low=true", "what runs out"),
    "trigger.": ("/ui/accounts", "accounts"),
    "model.": ("/ui/models", "models"),
    "alert.": ("/ui/alerts", "channels"),
}
#: What a scope such as `account:…` names -> its page.
_ROWS: Mapping[str, str] = {"account": "/ui/accounts/", "sku": "/ui/stock/", "lead": "/ui/leads/"}
#: Members of the evidence that are not figures.
_SHOWN_APART = {"run", "runs", "baseline_runs", "trigger_id"}
_LABELS: Mapping[str, str] = {
    "n": "measured against",
    "median": "usual (median)",
    "median_s": "usual (median)",
    "mad": "usual spread",
    "sigma": "usual spread",
    "factor": "times usual allowed",
    "mad_s": "usual spread",
    "duration_s": "took",
    "z": "spreads away from usual",
    "threshold_z": "spreads allowed",
}


@router.get("")
async def list_alerts(
    seat: Viewer,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    state: AlertState | None = None,
    severity: Severity | None = None,
    rule: Rule = None,
) -> Response:
    """What stands open comes first, then what is over; with a state, only that."""

    async def found(wanted: AlertState, page: Page) -> tuple[list[AlertView], str | None]:
        answer = await routes.list_alerts(seat.principal, seat.pool, page, wanted, severity, rule)
        return answer.items, answer.next_cursor

    open_ones: list[AlertView] = []
    listed, more = await found(state or "resolved", Page(ROWS, cursor))
    if state is None and cursor is None:
        for each in ("open", "ack"):
            open_ones += (await found(each, Page(OPEN, None)))[0]
    open_ones.sort(key=lambda a: SEVERITIES.index(a.severity))
    channels = await _channels(seat)
    data = {"open": open_ones, "alerts": listed, "next_cursor": more, "channels": channels}
    choices = {"state": get_args(AlertState), "severity": SEVERITIES}
    return show(seat, "alerts.html", data, choices=choices, says=says, many=len(open_ones) >= OPEN)


async def _channels(seat: Seat) -> list[Any] | None:
    """None: they are not for the eyes of whoever asks."""
    if not seat.may(Role.OPS):
        return None
    return (await routes.list_channels(seat.principal, seat.pool, Page(CHANNELS, None))).items


@router.get("/{alert_id}")
async def show_alert(alert_id: UUID, seat: Viewer) -> Response:
    """One alert: its figures, the runs behind it, whom it was told to."""
    alert = await routes.show(alert_id, seat.principal, seat.pool)
    return show(seat, "alert.html", {"alert": alert}, behind=behind(alert), figures=figures(alert.evidence))


@router.post("/{alert_id}/acknowledge")
async def acknowledge(alert_id: UUID, act: Ops) -> Response:
    """Look after it."""
    await routes.acknowledge(alert_id, act.principal, act.pool)
    return onward(f"/ui/alerts/{alert_id}", act.request, "You look after it. It stays here until it is over.")


@router.post("/{alert_id}/resolve")
async def resolve(alert_id: UUID, act: Ops) -> Response:
    """It is over."""
    await routes.resolve(alert_id, act.principal, act.pool, act.wake)
    return onward(f"/ui/alerts/{alert_id}", act.request, "It is over. If its condition still holds, it opens anew.")


@router.post("/channels/{channel_id}/test")
async def test_channel(channel_id: UUID, act: Ops) -> Response:
    """Send a trial."""
    await routes.test_channel(channel_id, act.principal, act.pool, act.wake)
    return onward(
        "/ui/alerts#channels", act.request, "A trial is on its way: load the page again to see what came of it."
    )


def behind(alert: AlertView) -> list[tuple[str, str]]:
    """(address, words) of the pages that hold the rows an alert speaks of; its runs are listed apart."""
    kind, _, name = alert.scope.partition(":")
    found = []
    if kind in _ROWS and _is_id(name):
        found.append((f"{_ROWS[kind]}{name}", f"this {kind}"))
    elif kind == "sku" and name:
        found.append((f"/ui/stock?{urlencode({'code': name})}", name))
    general = next((page for start, page in _PAGES.items() if alert.rule.startswith(start)), None)
    return found + ([general] if general else [])


def _is_id(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True


def figures(evidence: Mapping[str, Any]) -> dict[str, str]:
    """The evidence in words, without the runs, which the page shows as rows."""
    found = {}
    for name, value in evidence.items():
        if name in _SHOWN_APART:
            continue
        is_time = name.endswith("_s") and isinstance(value, int | float)
        label = _LABELS.get(name) or name.removesuffix("_s").replace("_", " ")
        found[label] = words.duration(value) if is_time else words.value_of(value)
    return found


def says(alert: AlertView) -> str:
    """One line: the rule's sentence, or what is known of the thing it is about."""
    if has_words(alert.rule):
        return summary(alert.rule, alert.scope, alert.evidence)
    kind, _, name = alert.scope.partition(":")
    about = f"{kind} {words.short(name) if _is_id(name) else name}".strip()
    known = ", ".join(f"{label}: {value}" for label, value in figures(alert.evidence).items())
    return f"{about}: {known}" if known else about
