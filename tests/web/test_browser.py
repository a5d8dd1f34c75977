"""The pages in a real browser: Debian's Chromium, a real server, a real database.

On every page: no console error, no violation of the content security policy, nothing that axe
finds, no sideways scrolling on a phone. Screenshots stay in test-results/.
"""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, Page, ViewportSize, async_playwright
from sqlalchemy import update
from starlette.applications import Starlette

from holdfast.http.admin import QuietServer
from holdfast.services.outbox import notify
from holdfast.settings import Settings
from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.signed_meter import SigningMeter
from tests.web.network import Network, add_key

CHROMIUM = shutil.which("chromium")
ROOT = Path(__file__).parents[2]
AXE = ROOT / "web" / "assets" / "node_modules" / "axe-core" / "axe.min.js"
VENDOR = ROOT / "web" / "static" / "vendor" / "htmx.min.js"
RESULTS = ROOT / "test-results"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESK = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)
PATIENCE_MS = 120_000
STATION_PAGES = (
    "orders",
    "events",
    "variables",
    "messages",
    "security",
    "authorization",
    "quirks",
    "meter-keys",
)
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.skipif(
        not VENDOR.is_file(), reason="the browser files were not fetched: pip install -e ."
    ),
]


@dataclass
class Visitor:
    """A signed-in tab, and what it complained about."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        """Go there and wait until the page is live, where it is a live one."""
        await self.page.goto(self.origin + path, wait_until="load")
        if await self.page.locator("[data-pulse]").count():
            await self.page.locator("[data-pulse][data-state=live]").wait_for(timeout=PATIENCE_MS)
        await self.page.wait_for_timeout(150)

    async def shoot(self, name: str) -> None:
        """Keep a screenshot of the whole page."""
        RESULTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=RESULTS / f"{name}.png", full_page=True)

    async def check(self) -> None:
        """Nothing in the console, nothing blocked."""
        assert await self.page.evaluate("window.violations") == []
        assert self.complaints == []

    async def axe(self) -> list[dict[str, Any]]:
        """What axe finds at WCAG 2.2 A and AA, and against its best practice."""
        await self.page.evaluate(AXE.read_text())
        found: list[dict[str, Any]] = await self.page.evaluate(
            """async () => (await axe.run(document, {runOnly:
            ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}))
            .violations.map((item) => ({id: item.id, nodes: item.nodes.slice(0, 4).map(
            (node) => node.target.join(" ") + ": " + node.failureSummary)}))"""
        )
        return found


@pytest.fixture
async def origin(web: Starlette) -> AsyncIterator[str]:
    """The pages on a free port."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = QuietServer(uvicorn.Config(web, log_level="warning", access_log=False, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    await web.state.live.close()
    server.should_exit = True
    await serving


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A Chromium of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def visitor(
    browser: Browser, origin: str, settings: Settings, db_sessions: Sessions, network: Network
) -> Visitor:
    """An administrator who typed the key into the form."""
    async with db_sessions.begin() as db:
        key, _ = await add_key(db, settings.secret_key.get_secret_value(), network.organization_id)
    context = await browser.new_context(viewport=DESK, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(WATCH)
    page = await context.new_page()
    visitor = Visitor(page, origin)
    page.on(
        "console",
        lambda message: (
            visitor.complaints.append(message.text)
            if message.type in ("error", "warning")
            else None
        ),
    )
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    await page.goto(origin + "/")
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Overview").wait_for(timeout=PATIENCE_MS)
    return visitor


def paths(network: Network) -> dict[str, str]:
    """Every page, by the name of its screenshot."""
    return {
        "overview": "/",
        "stations": "/stations",
        "station": "/stations/HAM-01",
        "sessions": "/sessions",
        "session-running": f"/sessions/{network.running}",
        "session-settled": f"/sessions/{network.settled}",
        "session-troubled": f"/sessions/{network.troubled}",
        "payments": "/payments",
        "tokens": "/tokens",
        "tariffs": "/tariffs",
        "tariff-quote": "/tariffs/quote?station=HAM-01",
        "attention": "/attention",
        "audit": "/audit",
        "messages": "/messages",
        "quirks": "/quirks",
        "signed-readings": f"/sessions/{network.settled}/signed-readings",
        **{f"station-{name}": f"/stations/HAM-01/{name}" for name in STATION_PAGES},
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_page_is_clean_for_console_policy_and_axe(
    theme: str, visitor: Visitor, network: Network
) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not there: an editable install fetches it")
    await visitor.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    problems: dict[str, object] = {}

    for name, path in paths(network).items():
        await visitor.open(path)
        await visitor.page.evaluate(
            "document.querySelectorAll('main details').forEach((item) => { item.open = true; })"
        )
        assert await visitor.page.locator("html").get_attribute("data-bs-theme") == theme
        await visitor.shoot(f"{name}-{theme}")
        cut = await visitor.page.evaluate(
            """() => [...document.querySelectorAll(".card")].filter(
            (card) => card.scrollWidth > card.clientWidth).map((card) => card.innerText)"""
        )
        assert cut == [], f"{path} cuts something off"
        squeezed = await visitor.page.evaluate(
            """() => [...document.querySelectorAll("dl.facts > dd")].filter(
            (value) => value.offsetWidth < value.parentElement.clientWidth * 0.35)
            .map((value) => value.innerText)"""
        )
        assert squeezed == [], f"{path} leaves values no room"
        await visitor.check()
        if found := await visitor.axe():
            problems[name] = found

    assert problems == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_drivers_pages_are_clean_on_a_phone(
    theme: str, visitor: Visitor, network: Network
) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not there: an editable install fetches it")
    await visitor.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    await visitor.page.set_viewport_size(PHONE)
    problems: dict[str, object] = {}

    for name, path in (
        ("price-page", "/p/HAM-01/1?lang=de&kwh=20&minutes=40&parked=30"),
        ("receipt", f"/sessions/{network.settled}/receipt?lang=fr"),
    ):
        await visitor.open(path)
        await visitor.shoot(f"{name}-{theme}")
        width = await visitor.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{path} is {width} px wide"
        await visitor.check()
        if found := await visitor.axe():
            problems[name] = found

    assert problems == {}


async def test_no_page_scrolls_sideways_on_a_phone(visitor: Visitor, network: Network) -> None:
    await visitor.page.set_viewport_size(PHONE)

    for name, path in paths(network).items():
        await visitor.open(path)
        await visitor.shoot(f"{name}-phone")
        wide = await visitor.page.evaluate(
            """() => [...document.querySelectorAll("body *")].filter((element) =>
            element.checkVisibility() && element.getBoundingClientRect().right > innerWidth + 1
            && !element.closest("pre, .unseen, .skip, thead"))
            .slice(0, 5).map((element) => element.outerHTML.slice(0, 120))"""
        )
        assert wide == [], f"{path} is wider than the phone"
        assert await visitor.page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    await visitor.page.locator(".menu summary").click()
    await visitor.page.get_by_role("link", name="Tariffs").click()
    await visitor.page.get_by_role("heading", name="Tariffs").wait_for(timeout=PATIENCE_MS)
    await visitor.check()


async def test_a_change_in_the_database_arrives_without_a_reload(
    visitor: Visitor, network: Network, db_sessions: Sessions
) -> None:
    await visitor.open(f"/sessions/{network.running}")
    await visitor.page.evaluate("window.same = true")

    async with db_sessions.begin() as db:
        await db.execute(
            update(t.Session).where(t.Session.id == network.running).values(energy_wh=77_770)
        )
        await notify(db, ["sessions"])

    await visitor.page.get_by_text("77.77").first.wait_for(timeout=PATIENCE_MS)
    assert await visitor.page.evaluate("window.same"), "the page was loaded again"
    assert await visitor.page.locator("#power canvas").count() == 1, "the chart survived"
    await visitor.check()


async def test_an_open_message_stays_open_while_the_log_moves(
    visitor: Visitor, db_sessions: Sessions
) -> None:
    await visitor.open("/stations/HAM-02")
    await visitor.page.locator(".log summary").first.click()

    async with db_sessions.begin() as db:
        await db.execute(
            update(t.Station).where(t.Station.identity == "HAM-02").values(name="Moved along")
        )
        await notify(db, ["stations"])

    await visitor.page.get_by_text("Moved along").first.wait_for(timeout=PATIENCE_MS)
    assert await visitor.page.locator(".log details[open]").count() == 1


async def test_a_filter_works_as_one_types(visitor: Visitor) -> None:
    await visitor.open("/stations")

    await visitor.page.get_by_label("Search").fill("HAM-07")

    await visitor.page.get_by_text("1 to 1 of 1 station").wait_for(timeout=PATIENCE_MS)
    assert "q=HAM-07" in visitor.page.url
    await visitor.check()


async def test_a_command_becomes_an_order_that_the_page_shows(visitor: Visitor) -> None:
    await visitor.open("/stations/HAM-03")

    await visitor.page.get_by_text("Unlock connector").click()
    await visitor.page.locator("form[action$=unlock] button").click()

    await visitor.page.locator("tr.fresh").wait_for(timeout=PATIENCE_MS)
    assert "Waiting" in await visitor.page.locator("tr.fresh").inner_text()
    await visitor.check()


async def test_a_refused_form_keeps_what_was_typed_and_an_accepted_one_says_so(
    visitor: Visitor,
) -> None:
    await visitor.open("/stations/HAM-01/meter-keys")
    key = visitor.page.get_by_label("Public key")
    add = visitor.page.get_by_role("button", name="Add a key")

    await key.fill("no key at all")
    await add.click()
    await visitor.page.get_by_role("alert").wait_for(timeout=PATIENCE_MS)
    assert "Public key is 'no key at all'" in await visitor.page.get_by_role("alert").inner_text()
    assert await key.input_value() == "no key at all"

    await key.fill(SigningMeter().public_key)
    await add.click()
    await visitor.page.get_by_text("The key was added.").wait_for(timeout=PATIENCE_MS)
    await visitor.open("/stations/HAM-01/meter-keys")
    assert await visitor.page.get_by_text("The key was added.").count() == 0, "said once"
    assert await visitor.page.locator("tr[id^=key-]").count() == 1


async def test_the_theme_can_be_switched_and_is_kept(visitor: Visitor) -> None:
    await visitor.open("/")

    await visitor.page.locator(".menu-wide [data-theme-switch]").click()
    await visitor.page.reload()

    assert await visitor.page.locator("html").get_attribute("data-bs-theme") == "dark"


async def test_who_signs_out_is_out(visitor: Visitor) -> None:
    await visitor.open("/")

    await visitor.page.locator(".menu-wide").get_by_role("button", name="Sign out").click()
    await visitor.page.get_by_role("heading", name="Sign in").wait_for(timeout=PATIENCE_MS)
    await visitor.shoot("sign-in-light")

    await visitor.page.goto(visitor.origin + "/stations")
    assert "/sign-in" in visitor.page.url
