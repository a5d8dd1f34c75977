"""The quote page and the receipt: what it would cost and why, and what it did cost."""

from datetime import UTC, datetime

from sqlalchemy import insert, update

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network
from web.dashboard.price import explain_breakdown, explain_estimate
from web.wording import money


async def test_a_quote_says_what_a_token_pays_and_why(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            insert(t.TariffAssignment).values(
                organization_id=network.organization_id,
                tariff_id=(await db.get_one(t.TariffVersion, network.tariff_version)).tariff_id,
            )
        )
    browser = await sign_in()

    asked = "station=HAM-01&evse=1&kwh=16.133&minutes=60&parked=0&lang=de&at=2999-03-04T13:00"
    page = await browser.page(f"/tariffs/quote?{asked}&who=token&token=ham04a1b2c3")
    nobody = await browser.page(f"/tariffs/quote?{asked}&who=token&token=nope")

    prices = page.one("dl", class_="facts")
    assert prices.attributes["lang"] == "de"
    assert "0,5831 € pro kWh" in prices.text
    assert page.one("tr", class_="total").text.endswith("10.60 EUR")
    verdicts = [row.text for row in page.one("tr", class_="won").all("strong")]
    assert verdicts == ["applies"]
    why = page.one("section", aria_labelledby="why-title").text
    assert "a tariff of the site is closer" in why
    assert "There is no token 'nope'" in nobody.one("p", role="alert").text


async def test_a_quote_without_a_tariff_and_with_nonsense_says_so(
    sign_in: SignIn, network: Network
) -> None:
    browser = await sign_in("read-only")

    empty = await browser.page("/tariffs/quote")
    long_ago = await browser.page("/tariffs/quote?station=HAM-01&at=2001-01-01T00:00")

    assert empty.one("h1").text == "What would it cost?"
    assert "No tariff applies" in long_ago.text
    for wrong in (
        "station=NOPE",
        "station=HAM-01&evse=0",
        "station=HAM-01&evse=1e9",
        "station=HAM-01&kwh=NaN",
        "station=HAM-01&minutes=-1",
        "station=HAM-01&at=yesterday",
        "station=HAM-01&at=9999-12-31T23:59",
        "station=HAM-01&who=token",
    ):
        page = await browser.page(f"/tariffs/quote?{wrong}")
        assert page.one("p", role="alert").text, wrong


async def test_a_receipt_words_the_settlement_for_its_reader_and_prints(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            update(t.Organization)
            .where(t.Organization.id == network.organization_id)
            .values(name="<Acme>")
        )
    browser = await sign_in("read-only")

    page = await browser.page(f"/sessions/{network.settled}/receipt?lang=de-DE")
    running = await browser.page(f"/sessions/{network.running}/receipt", status=409)
    session = await browser.page(f"/sessions/{network.settled}")

    assert page.one("h1").text == "Beleg"
    assert page.one("html").attributes["lang"] == "de-DE"
    rows = [row.text for row in page.one("table", class_="bill").all("tr")]
    assert rows == [
        "Position Menge Einzelpreis Brutto",
        "Startgebühr 1 1,19 € pro Ladevorgang 1,19 €",
        "Energie 16,133 kWh 0,5831 € pro kWh ≈ 9,4072 €",
        "Rundung ≈ 0,0028 €",
        "Summe 10,60 €",
        "Netto 8,91 €",
        "MwSt. 19 % (Netto 8,91 €) 1,69 €",
    ]
    assert "<Acme>" in page.text
    assert "HAM04A1B2C3" not in page.text
    assert "not priced yet" in running.text
    assert f"/sessions/{network.settled}/receipt" in session.links


async def test_a_receipt_of_what_nobody_pays_says_so_by_the_clock_of_the_bill(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser, path = await sign_in("read-only"), f"/sessions/{network.settled}/receipt?lang=de"
    before = await browser.page(path)
    async with db_sessions.begin() as db:
        settlement = await db.get_one(t.Settlement, network.settled)
        settlement.outcome = "waived"
        priced = {"context": {"time_zone": "Europe/Berlin"}}
        settlement.breakdown = {**settlement.breakdown, **priced}
        await db.execute(update(t.Site).values(time_zone="Asia/Tokyo"))
    waived = await browser.page(path)
    assert "wird nichts berechnet" in waived.text
    assert "wird nichts berechnet" not in before.text
    assert [one.text for one in waived.all("dd")] == [one.text for one in before.all("dd")]


async def test_a_receipt_of_another_organization_is_not_there(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        other = (
            await db.scalars(
                insert(t.Organization)
                .values(slug="other", name="Other")
                .returning(t.Organization.id)
            )
        ).one()
    stranger = await sign_in("administrator", other)

    await stranger.page(f"/sessions/{network.settled}/receipt", status=404)
    page = await stranger.page("/tariffs/quote?station=HAM-01")
    assert "There is no station 'HAM-01'" in page.one("p", role="alert").text


async def test_an_open_session_shows_what_it_costs_so_far_and_by_which_price(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            insert(t.RunningCost).values(
                session_id=network.running,
                organization_id=network.organization_id,
                as_of=datetime.now(UTC),
                currency="EUR",
                energy_wh=7_000,
                excl_vat="4.43",
                incl_vat="5.27",
                incl_minor=527,
                told_minor=500,
            )
        )
    browser = await sign_in("read-only")

    running = await browser.page(f"/sessions/{network.running}")
    settled = await browser.page(f"/sessions/{network.settled}")

    so_far = running.one("dl", id="so-far").text
    assert "5.27 EUR" in so_far
    assert "7.000 kWh" in so_far
    assert "Told to the station 5.00 EUR" in so_far
    assert "so far" in next(
        tile.text for tile in running.all("div", class_="tile") if "Price" in tile.text
    )
    for page in (running, settled):
        shown = next(page.all("details", class_="card-footer"))
        assert "Energy: €0.5831 per kWh" in shown.text
    assert not list(settled.all("dl", id="so-far"))


def test_a_breakdown_names_reservations_caps_days_and_markets() -> None:
    line = {
        "reason": "used",
        "quantity": "1",
        "unit": "kWh",
        "unit_price": "0.2",
        "price_per": "kWh",
    }
    price = explain_breakdown(
        {
            "lines": [
                {**line, "dimension": "RESERVATION_TIME"},
                {
                    **line,
                    "dimension": "ENERGY",
                    "spot": {"feed": "DE-LU", "market_price": "0.08", "fallback": False},
                },
                {
                    **line,
                    "dimension": "ENERGY",
                    "reason": "allowance",
                    "spot": {"feed": "DE-LU", "market_price": "0.3", "fallback": True},
                },
            ],
            "adjustments": [{"reason": "daily_cap", "day": "2026-03-04"}, {"reason": "rounding"}],
        },
        currency="EUR",
        excl="1.00",
        incl=money(119, "EUR"),
    )

    assert [(each.name, each.note) for each in price.lines] == [
        ("Reservation time", ""),
        ("Energy", "DE-LU, market 0.08"),
        ("Energy", "free of charge, DE-LU, no market price, fallback 0.3"),
    ]
    assert [each.name for each in price.adjustments] == [
        "Cap per day, 2026-03-04",
        "Rounding of each line",
    ]


def test_amounts_have_two_decimals_at_least_and_seconds_are_told_as_durations() -> None:
    line = {"reason": "used", "vat": None, "unit_price": "6.00", "price_per": "h"}
    parked = line | {"dimension": "PARKING_TIME", "quantity": "1800", "unit": "s"}
    price = explain_breakdown(
        {
            "lines": [
                parked | {"excl_vat_exact": "0.9", "incl_vat_exact": "1.071"},
                parked | {"quantity": "5415", "excl_vat_exact": "17/60", "incl_vat_exact": "-3"},
            ]
        },
        currency="EUR",
        excl=None,
        incl=money(0, "EUR"),
    )

    assert [(each.quantity, each.unit) for each in price.lines] == [("30 min", ""), ("5415 s", "")]
    assert [(each.excl, each.incl) for each in price.lines] == [
        ("0.90", "1.071"),
        ("17/60", "-3.00"),
    ], "never rounder than it is"


def test_lines_of_a_kind_are_told_apart_by_the_sites_clock() -> None:
    line = {"reason": "used", "dimension": "ENERGY", "quantity": "1", "unit": "kWh"}
    body = {
        "currency": "EUR",
        "incl_vat": "1.00",
        "breakdown": {
            "lines": [
                {**line, "started_at": "2026-03-04T18:00:00+00:00"},
                {**line, "started_at": "2026-03-04T21:00:00+00:00"},
                {**line, "started_at": "2026-03-04T18:00:00+00:00", "dimension": "PARKING_TIME"},
            ],
            "findings": [{"code": "interpolated"}, {"code": "price_capped"}],
        },
    }

    price = explain_estimate(body, "Europe/Berlin")

    assert [each.note for each in price.lines] == ["from 19:00", "from 22:00", ""]
    assert [text for _, text in price.findings] == ["Price capped"]
