"""The dashboard and the alert rules speak of what the code really shows, and each alert leads to what to do about it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from typer.core import TyperGroup

from contracts.events import Probed
from db import outbox, queue
from db.pool import open_pool
from db.transaction import DbRole, transaction
from headwater import Doors
from tests.api.server_fixture import in_a_thread, served, settings_of_tests
from tests.conftest import Databases
from worker.dispatcher import Dispatcher

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "headwater.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "headwater.json"
RUNBOOK = ROOT / "docs" / "runbook-alerts.md"
#: Prometheus' own.
ITS_OWN = {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate", "severity"}}
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTED = re.compile(r"\b(headwater[\w:]*|up|ALERTS)\b(?:\{([^}]*)\})?")


def _rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def _alerts() -> list[dict[str, Any]]:
    return [rule for rule in _rules() if "alert" in rule]


def _dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def _queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in _rules())
    yield from (target["expr"] for panel in _dashboard()["panels"] for target in panel.get("targets", []))
    yield from (each["expr"] for each in _dashboard()["annotations"]["list"])


def _selected(query: str) -> Iterator[tuple[str, set[str]]]:
    """(metric, labels it is chosen by) of a query."""
    for name, chosen in _SELECTED.findall(_LITERAL.sub('""', query)):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen))


@pytest.fixture(scope="module")
def shown(databases: Databases, template: str) -> Iterator[dict[str, set[str]]]:
    """Metric -> its labels, as /metrics shows them of an installation where something of everything has happened."""
    url = databases.create(template)
    # Its one heartbeat has to do for as long as a busy machine takes.
    with served(url, settings_of_tests(worker_dead_after_s=600.0)) as api:
        in_a_thread(lambda: _work(url, api.tenants["well-crafted"].id))
        assert api.client.get("/healthz").status_code == 200
        page = api.client.get("/metrics").text
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    yield found
    databases.drop(url)


async def _work(url: str, tenant: UUID) -> None:
    """Two events, and a dispatcher that makes jobs of them."""
    pool = await open_pool(url, name="tests", size=3)
    async with transaction(pool, tenant) as tx:
        await outbox.emit_many(tx, tenant, [Probed(probe_id=uuid4()) for _ in range(2)])
    async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
        worker_id = await queue.register(tx, "here", 1, ["dispatch"])
    await Dispatcher(pool, settings_of_tests(), worker_id=worker_id).turn()
    await pool.close()


def test_every_figure_of_rules_and_dashboard_is_one_that_is_shown(shown: dict[str, set[str]]) -> None:
    # S4.06
    recorded = {rule["record"] for rule in _rules() if "record" in rule}
    for query in _queries():
        for name, labels in _selected(query):
            if name not in recorded:
                known = ITS_OWN.get(name, shown.get(name))
                assert known is not None, f"{name} is not at /metrics: {query}"
                assert labels <= known, f"{name} has no {labels - known}: {query}"


def test_every_figure_that_is_shown_is_looked_at_somewhere(shown: dict[str, set[str]]) -> None:
    # S4.06
    used = {name for query in _queries() for name, _ in _selected(query)}
    assert {name for name in shown if not name.endswith("_created")} - used == set()


def test_rules_group_by_labels_that_exist(shown: dict[str, set[str]]) -> None:
    # S4.06
    labels = {label for each in shown.values() for label in each}
    for query in _queries():
        grouped = {word.strip() for part in re.findall(r"\bby \(([^)]*)\)", query) for word in part.split(",")}
        assert grouped <= labels, query


def test_every_alert_says_how_bad_it_is_and_leads_to_its_section() -> None:
    # S4.06
    sections = _sections()
    alerts = _alerts()
    assert {alert["alert"] for alert in alerts} == set(sections), "an alert without a section, or one too many"
    for alert in alerts:
        assert alert["labels"]["severity"] in ("critical", "warning"), alert["alert"]
        assert re.fullmatch(r"\d+[mh]", alert["for"]), f"{alert['alert']} is told of at the first glance"
        assert alert["annotations"]["summary"], alert["alert"]
        page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        assert (ROOT / page).is_file(), alert["alert"]
        assert anchor in _anchors(ROOT / page), f"{alert['alert']}: {page} has no #{anchor}"
        assert anchor == alert["alert"].lower()


def test_every_section_says_what_to_look_at_and_how_to_mend_it_with_commands_that_exist() -> None:
    # S4.06
    for name, text in _sections().items():
        parts = re.split(r"\*\*(Meaning|Look|Mend)\.\*\*", text)
        assert parts[1::2] == ["Meaning", "Look", "Mend"], name
        assert "`headwater " in parts[4], f"{name} names nothing to look with"
        for line in re.findall(r"`headwater ([^`]+)`", text):
            _check(line)


def test_panels_of_the_dashboard_stand_apart_and_ask_the_chosen_source() -> None:
    # S4.06
    panels = _dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells), panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["description"], panel["title"]
            assert {each["datasource"]["uid"] for each in [panel, *panel["targets"]]} == {"${datasource}"}


def _sections() -> dict[str, str]:
    _, *pieces = re.split(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@cache
def _door(name: str) -> Any:
    return Doors(name="headwater").get_command(None, name)


def _check(line: str) -> None:
    """A command line's words lead to a command, and its options are that command's."""
    first, *rest = shlex.split(line)
    command = _door(first)
    while isinstance(command, TyperGroup) and rest:
        command = command.commands.get(rest.pop(0))
    assert command is not None, f"headwater {line}"
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known, f"headwater {line}"
