"""The tariff editor in a real browser: typing, findings, the chart, rows, phone and dark."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from holdfast.domain.tariff.templates import BY_KEY
from holdfast.services import publication_steps, publications
from holdfast.services.tariff_drafts import create_draft
from holdfast.store.database import Sessions
from holdfast.store.tables import ShownPrice, TariffVersion
from tests.web.network import Network
from tests.web.test_browser import (
    AXE,
    PATIENCE_MS,
    PHONE,
    Visitor,
    browser,
    origin,
    pytestmark,
    visitor,
)

__all__ = ["browser", "origin", "pytestmark", "visitor"]

WIDE = """() => [...document.querySelectorAll("body *")].filter((element) =>
element.checkVisibility() && element.getBoundingClientRect().right > innerWidth + 1
&& !element.closest("pre, .unseen, .skip, thead, .scroll, textarea"))
.slice(0, 5).map((element) => element.outerHTML.slice(0, 160))"""


@pytest.fixture
async def draft_path(db_sessions: Sessions, network: Network) -> str:
    """A draft of prices by day and night, for a tariff that is in force."""
    async with db_sessions.begin() as db:
        version = await db.get_one(TariffVersion, network.tariff_version)
        draft = await create_draft(
            db,
            network.organization_id,
            version.tariff_id,
            actor="key:00000000-0000-0000-0000-000000000000",
            body=dict(BY_KEY["day-night"].body),
        )
    return f"/tariffs/{version.tariff_id}/drafts/{draft.id}"


@pytest.fixture
async def published(db_sessions: Sessions, network: Network) -> None:
    """A version that is shown, and rows of the ledger that say all that one can say."""
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        version = await db.get_one(TariffVersion, network.tariff_version)
        publication = await publications.begin(db, version, "key:1")
        await publication_steps.tell(db, publication.id, None, now)
        rows = (await db.scalars(select(ShownPrice).where(ShownPrice.channel == "page"))).all()
        ended, refused = rows[:2]
        ended.until_at, ended.ended_by = now + timedelta(hours=1), "key:1"
        refused.channel, refused.state, refused.shown_at = "station_tariff", "unsupported", None
        refused.detail = "OCPP bills every watt-hour and second"


async def clean(visitor: Visitor, name: str, *, by_axe: bool = True) -> None:
    """No complaint, nothing too wide, nothing that axe finds."""
    await visitor.shoot(name)
    await visitor.check()
    assert await visitor.page.evaluate(WIDE) == [], name
    if by_axe and AXE.is_file():
        assert await visitor.axe() == [], name


async def test_the_editor_answers_while_somebody_types_and_loses_nothing(
    visitor: Visitor, draft_path: str
) -> None:
    page = visitor.page
    await visitor.open(draft_path)
    await page.locator("#curve canvas").wait_for(timeout=PATIENCE_MS)
    await clean(visitor, "tariff-editor-light")

    price = page.locator("[name='elements.0.price_components.0.price']")
    await price.fill("0,2x")
    await page.locator("#said-element-0-price-0 .said").wait_for(timeout=PATIENCE_MS)
    assert await price.get_attribute("aria-invalid") == "true"
    assert await page.locator("#curve").is_hidden()
    words = page.locator("#element-words-0", has_text="Cannot be read yet")
    await words.wait_for(timeout=PATIENCE_MS)
    await page.locator("#element-1 .element-body > summary").click()
    noted = page.locator("[name='elements.1.shut'][value='1']")
    await noted.wait_for(state="attached", timeout=PATIENCE_MS)
    await page.get_by_role("button", name="Add an element").click()
    third = page.locator("[name='elements.2.price_components.0.price']")
    await third.wait_for(timeout=PATIENCE_MS)
    assert await third.evaluate("(input) => input === document.activeElement")
    assert await price.input_value() == "0,2x"
    shut = page.locator(".element-body:not([open])")
    assert await shut.count() == 1, "what was shut stays shut"
    await page.get_by_role("button", name="Up element 3").click()
    await page.get_by_text("Element 3 is now 2.").wait_for(timeout=PATIENCE_MS)
    assert await price.input_value() == "0,2x"

    await price.fill("0,22")
    await page.get_by_role("button", name="Remove element 2").click()
    await page.get_by_text("Element 2 was removed.").wait_for(timeout=PATIENCE_MS)
    await page.locator("#curve canvas").wait_for(timeout=PATIENCE_MS)
    assert await price.get_attribute("aria-invalid") is None
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("Saved as revision 2.").wait_for(timeout=PATIENCE_MS)
    await visitor.check()

    await page.get_by_role("button", name="Edit as JSON").click()
    await page.locator("#json").wait_for(timeout=PATIENCE_MS)
    await clean(visitor, "tariff-editor-json")
    await page.get_by_role("button", name="Back to the form").click()
    await price.wait_for(timeout=PATIENCE_MS)
    await page.route("**/edit", lambda route: route.fulfill(status=503, body="not now"))
    await price.fill("0.23")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("What you typed is still here.").wait_for(timeout=PATIENCE_MS)
    async with page.expect_response("**/check"):
        await price.fill("0.24")
    assert await page.get_by_text("What you typed is still here.").is_visible()
    assert await price.input_value() == "0.24"
    await page.unroute("**/edit")
    visitor.complaints.clear()  # the browser's own word on the 503
    await page.get_by_role("button", name="Save and submit").click()
    await page.get_by_role("heading", name="What changes").wait_for(timeout=PATIENCE_MS)
    await page.locator("#curve canvas").wait_for(timeout=PATIENCE_MS)
    await clean(visitor, "tariff-review-light")


async def test_the_tariff_pages_are_clean_in_the_dark_and_on_a_phone(
    visitor: Visitor, draft_path: str, published: None
) -> None:
    page = visitor.page
    await page.emulate_media(color_scheme="dark")
    tariff_path = draft_path.partition("/drafts")[0]
    paths = {
        "tariffs": "/tariffs",
        "tariff": tariff_path,
        "tariff-assign": f"{tariff_path}/assign",
        "tariff-editor": draft_path,
        "tariff-review": f"{draft_path}/review",
        "tariff-ledger": "/tariffs/ledger",
        "tariff-publications": "/tariffs/publications",
        "user-groups": "/user-groups",
    }

    for name, path in paths.items():
        await visitor.open(path)
        if "/drafts/" in path:
            await page.locator("#curve canvas").wait_for(timeout=PATIENCE_MS)
        await page.evaluate(
            "document.querySelectorAll('main details').forEach((item) => { item.open = true; })"
        )
        await clean(visitor, f"{name}-dark")
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(PHONE)
    for name, path in paths.items():
        await visitor.open(path)
        await clean(visitor, f"{name}-phone", by_axe=False)
