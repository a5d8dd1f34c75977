"""Places without a price, as a page; and what of prices and drafts the Attention page tells."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network
from tests.web.session_rows import add
from tests.web.test_browser import PHONE, Visitor, browser, origin, pytestmark, visitor
from tests.web.test_tariff_browser import clean
from tests.web.test_tariff_pages import new_tariff

__all__ = ["browser", "origin", "visitor"]
browser_only = pytestmark


@pytest.fixture
async def gaps(db_sessions: Sessions, network: Network) -> Network:
    """Beside the priced harbour: a station at no site, and one in Sweden with an ad hoc price that
    ends tomorrow; a group of drivers pays in euro everywhere. One session was free."""
    of: dict[str, Any] = {"organization_id": network.organization_id}
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        site = await add(
            db, t.Site, **of, name="Malmö Gate", time_zone="Europe/Stockholm", currency="SEK"
        )
        for identity, site_id in (("LOOSE-1", None), ("MAL-1", site)):
            station = await add(
                db, t.Station, **of, identity=identity, site_id=site_id, registration="accepted"
            )
            await add(db, t.Evse, **of, station_id=station, number=1)
        kronor = await add(db, t.Tariff, **of, name="Kronor", currency="SEK")
        version = await add(
            db,
            t.TariffVersion,
            **of,
            tariff_id=kronor,
            number=1,
            valid_from=now - timedelta(days=9),
            body={"id": "k", "currency": "SEK", "elements": []},
        )
        await db.execute(
            insert(t.TariffVersionEnd).values(
                **of, version_id=version, ends_at=now + timedelta(days=1), ended_by="key:1"
            )
        )
        group = await add(db, t.UserGroup, **of, key="fleet", name="Fleet")
        euro = await db.scalar(
            select(t.TariffVersion.tariff_id).where(t.TariffVersion.id == network.tariff_version)
        )
        for tariff_id, scope in (
            (kronor, {"site_id": site, "ad_hoc": True}),
            (euro, {"user_group_id": group}),
        ):
            await add(db, t.TariffAssignment, **of, tariff_id=tariff_id, created_at=now, **scope)
        free = await add(db, t.Session, **of, station_id=station, evse=1, closed_at=now)
        await db.execute(
            insert(t.Settlement).values(
                **of,
                session_id=free,
                currency="SEK",
                energy_wh=7_000,
                amount_minor=0,
                excl_vat="0.00",
                incl_vat="0.00",
                breakdown={"lines": []},
                deadline_at=now,
                outcome="free",
                settled_at=now,
            )
        )
    return network


async def test_the_page_says_what_is_missing_and_a_tariff_is_assigned_there(
    sign_in: SignIn, gaps: Network, db_sessions: Sessions
) -> None:
    finance, reader = await sign_in("finance"), await sign_in("read-only")

    page = await finance.page("/tariffs/gaps")
    found = page.one("section", aria_label="Places found")
    lines = {
        row.one("a", class_="name").text: row.text
        for row in found.all("tr")
        if "EVSE" in row.text and any(row.all("a"))
    }
    assert set(lines) == {"LOOSE-1", "MAL-1"}
    assert "No price Charging is free" in lines["LOOSE-1"]
    for text in (
        "Only ad hoc",
        "No price soon from",
        "Other currency Everyday",
        "A user group pays in EUR; the site is in SEK.",
    ):
        assert text in lines["MAL-1"], text
    assert "Kronor is assigned here, but has no version in force then." in lines["MAL-1"]
    assert "is assigned here" not in lines["LOOSE-1"]
    assert "All: 2 of 24 EVSEs" in page.text
    filtered = await finance.page("/tariffs/gaps?kind=other_currency")
    assert "LOOSE-1" not in filtered.one("section", aria_label="Places found").text
    nothing = await finance.page("/tariffs/gaps?kind=nonsense&after=nonsense")
    assert "LOOSE-1" in nothing.text
    shown = await reader.page("/tariffs/gaps")
    assert "/tariffs/gaps/assign" not in shown.actions
    refused = await reader.send("/tariffs/gaps/assign", tariff="x", station="LOOSE-1")
    assert refused.status_code == 403

    typed = await finance.page("/tariffs/gaps?station=LOOSE-1&evse=1")
    assert typed.one("input", id="station").attributes["value"] == "LOOSE-1"
    euro = next(
        item.attributes["value"]
        for item in typed.one("select", id="tariff").all("option")
        if item.text == "Everyday (EUR)"
    )
    assert (await finance.send("/tariffs/gaps/assign", tariff="")).status_code == 422
    assigned = await finance.send(
        "/tariffs/gaps/assign", tariff=euro, audience="", site="", station="LOOSE-1", evse="1"
    )
    assert (assigned.status_code, assigned.headers["location"]) == (303, "/tariffs/gaps")
    after = await finance.page("/tariffs/gaps")
    assert "Assigned: new sessions there pay this tariff." in after.text
    assert "LOOSE-1" not in after.text
    careful = await finance.send(
        "/tariffs/gaps/assign", tariff=euro, audience="", site="", station="", evse=""
    )
    assert careful.status_code == 303
    said = (await finance.page("/tariffs/gaps")).text
    assert "Careful: the tariff is in EUR" in said
    assert "Malmö Gate (SEK)" in said
    async with db_sessions() as db:
        entries = list(await db.scalars(select(t.AuditEntry.details)))
    assert {"tariff": euro} in entries


async def test_a_tariff_that_is_assigned_without_a_version_in_force_is_named_and_marked(
    sign_in: SignIn, gaps: Network, db_sessions: Sessions
) -> None:
    finance = await sign_in("finance")
    async with db_sessions.begin() as db:
        of: dict[str, Any] = {"organization_id": gaps.organization_id}
        now = datetime.now(UTC)
        station = await db.scalar(select(t.Station.id).where(t.Station.identity == "LOOSE-1"))
        later = await add(db, t.Tariff, **of, name="Next year", currency="EUR")
        await add(
            db,
            t.TariffVersion,
            **of,
            tariff_id=later,
            number=1,
            valid_from=now + timedelta(days=90),
            body={"id": "l", "currency": "EUR", "elements": []},
        )
        await add(db, t.TariffAssignment, **of, tariff_id=later, created_at=now, station_id=station)

    page = await finance.page("/tariffs/gaps")

    (line,) = [row.text for row in page.all("tr") if "LOOSE-1" in row.text]
    assert "Next year is assigned here, but has no version in force." in line
    choices = [item.text for item in page.one("select", id="tariff").all("option")]
    assert choices == [
        "Everyday (EUR)",
        "Kronor (SEK)",
        "Next year (EUR): no version in force",
    ]
    async with db_sessions.begin() as db:
        (await db.get_one(t.Tariff, later)).retired_at = datetime.now(UTC)
    page = await finance.page("/tariffs/gaps")
    assert "Next year is assigned here, but retired." in page.text


async def test_an_organization_that_is_free_on_purpose_or_all_priced_reads_one_sentence(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    priced = await (await sign_in("read-only")).page("/tariffs/gaps")
    assert "Every EVSE has a price" in priced.text
    assert "All 22 in service have one" in priced.text, "24, but a station is pending"
    async with db_sessions.begin() as db:
        other = await add(db, t.Organization, slug="free", name="Free")
    browser = await sign_in("administrator", other)
    page = await browser.page("/tariffs/gaps")
    assert "No tariff is assigned anywhere" in page.text
    assert "Nothing waits for you" in (await browser.page("/attention")).text


async def test_attention_tells_of_drafts_prices_and_free_sessions(
    sign_in: SignIn, gaps: Network
) -> None:
    author, reviewer, support = [
        await sign_in(role) for role in ("finance", "administrator", "support")
    ]
    before = await support.page("/attention")
    editor = await new_tariff(author, "plain", "Quayside")
    await editor.press("submit", note="Cheaper power")

    mine, theirs, nobodys = [await who.page("/attention") for who in (author, reviewer, support)]

    assert "Quayside" not in mine.text + nobodys.text, "their own, or not theirs to approve"
    drafts = theirs.one("section", aria_labelledby="drafts-title")
    assert f"{editor.path}/review" in drafts.links
    assert "Cheaper power submitted by finance of the night shift" in drafts.text
    prices = theirs.one("section", aria_labelledby="prices-title")
    assert "2 EVSEs" in prices.text
    assert "1 session" in prices.text
    (listed,) = [link for link in prices.links if link.startswith("/sessions?")]
    sessions = await reviewer.page(listed)
    assert len([row for row in sessions.all("tr") if "id" in row.attributes]) == 1
    assert "MAL-1" in sessions.text

    def waiting(page: Any) -> int:
        return int(next(page.all("span", class_="count")).text.split()[0])

    assert waiting(before) == waiting(nobodys) == waiting(mine) == waiting(theirs) - 1
    front = await reviewer.page("/")
    assert f"{waiting(theirs)} items" in front.text
    approved = await reviewer.send(f"{editor.path}/approve", revision="3")
    assert approved.status_code == 303
    assert "Quayside" not in (await reviewer.page("/attention")).text


@browser_only[0]
@browser_only[1]
@browser_only[2]
async def test_the_page_is_clean_in_the_dark_and_on_a_phone(
    visitor: Visitor, gaps: Network
) -> None:
    for name, path in (("tariff-gaps", "/tariffs/gaps"), ("attention-prices", "/attention")):
        await visitor.page.emulate_media(color_scheme="light")
        await visitor.open(path)
        await clean(visitor, f"{name}-light")
        await visitor.page.emulate_media(color_scheme="dark")
        await clean(visitor, f"{name}-dark")
    await visitor.page.set_viewport_size(PHONE)
    await visitor.open("/tariffs/gaps")
    await clean(visitor, "tariff-gaps-phone", by_axe=False)
