"""A page without rows says what to do next, and so does whatever is refused."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest

import api as api_package
import db as db_package
from api.errors import status_of
from api.ui import next_steps
from api.ui.page import environment
from contracts.errors import HeadwaterError
from contracts.tenants import Role
from tests.api.server_fixture import Served
from tests.ui.test_browser import PATHS
from tests.ui.visitors import Visitor

ROOT = Path(__file__).parents[2]
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "circle", "rect", "path", "line", "source"})
#: Pages that are a form: what stands empty there is the answer to it.
FORMS = ("/ui/runs/new", "/ui/nights/new")


@dataclass
class Place:
    """An element of the class `empty`: its text, and what stands in it to do next."""

    text: str = ""
    next: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """Of a page's content: its empty places, how many rows it has, and its forms that do something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, Place | None]] = []
        self.empty: list[Place] = []
        self.rows = self.forms = 0
        self.feed(page.partition('id="content"')[2].partition("</main>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        classes = said.get("class", "").split()
        place = Place() if "empty" in classes else None
        if place:
            self.empty.append(place)
        if tag in ("a", "code", "button"):
            for each in self._around():
                each.next.append(said.get("href", tag))
        self.rows += tag == "td" or "line" in classes or "facts" in classes
        self.forms += tag == "form" and "filters" not in classes
        if tag not in _VOID:
            self.open.append((tag, place))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        for each in self._around():
            each.text += data

    def _around(self) -> list[Place]:
        return [place for _, place in self.open if place]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OWNER])
def test_a_page_without_rows_says_what_to_do_next(api: Served, role: Role) -> None:
    # S2.17: a link, a command, or the form that the page is
    with Visitor.at(api) as visitor:
        visitor.log_in(role)
        mute, shown = {}, 0
        for path in PATHS:
            answer = visitor.get(path)
            if answer.status_code in (403, 404):
                continue
            page = Page(answer.text)
            shown += 1
            assert page.rows or page.empty or page.forms, f"{path} shows nothing at all"
            silent = [" ".join(each.text.split()) for each in page.empty if not each.next]
            if silent and not (path in FORMS and page.forms):
                mute[path] = silent
        assert mute == {}
        assert shown >= 20


@cache
def refusals() -> list[tuple[str, int]]:
    """Code and status of everything that the API and the database modules refuse with, as their source says."""
    for package in (api_package, db_package):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    kinds: dict[str, type[HeadwaterError]] = {}
    tree = [HeadwaterError]
    for kind in tree:
        tree.extend(kind.__subclasses__())
        kinds[kind.__name__] = kind
    found = {(kind.code, status_of(kind("no"))) for kind in kinds.values()}
    for folder in ("api", "db", "contracts"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and _called(node) in kinds:
                    kind = kinds[_called(node)]
                    codes = [
                        k.value.value for k in node.keywords if k.arg == "code" and isinstance(k.value, ast.Constant)
                    ]
                    found |= {(str(code), status_of(kind("no"))) for code in codes}
    return sorted(found)


def _called(node: ast.Call) -> str:
    return str(getattr(node.func, "id", getattr(node.func, "attr", "")))


def test_every_refusal_has_a_next_step() -> None:
    # S2.17 S2.14: a sentence that fits, and the page of the thing; what is not found has a list to look in
    assert len(refusals()) > 120
    pages = {path for path in PATHS if path != "/ui/nowhere"}
    content = environment().get_template("problem.html").blocks["content"]
    for code, status in refusals():
        problem = {"title": "No", "detail": "it is so", "status": status, "code": code, "request_id": "0199"}
        for role in (Role.VIEWER, Role.OWNER):
            step = next_steps.after(code, status, role)
            assert step.path in pages, code
            template = environment().get_template("problem.html")
            page = "".join(content(template.new_context({"problem": problem, "next": step, "back": "/ui"})))
            told = re.sub(r"<[^>]*>", "", page.partition('class="next">')[2].partition("</p>")[0])
            assert re.match(r"[A-Z][^.]+\.", told), (code, told)
            assert f'href="{step.path}"' in page, code
        if status == 404 and code != "not_found":
            assert step.path != "/ui", f"{code}: say in api/ui/next_steps.py where such things stand"


def test_what_is_refused_leads_on(api: Served) -> None:
    # S2.17
    with Visitor.at(api) as visitor:
        stranger = visitor.send("/ui/login", {"email": "x", "password": "y", "tenant": "z"})
        assert stranger.status_code in (200, 400, 401)
        visitor.log_in(Role.VIEWER)
        gone = visitor.get("/ui/runs/01936f3e-7c1a-7b52-9d3e-0a6f5c2b1e01")
        assert (gone.status_code, '<a href="/ui/runs">Runs</a>' in gone.text) == (404, True)
        wrong = visitor.get("/ui/vendors/calls", cursor="x")
        assert (wrong.status_code, "correct what is named above" in wrong.text) == (400, True)
        forbidden = visitor.get("/ui/users")
        assert (forbidden.status_code, "Somebody who may can do it" in forbidden.text) == (403, True)
        assert 'class="next"' in forbidden.text
