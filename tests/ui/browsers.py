"""A real Chromium, where the machine has one, and somebody in front of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.api.server_fixture import HOME, PASSWORD
from tests.flows.installation import PATIENCE_S

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES: dict[str, ViewportSize] = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


def chromium() -> str:
    """Where it is. Skips the test where there is none."""
    found = os.environ.get("CHROME") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found or not Path(found).exists():
        pytest.skip("no Chromium: apt-get install -y --no-install-recommends chromium, or set CHROME to one")
    return found


@contextmanager
def started() -> Iterator[Browser]:
    path = chromium()
    expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Screen:
    """A page, and what the browser complained about since it was opened."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def of(cls, browser: Browser, address: str, size: str = "desktop", scheme: str = "light") -> Iterator[Screen]:
        dark = "dark" if scheme == "dark" else "light"
        context = browser.new_context(viewport=SIZES[size], color_scheme=dark)  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        screen = cls(page, address)
        page.on("console", lambda m: screen.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: screen.complaints.append(str(error)))
        page.on(
            "requestfailed",
            # Whoever leaves a page breaks off what it still loads.
            lambda r: screen.complaints.append(f"{r.url}: {r.failure}") if r.failure != "net::ERR_ABORTED" else None,
        )
        try:
            yield screen
        finally:
            context.close()

    def go(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page

    def log_in(self, role: str, tenant: str = HOME) -> None:
        """By keyboard alone: the first field has the focus."""
        self.go("/ui/login")
        expect(self.page.get_by_label("E-mail")).to_be_focused()
        self.page.keyboard.type(f"{role}@example.com")
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(PASSWORD)
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(tenant)
        self.page.keyboard.press("Enter")
        self.page.wait_for_load_state()
        expect(self.page.get_by_role("link", name="Overview")).to_be_visible()
        assert self.page.url == f"{self.address}/ui", self.page.inner_text("body")

    def violations(self) -> list[str]:
        """Accessibility rules (axe) that the page breaks: rule and where."""
        found = Axe().run(self.page).response["violations"]
        return [f"{v['id']}: {n['html'][:160]}" for v in found for n in v["nodes"]]

    def too_wide(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
