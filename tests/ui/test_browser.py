"""The console in a real browser: live, by keyboard, on a phone, for everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.api.server_fixture import served
from tests.conftest import Databases
from tests.flows.installation import installed
from tests.providers.sandbox_fixture import RunningSandbox, sandbox_server  # noqa: F401
from tests.ui.browsers import Screen, chromium, started

#: A browser, a worker and a database share the machine with other tests.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATHS = (
    "/ui", "/ui/runs", "/ui/runs/new", "/ui/leads", "/ui/companies", "/ui/candidates", "/ui/messages", "/ui/matches", "/ui/outbox",
    "/ui/jobs", "/ui/dead-letters", "/ui/vendors", "/ui/vendors/calls", "/ui/models", "/ui/nights", "/ui/nights/new",
    "/ui/shortlists", "/ui/schedules", "/ui/alerts", "/ui/accounts", "/ui/limits", "/ui/accounts/samples", "/ui/stock",
    "/ui/tenants", "/ui/users", "/ui/keys", "/ui/audit", "/ui/retention", "/ui/nowhere",
)  # fmt: skip


@pytest.fixture(scope="module")
def address(
    databases: Databases,
    template: str,
    sandbox_server: RunningSandbox,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Where the console is, with a worker behind it."""
    chromium()
    url = databases.create(template)
    with installed(url, sandbox_server, tmp_path_factory.mktemp("house")) as installation, served(url) as api:
        installation.worker()
        yield api.base_url
    databases.drop(url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as running:
        yield running


def start_a_run(screen: Screen) -> str:
    """From the overview to a run that is asked for; gives its page's path."""
    page = screen.go("/ui")
    page.get_by_role("link", name="Start a run").first.click()
    page.get_by_label("register").check()
    page.get_by_label("Queries, one a line").fill("workwear manufacturers Johannesburg")
    page.get_by_role("button", name="Show what it would cost").click()
    expect(page.get_by_role("rowheader", name="gleif")).to_be_visible()
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile(r"/ui/runs/[0-9a-f-]{36}"))
    return page.url.removeprefix(screen.address)


def run_a_night(screen: Screen) -> str:
    """From the forecast to a night that has ended; gives its page's path. Where the day had one already, it is that one."""
    page = screen.go("/ui/nights/new")
    page.get_by_label("Companies at most").fill("2")
    page.get_by_role("button", name="Show what it would do and cost").click()
    # Nobody reloads: the page waits for the forecast, then for the night, by itself.
    page.get_by_role("button", name="Start this night").click()
    page.wait_for_url(re.compile(r"/ui/nights/[0-9a-f-]{36}"))
    expect(page.get_by_role("heading", name="Night of")).to_be_visible()
    expect(page.locator("#live h2 .tag")).to_contain_text("completed")
    return page.url.removeprefix(screen.address)


def test_from_the_login_to_a_run_that_is_seen_to_finish(address: str, browser: Browser) -> None:
    # S2.17 B.06 S3.20
    with Screen.of(browser, address) as screen:
        screen.log_in("ops")
        start_a_run(screen)
        # Nobody reloads: the page follows the run by itself.
        expect(screen.page.locator("#live .tag")).to_contain_text("completed")
        expect(screen.page.locator("#timeline")).to_contain_text("RunFinished")
        found = screen.page.locator("#live a[href$='/records']")
        count = int(found.inner_text())
        found.click()
        expect(screen.page.locator("tbody tr")).to_have_count(min(count, 50))
        screen.page.go_back()
        leads = screen.page.locator("#live a[href*='/ui/leads']")
        assert int(leads.inner_text()) > 0
        leads.click()
        expect(screen.page.locator("tbody tr").first).to_be_visible()
        assert screen.complaints == []


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_fits_and_complains_of_nothing(
    address: str, browser: Browser, size: str, scheme: str
) -> None:
    # S2.17: axe rules, no console errors, nothing wider than the screen
    with Screen.of(browser, address, size, scheme) as screen:
        screen.go("/ui/login")
        assert screen.violations() == []
        screen.log_in("owner")
        run = start_a_run(screen)
        expect(screen.page.locator("#live .tag")).to_contain_text("completed")
        page = screen.go("/ui/leads")
        lead = page.locator("a.row").first.get_attribute("href")
        page = screen.go("/ui/outbox")
        event = page.locator("a.row").first.get_attribute("href")
        page = screen.go("/ui/jobs")
        job = page.locator("a.row").first.get_attribute("href")
        night = run_a_night(screen)
        page = screen.go("/ui/shortlists")
        shortlist = page.locator("a.row").first.get_attribute("href")
        page = screen.go("/ui/schedules")
        schedule = page.locator("a.row").first.get_attribute("href")
        planned = (night, f"{night}?stage=passed_over", f"{night}?step=crawl&said=to_do", shortlist, schedule)
        for path in (*PATHS, run, f"{run}/records", lead, event, job, *planned):
            screen.go(str(path))
            screen.page.wait_for_load_state("networkidle")
            complaints = [c for c in screen.complaints if path != "/ui/nowhere" or "404" not in c]
            assert complaints == [], path
            assert not screen.too_wide(), path
            assert screen.violations() == [], path
            screen.complaints.clear()


def test_operators_see_a_night_to_its_end_and_an_analyst_reads_its_shortlist(address: str, browser: Browser) -> None:
    # S3.20 S3.11 S3.15
    with Screen.of(browser, address) as screen:
        screen.log_in("ops")
        start_a_run(screen)
        expect(screen.page.locator("#live .tag")).to_contain_text("completed")
        run_a_night(screen)
        page = screen.page
        rows = page.locator("#companies tbody tr")
        expect(rows.first).to_be_visible()
        companies = rows.count()
        page.get_by_role("link", name="Shortlist", exact=True).click()
        expect(page.locator("table.rows tbody tr")).to_have_count(companies)
        page = screen.go("/ui/nights")
        page.locator(".month a").click()
        expect(page.get_by_role("heading", name="Night of")).to_be_visible()
        assert screen.complaints == []
    with Screen.of(browser, address) as screen:
        screen.log_in("analyst")
        page = screen.page
        page.get_by_role("link", name="Shortlists").click()
        page.locator("a.row").first.click()
        first = page.locator("table.rows tbody tr").first
        expect(first.locator(".tag")).to_contain_text(re.compile("low|medium|high|rejected"))
        expect(first.locator("dl")).to_be_hidden()
        first.locator("summary").click()
        expect(first.locator("details p").first).to_contain_text("score")
        expect(first.locator("dl")).to_be_visible()
        with page.expect_download() as file:
            page.get_by_role("link", name="As CSV").click()
        assert file.value.suggested_filename.startswith("shortlist-")
        assert screen.violations() == []
        assert screen.complaints == []


def test_a_schedule_is_paused_and_resumed(address: str, browser: Browser) -> None:
    # S3.20
    with Screen.of(browser, address) as screen:
        screen.log_in("ops")
        page = screen.go("/ui/schedules")
        page.get_by_role("link", name="match-scan").click()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status")).to_contain_text("Paused")
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("status")).to_contain_text("Resumed")
        page.get_by_label("Cron").fill("15 4 * * *")
        page.get_by_role("button", name="Show the next times").click()
        expect(page.get_by_role("heading", name="The next 5 times would be")).to_be_visible()
        expect(page.locator("tbody time").first).to_contain_text("04:15")
        assert not screen.too_wide()
        assert screen.violations() == []
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("Changed")
        expect(page.locator("tbody time").first).to_contain_text("04:15")
        assert screen.complaints == []


def test_what_a_schedule_starts_is_changed_on_its_page(address: str, browser: Browser) -> None:
    # S3.20: by keyboard and eye: a mark, a number, lines; seen before they are saved, and there afterwards
    with Screen.of(browser, address, "phone") as screen:
        screen.log_in("ops")
        page = screen.go("/ui/schedules")
        page.get_by_role("link", name="daily-discovery").click()
        page.get_by_label("register").check()
        page.get_by_label("Companies at most").fill("7")
        page.get_by_label("Queries, one a line").fill("overalls Durban\nsafety boots")
        page.get_by_role("button", name="Show the next times").click()
        expect(page.locator("dl.facts")).to_contain_text("overalls Durban, safety boots was: –")
        assert not screen.too_wide()
        assert screen.violations() == []
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_contain_text("Changed")
        expect(page.get_by_label("Companies at most")).to_have_value("7")
        expect(page.get_by_label("Queries, one a line")).to_have_value("overalls Durban\nsafety boots")
        expect(page.get_by_label("register")).to_be_checked()
        # Another look shows nothing to save: what is shown is what stands.
        page.get_by_role("button", name="Show the next times").click()
        expect(page.get_by_text("Nothing differs from what stands")).to_be_visible()
        assert screen.complaints == []


def test_the_keyboard_alone_is_enough(address: str, browser: Browser) -> None:
    # S2.17
    with Screen.of(browser, address) as screen:
        screen.log_in("ops")
        start_a_run(screen)
        page, keys = screen.page, screen.page.keyboard
        page.wait_for_load_state("networkidle")
        keys.press("g")
        keys.press("r")
        page.wait_for_url("**/ui/runs")
        keys.press("Tab")
        expect(page.get_by_text("Skip to content")).to_be_focused()
        keys.press("j")
        keys.press("Enter")
        page.wait_for_url(re.compile(r"/ui/runs/[0-9a-f-]{36}"))
        screen.go("/ui/leads")
        keys.press("/")
        expect(page.get_by_label("Company", exact=True)).to_be_focused()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_dead_letter_is_found_looked_at_and_replayed(
    address: str,
    browser: Browser,
    sandbox_server: RunningSandbox,  # noqa: F811
) -> None:
    # S2.17 B.02
    sandbox_server.fault("432", vendor="tavily", channel="keyword", times=1)
    with Screen.of(browser, address) as screen:
        screen.log_in("ops")
        page = screen.go("/ui/runs/new?channels=keyword&queries=uniforms&forecast=true")
        page.get_by_role("button", name="Start the run").click()
        expect(page.locator("#live .tag")).to_contain_text("failed")
        screen.go("/ui")
        page.locator(".tiles").get_by_role("link", name="dead letters").click()
        page.locator("a.row").first.click()
        expect(page.get_by_role("heading", name="Failed attempts")).to_be_visible()
        page.get_by_role("button", name="Retry now").click()
        expect(page.get_by_role("status")).to_contain_text("delivered once more")
        assert screen.complaints == []


@pytest.mark.slow
def test_a_run_that_stopped_is_resumed_from_its_page(
    address: str,
    browser: Browser,
    sandbox_server: RunningSandbox,  # noqa: F811
) -> None:
    # S2.17
    sandbox_server.fault("shape", vendor="gleif", times=1)
    with Screen.of(browser, address) as screen:
        screen.log_in("ops")
        page = screen.go("/ui/runs/new?channels=register&queries=overalls&forecast=true")
        page.get_by_role("button", name="Start the run").click()
        expect(page.locator("#live .tag")).to_contain_text("failed")
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("status")).to_contain_text("the run goes on")
        expect(page.locator("#live .tag")).to_contain_text("completed")
        assert screen.complaints == []


@pytest.mark.slow
def test_an_operator_looks_closer_does_it_again_and_pauses_the_queue(address: str, browser: Browser) -> None:
    # S2.17 B.02 B.03
    with Screen.of(browser, address) as screen:
        screen.log_in("ops")
        run = start_a_run(screen)
        page = screen.page
        expect(page.locator("#live .tag")).to_contain_text("completed")
        told = page.locator("ol.timeline > li")
        expect(page.locator("#replays")).to_contain_text("Do it again")
        whole = told.count()
        page.locator(".parts a").first.click()
        expect(page.get_by_role("link", name="Whole run")).to_be_visible()
        assert 0 < told.count() < whole
        assert screen.violations() == []
        assert not screen.too_wide()
        page.get_by_role("button", name="Do it again and show the difference").click()
        page.wait_for_url(re.compile(r"/replays/"))
        # Nobody reloads: the page asks again until the replay has ended.
        expect(page.locator("#replay .tag").first).to_contain_text("completed")
        expect(page.get_by_text("Nothing differs")).to_be_visible()
        assert screen.violations() == []
        screen.go("/ui/outbox")
        expect(page.locator(".chart canvas")).to_have_count(2)
        page.get_by_text("Pause the queue").click()
        page.get_by_label("Why").fill("a look around")
        page.get_by_role("button", name="Pause", exact=True).click()
        expect(page.get_by_text("a look around")).to_be_visible()
        assert screen.violations() == []
        waiting = start_a_run(screen)
        assert waiting != run
        expect(page.locator("#live .tag")).to_contain_text("pending")
        screen.go("/ui/outbox")
        page.get_by_role("button", name="Resume the queue").click()
        screen.go(waiting)
        expect(page.locator("#live .tag")).to_contain_text("completed")
        assert screen.complaints == []


@pytest.mark.slow
def test_an_analyst_judges_and_a_viewer_only_looks(address: str, browser: Browser) -> None:
    # S3.20
    with Screen.of(browser, address) as screen:
        screen.log_in("analyst")
        start_a_run(screen)
        expect(screen.page.locator("#live .tag")).to_contain_text("completed")
        page = screen.go("/ui/leads")
        lead = str(page.locator("a.row").first.get_attribute("href"))
        screen.go(lead)
        page.get_by_role("button", name="accepted").click()
        expect(page.get_by_role("status")).to_contain_text("Noted: accepted")
    with Screen.of(browser, address, "phone") as screen:
        screen.log_in("viewer")
        for path in ("/ui", "/ui/runs", lead, "/ui/dead-letters"):
            page = screen.go(path)
            expect(page.get_by_role("button")).to_have_count(1 + page.locator(".filters button").count())  # Log out
        page = screen.go("/ui/runs/new")
        expect(page.get_by_role("alert")).to_contain_text("this needs the role")
