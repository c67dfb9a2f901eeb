"""Every number leads to the rows behind it, or stands on a list of those that are rows themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from contracts.tenants import Role
from tests.api.server_fixture import HOME, Served
from tests.ui.planted import night, run, schedule
from tests.ui.test_browser import PATHS
from tests.ui.visitors import Visitor

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)


@dataclass
class Element:
    tag: str
    classes: frozenset[str]
    parent: Element | None
    links: int = 0
    text: str = ""

    def within(self, tag: str) -> Element | None:
        here: Element | None = self
        while here is not None and here.tag != tag:
            here = here.parent
        return here


@dataclass
class Numbers(HTMLParser):
    """Elements of the class `num`, or `b` of tiles, and what surrounds them."""

    found: list[Element] = field(default_factory=list)
    here: Element | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, frozenset((dict(attrs).get("class") or "").split()), self.here)
        if tag == "a":
            around: Element | None = made
            while around is not None:
                around.links += 1
                around = around.parent
        tile = tag == "b" and (tiles := made.within("ul")) is not None and "tiles" in tiles.classes
        if ("num" in made.classes and tag != "th") or tile:
            self.found.append(made)
        if tag not in _VOID:
            self.here = made

    def handle_endtag(self, tag: str) -> None:
        while self.here is not None and self.here.tag != tag:
            self.here = self.here.parent
        self.here = self.here.parent if self.here is not None else None

    def handle_data(self, data: str) -> None:
        around = self.here
        while around is not None:
            around.text += data
            around = around.parent

    def lost(self) -> list[str]:
        """Numbers that lead nowhere: neither they nor the row of a table or list that they stand in has a link."""
        return [
            each.text.strip()
            for each in self.found
            if any(c in "123456789" for c in each.text)
            and not each.links
            and each.within("a") is None
            and not any((row := each.within(tag)) and row.links for tag in ("tr", "li"))
        ]


def lost(page: str) -> list[str]:
    numbers = Numbers()
    numbers.feed(page)
    return numbers.lost()


@pytest.fixture(scope="module")
def paths(shared_api: Served) -> dict[str, str]:
    """Name -> address of pages with something on them; those of one thing are named for it."""
    api = shared_api
    asked = {"channels": ["register"], "queries": ["overalls"]}
    waiting = api.client.post("/v1/discovery/runs", json=asked, headers=api.as_(Role.OPS)).json()["id"]
    typed = {"company_name": "Karoo Workwear", "country": "ZA", "domain": "karoo-numbers.example"}
    lead = api.client.post("/v1/leads", json=typed, headers=api.as_(Role.ANALYST)).json()["id"]
    api.rows(
        "INSERT INTO vendor_calls (tenant_id, vendor, operation, billable, state, units_reserved, sent_at, settled_at)"
        " SELECT $1, 'tavily', 'search', true, 'answered', 1, app.now(), app.now() FROM generate_series(1, 12) RETURNING 1",
        api.tenants[HOME].id,
    )
    of_night = f"/ui/nights/{night(api, '2026-03-03')}"
    ran = f"/ui/runs/{run(api)}"
    alone = {
        "run that waits": f"/ui/runs/{waiting}",
        "run": ran,
        "records": f"{ran}/records",
        "companies of a run": f"/ui/companies?run_id={ran.rpartition('/')[2]}",
        "lead": f"/ui/leads/{lead}",
        "night": of_night,
        "night, by step": f"{of_night}?step=crawl&said=done",
        "night, all": f"{of_night}?stage=all",
        "ledger, by the hour": "/ui/vendors/calls?vendor=tavily&days=1",
        "days of calls": "/ui?calls=day",
        "throughput": "/ui/outbox/pace",
    }
    return {path: path for path in PATHS if path != "/ui/nowhere"} | alone | {"schedule": schedule(api)}


def test_every_number_leads_to_its_rows_or_is_one(shared_api: Served, paths: dict[str, str]) -> None:
    # S1.07 S2.17
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.OWNER)
        found = {}
        for name, path in paths.items():
            answer = visitor.get(path)
            assert answer.status_code == 200, path
            if nowhere := lost(answer.text):
                found[name] = nowhere
    assert found == {}


def test_every_page_names_its_twin(shared_api: Served, paths: dict[str, str]) -> None:
    # S2.17: the link stands on the page, and what it leads to is JSON
    with Visitor.at(shared_api) as visitor:
        visitor.log_in(Role.OWNER)
        for path in paths.values():
            page = visitor.get(path).text
            assert "This page as JSON</a>" in page, path
            twin = visitor.get(path, format="json")
            assert twin.headers["content-type"] == "application/json", path
            assert isinstance(twin.json(), dict), path


@pytest.mark.parametrize(
    ("page", "nowhere"),
    [
        ('<p><span class="num">7</span></p>', ["7"]),
        ('<p><a href="/x"><span class="num">7</span></a></p>', []),
        ('<p><span class="num"><a href="/x">7</a></span></p>', []),
        ('<tr><td><a href="/x">it</a></td><td class="num">7</td></tr>', []),
        ('<tr><td>it<br></td><td class="num">7</td></tr>', ["7"]),
        ('<li><a href="/x">it</a> <span class="num">7</span></li>', []),
        ('<ul class="tiles"><li><b>7</b> of them</li></ul>', ["7"]),
        ('<p><span class="num">0</span> <span class="num">–</span></p>', []),
    ],
)
def test_what_counts_as_leading_nowhere(page: str, nowhere: list[str]) -> None:
    assert lost(page) == nowhere
