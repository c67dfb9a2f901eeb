"""Quotas and limits in a browser: an operator of the house sets them, and the tenant is held to them and sees why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from contracts.tenants import SYSTEM_TENANT, Role
from db import access, passwords
from db.pool import open_pool
from db.transaction import transaction
from tests.api.server_fixture import HOME, PASSWORD, Served, email, in_a_thread
from tests.ui.browsers import Screen, chromium, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium()
    with started() as running:
        yield running


@pytest.fixture(scope="module")
def house(shared_api: Served) -> Served:
    """The API, with an operator in the reserved tenant."""

    async def make() -> None:
        pool = await open_pool(shared_api.database_url, name="tests", size=1)
        hashed = await passwords.hashed(PASSWORD)
        async with transaction(pool, SYSTEM_TENANT) as tx:
            await access.create_user(tx, SYSTEM_TENANT, email(Role.OPS), Role.OPS, hashed, by="tests")
        await pool.close()

    in_a_thread(make)
    return shared_api


def grant(screen: Screen, runs: str, shortlist: str) -> None:
    """From the list of tenants to what one is granted."""
    page = screen.go("/ui/tenants")
    page.get_by_role("link", name=HOME).click()
    page.get_by_label("Most runs a day").fill(runs)
    page.get_by_label("Companies of a night's shortlist").fill(shortlist)
    page.get_by_role("button", name="Grant").click()
    expect(page.get_by_role("status")).to_contain_text("Granted")


def ask_for_a_run(screen: Screen) -> Page:
    page = screen.go("/ui/runs/new?channels=register&queries=overalls&forecast=true")
    page.get_by_role("button", name="Start the run").click()
    return page


def test_a_quota_is_set_used_up_enforced_and_raised(house: Served, browser: Browser) -> None:
    # S3.20: operators set quotas; the tenant sees what is used and what is refused, and why
    with Screen.of(browser, house.base_url) as keeper, Screen.of(browser, house.base_url, "phone") as tenant:
        keeper.log_in("ops", "system")
        grant(keeper, "1", "3")
        expect(keeper.page.get_by_role("button", name="Suspend")).to_have_count(0)
        assert keeper.violations() == []
        tenant.log_in("ops")
        page = tenant.go("/ui/tenants")
        expect(page.locator("main")).to_contain_text("0 of 1 allowed")
        expect(ask_for_a_run(tenant).get_by_role("status")).to_contain_text("asked for")
        page = tenant.go("/ui/tenants")
        expect(page.locator("main")).to_contain_text("1 of 1 allowed")
        assert not tenant.too_wide()
        refused = ask_for_a_run(tenant).get_by_role("alert")
        expect(refused).to_contain_text("1 runs were started today, 1 are granted")
        expect(refused).to_contain_text("wait for the next day")
        expect(tenant.go("/ui/nights/new").locator("main")).to_contain_text("the cap is 3")
        keeper.go("/ui/tenants")
        row = keeper.page.get_by_role("row").filter(has=keeper.page.get_by_role("link", name=HOME))
        expect(row.locator("[data-label='Runs today']")).to_have_text("1")
        expect(row.locator("[data-label='Runs a day']")).to_have_text("1")
        grant(keeper, "2", "")
        expect(ask_for_a_run(tenant).get_by_role("status")).to_contain_text("asked for")
        expect(tenant.go("/ui/nights/new").locator("main")).not_to_contain_text("the cap is 3")
        # The browser itself reports the refusal.
        assert [said for said in tenant.complaints if "429" not in said] == []
        assert keeper.complaints == []
    logged = house.rows(
        "SELECT actor, detail ->> 'max_runs_per_day' AS runs FROM audit_log WHERE action = 'quotas.set' ORDER BY id"
    )
    assert logged == [{"actor": email(Role.OPS), "runs": "1"}, {"actor": email(Role.OPS), "runs": "2"}]


def test_a_limit_is_set_paused_and_lifted_by_an_operator_and_seen_by_a_tenant(house: Served, browser: Browser) -> None:
    with Screen.of(browser, house.base_url) as keeper, Screen.of(browser, house.base_url, "phone") as tenant:
        keeper.log_in("ops", "system")
        page = keeper.go("/ui/limits")
        expect(page.locator("main")).to_contain_text("Nothing is limited or paused")
        page.get_by_label("Name").first.fill("probe")
        page.get_by_label("At once").fill("3")
        page.get_by_role("button", name="Set it").click()
        expect(page.get_by_role("status")).to_contain_text("Queue probe is limited")
        page.get_by_label("Name").last.fill("probe")
        page.get_by_label("Why").fill("the site is moved")
        page.get_by_role("button", name="Pause it").click()
        expect(page.get_by_role("status")).to_contain_text("It is paused")
        assert keeper.violations() == []
        assert not keeper.too_wide()
        tenant.log_in("ops")
        seen = tenant.go("/ui/limits")
        expect(seen.locator("main")).to_contain_text("the site is moved")
        expect(seen.get_by_role("button", name="Resume queue probe")).to_have_count(0)
        assert tenant.violations() == []
        assert not tenant.too_wide()
        page.get_by_role("button", name="Resume queue probe").click()
        expect(page.get_by_role("status")).to_contain_text("It goes on")
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Lift the limit of queue probe").click()
        expect(page.get_by_role("status")).to_contain_text("has no limit any more")
        assert keeper.complaints + tenant.complaints == []
