"""Pages of simulations and market prices: begun by a form, live while they run, in a browser."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select

from holdfast.contracts.ports import SpotInterval
from holdfast.services import simulation_portions, spot_prices
from holdfast.services.spot_prices import NewFeed
from holdfast.services.tariff_drafts import create_draft
from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network
from tests.web.test_browser import PATIENCE_MS, PHONE, Visitor, browser, origin, visitor
from tests.web.test_browser import pytestmark as in_a_browser
from tests.web.test_tariff_browser import clean

__all__ = ["browser", "origin", "visitor"]

DEARER: dict[str, Any] = {
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": "0.29", "vat": "19"}],
            "restrictions": {"start_time": "22:00", "end_time": "08:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": "0.79", "vat": "19"}]},
    ]
}
HOUR = timedelta(hours=1)


@pytest.fixture
async def tariff(db_sessions: Sessions, network: Network) -> UUID:
    """With a draft, and forty sessions of the past under it."""
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        version = await db.get_one(t.TariffVersion, network.tariff_version)
        await create_draft(
            db, network.organization_id, version.tariff_id, actor="key:1", body=DEARER
        )
        station = next(iter(network.stations.values()))
        await db.execute(
            insert(t.Session),
            [
                {
                    "organization_id": network.organization_id,
                    "station_id": station,
                    "site_id": network.site_id,
                    "evse": 1,
                    "started_at": now - timedelta(days=1 + n % 20, hours=n % 24),
                    "ended_at": now - timedelta(days=1 + n % 20, hours=n % 24) + HOUR,
                    "meter_start_mwh": 0,
                    "meter_stop_mwh": n * 1_000_000,
                    "energy_wh": n * 1_000,
                    "tariff_version_id": version.id,
                    "closed_at": now,
                }
                for n in range(1, 41)
            ],
        )
        return version.tariff_id


async def feed(db_sessions: Sessions, organization_id: UUID) -> None:
    """Prices around now, with a hole of two hours, and another word than the first."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    async with db_sessions.begin() as db:
        row = await spot_prices.create_feed(
            db,
            organization_id,
            NewFeed(
                key="DE-LU",
                name="Day ahead",
                currency="EUR",
                source="api",
                time_zone="Europe/Berlin",
            ),
            actor="key:1",
        )
        told = [
            SpotInterval(
                starts_at=now + n * HOUR,
                ends_at=now + (n + 1) * HOUR,
                price=Decimal(abs(n % 24 - 12) - 2) / 50,
            )
            for n in range(-20, 30)
            if n not in (5, 6)
        ]
        await spot_prices.put_prices(db, organization_id, row.key, told, now=now, actor="key:1")
        again = [SpotInterval(starts_at=now, ends_at=now + HOUR, price=Decimal("0.9"))]
        await spot_prices.put_prices(db, organization_id, row.key, again, now=now, actor="key:1")


async def advance(db_sessions: Sessions, simulation_id: UUID, portion: int) -> str:
    async with db_sessions.begin() as db:
        return (await simulation_portions.advance(db, simulation_id, portion=portion)).state


async def test_a_simulation_is_begun_by_a_form_and_cancelled_by_one(
    sign_in: SignIn, db_sessions: Sessions, tariff: UUID
) -> None:
    browser = await sign_in("finance")
    path = f"/tariffs/{tariff}/simulations"
    page = await browser.page(path)
    subject = next(
        option.attributes["value"]
        for option in page.one("select", id="subject").all("option")
        if option.text.startswith("Draft")
    )
    today = datetime.now(UTC).date()
    fields = {
        "subject": subject,
        "from": (today - timedelta(days=60)).isoformat(),
        "to": today.isoformat(),
        "sessions": "tariff",
        "sessions_max": "1000",
    }

    refused = await browser.send(path, **{**fields, "from": "yesterday"})
    answer = await browser.send(path, **fields)

    assert refused.status_code == 422
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert "Waiting" in (await browser.page(where)).text
    cancelled = await browser.send(f"{where}/cancel")
    assert cancelled.status_code == 303
    assert "Cancelled" in (await browser.page(where)).text
    assert (await browser.send(f"{where}/cancel")).status_code == 409
    assert "Cancelled" in (await browser.page(path)).text
    reader = await sign_in("read-only")
    assert not list((await reader.page(where)).all("form", id="cancel"))
    assert (await reader.send(f"{where}/cancel")).status_code == 403
    assert (await reader.send(path, **fields)).status_code == 403


async def test_a_feed_is_added_shown_with_its_problem_and_retired(
    sign_in: SignIn, db_sessions: Sessions, organization: UUID
) -> None:
    await feed(db_sessions, organization)
    browser = await sign_in("finance")

    page = await browser.page("/tariffs/market")
    drawn = (await browser.client.get("/tariffs/market/DE-LU/prices")).json()
    added = await browser.send(
        "/tariffs/market", key="FR", currency="eur", source="file", time_zone="Europe/Paris"
    )
    wrong = await browser.send(
        "/tariffs/market", key="../FR", currency="EUR", source="file", time_zone="Europe/Paris"
    )
    retired = await browser.send("/tariffs/market/FR/retire")

    assert "not what the feed said first: 1" in page.text
    assert "nothing is known before this" in page.text
    assert drawn["price"].count(None) == 1
    assert len(drawn["at"]) == len(drawn["price"])
    assert len(drawn["midnights"]) == 2, "yesterday, today and tomorrow, known or not"
    assert drawn["from"] <= drawn["now"] < drawn["until"]
    assert [added.status_code, wrong.status_code, retired.status_code] == [303, 422, 303]
    assert "FR" not in [
        link.text for link in (await browser.page("/tariffs/market")).all("a", class_="name")
    ]


async def test_attention_lists_a_feed_without_prices_until_they_are_there(
    sign_in: SignIn, db_sessions: Sessions, organization: UUID
) -> None:
    await feed(db_sessions, organization)
    browser = await sign_in("finance")
    before = await browser.page("/attention")
    await browser.send(
        "/tariffs/market", key="FR", currency="EUR", source="file", time_zone="Europe/Paris"
    )

    page = await browser.page("/attention")
    async with db_sessions.begin() as db:
        await spot_prices.create_feed(
            db,
            organization,
            NewFeed(key="AT", name="", currency="EUR", source="api", time_zone="Europe/Vienna"),
            actor="key:1",
        )
    by_clients = (await browser.page("/attention")).one("section", aria_labelledby="prices-title")
    await browser.send("/tariffs/market/AT/retire")

    differs = before.one("section", aria_labelledby="reviews-title")
    assert differs.links == ["/tariffs/market?feed=DE-LU"]
    assert "The first word stays and is billed." in differs.text
    assert by_clients.links == ["/tariffs/market?feed=AT", "/tariffs/market?feed=FR"]
    assert by_clients.text.count("A client of yours writes them, and has not") == 1
    assert "Prices missing" not in before.text, "clients wrote DE-LU"
    prices = page.one("section", aria_labelledby="prices-title")
    assert prices.links == ["/tariffs/market?feed=FR"]
    assert "tariffs use their fallback. Prices missing" in prices.text
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        row = await spot_prices.find_feed(db, organization, "FR", lock=True)
        told = [
            SpotInterval(
                starts_at=now + n * HOUR, ends_at=now + (n + 1) * HOUR, price=Decimal("0.1")
            )
            for n in range(49)
        ]
        await spot_prices.write_prices(db, row, told)
    assert "of FR" not in (await browser.page("/attention")).text


async def test_neither_leads_to_another_organization(
    sign_in: SignIn, db_sessions: Sessions, network: Network, tariff: UUID
) -> None:
    await feed(db_sessions, network.organization_id)
    browser = await sign_in()
    today = datetime.now(UTC).date()
    async with db_sessions.begin() as db:
        draft = (await db.scalars(select(t.TariffDraft))).one()
        other = t.Organization(slug="other", name="Other")
        db.add(other)
        await db.flush()
    begun = await browser.send(
        f"/tariffs/{tariff}/simulations",
        **{
            "subject": f"draft:{draft.id}",
            "from": (today - timedelta(days=9)).isoformat(),
            "to": today.isoformat(),
        },
    )
    where = begun.headers["location"]
    rival = await sign_in(organization_id=other.id)

    for path in (
        where,
        f"{where}/figures",
        f"/tariffs/{tariff}/simulations",
        "/tariffs/market/DE-LU/prices",
    ):
        assert (await browser.client.get(path)).status_code == 200, path
        assert (await rival.client.get(path)).status_code == 404, path
    assert not list((await rival.page("/tariffs/market")).all("a", class_="name"))
    for form in (f"{where}/cancel", "/tariffs/market/DE-LU/retire"):
        assert (await rival.send(form)).status_code == 404, form


@in_a_browser[0]
@in_a_browser[1]
@in_a_browser[2]
async def test_a_simulation_is_live_and_both_pages_are_clean_in_a_browser(
    visitor: Visitor, db_sessions: Sessions, network: Network, tariff: UUID
) -> None:
    await feed(db_sessions, network.organization_id)
    page = visitor.page
    await visitor.open(f"/tariffs/{tariff}/simulations")
    await clean(visitor, "tariff-simulations")
    await page.get_by_role("button", name="Simulate").click()
    await page.locator("[data-pulse][data-state=live]").wait_for(timeout=PATIENCE_MS)
    async with db_sessions.begin() as db:
        simulation = (await db.scalars(select(t.TariffSimulation))).one()
        await simulation_portions.begin(db, simulation.id)
    await advance(db_sessions, simulation.id, 25)
    await page.get_by_text("Running").first.wait_for(timeout=PATIENCE_MS)
    await clean(visitor, "tariff-simulation-running")
    while await advance(db_sessions, simulation.id, 25) == "running":
        continue
    await page.get_by_text("Done").first.wait_for(timeout=PATIENCE_MS)
    await page.locator("#bars canvas").wait_for(timeout=PATIENCE_MS)
    await page.locator("#cancel").wait_for(state="hidden", timeout=PATIENCE_MS)
    await clean(visitor, "tariff-simulation-done")
    await visitor.open("/tariffs/market")
    await page.locator("#market canvas").wait_for(timeout=PATIENCE_MS)
    await clean(visitor, "tariff-market")
    await page.set_viewport_size(PHONE)
    await page.emulate_media(color_scheme="dark")
    for name, path in (
        ("tariff-market-phone", "/tariffs/market"),
        ("tariff-simulation-phone", f"/tariffs/simulations/{simulation.id}"),
        ("tariff-simulations-phone", f"/tariffs/{tariff}/simulations"),
    ):
        await visitor.open(path)
        await clean(visitor, name)
