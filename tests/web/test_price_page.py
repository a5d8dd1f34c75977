"""The public price page: no sign-in, the driver's language, an estimate, and nothing else."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import insert, select, update
from starlette.applications import Starlette
from starlette.routing import Route

from holdfast.domain.tariff.canonical import tariff_to_json
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.http.rate_limit import RateLimit
from holdfast.services.price_words.price_text import price_text
from holdfast.services.price_words.reader import reader_of
from holdfast.services.public_prices import PublicPrice, find_charge_point, public_price
from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.network import Network
from tests.web.parsed import parse
from web.driver.price_page import PricePage

PAGE = "/p/HAM-01/1"


async def test_a_driver_reads_the_price_in_the_order_of_afir(
    client: httpx.AsyncClient, network: Network
) -> None:
    answer = await client.get(PAGE, headers={"Accept-Language": "de-DE,de;q=0.9"})
    page = parse(answer.text)

    assert answer.status_code == 200
    assert page.one("html").attributes["lang"] == "de-DE"
    prices = page.one("dl", class_="prices")
    assert [item.text.split("  ")[0] for item in prices.all("dt")] == [
        "Energie",
        "Standzeit nach dem Laden berechnet ab 15 Min. nach Ladeende",
        "Startgebühr",
    ]
    assert [item.text.replace("\N{NO-BREAK SPACE}", " ") for item in prices.all("strong")] == [
        "0,5831 €",
        "0,119 €",
        "1,19 €",
    ]
    assert "0,49" in prices.text
    assert "Harbour, Kiel" in page.one("header").text.replace(" ,", ",")


async def test_the_page_is_cacheable_runs_no_script_and_tells_nothing_but_the_price(
    client: httpx.AsyncClient, network: Network
) -> None:
    answer = await client.get(PAGE)

    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.headers["vary"] == "Accept-Language"
    assert answer.headers["content-language"] == "en-GB"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers
    assert "<script" not in answer.text
    for secret in (network.tariff_version, network.running, "HAM04A1B2C3", network.organization_id):
        assert str(secret) not in answer.text
    assert "everyday" not in answer.text.lower()


async def test_an_estimate_is_what_the_bill_would_be(
    client: httpx.AsyncClient, network: Network
) -> None:
    answer = await client.get(f"{PAGE}?kwh=16,133&minutes=60&parked=20&lang=en")
    page = parse(answer.text)

    # (16.133 x 0.49 + 1 + 5 minutes at 0.10) x 1.19: 15 of the 20 minutes are grace.
    assert page.one("tr", class_="total").text == "Total €11.19"
    energy = next(row for row in page.all("tr") if row.text.startswith("Energy"))
    assert energy.text == "Energy 16.133 kWh €0.5831 per kWh ≈ €9.4072"
    assert "VAT 19 %" in page.one("tfoot").text


async def test_an_estimate_of_nonsense_is_refused_in_words(
    client: httpx.AsyncClient, network: Network
) -> None:
    for kwh in ("-1", "501", "NaN", "1e3", "<b>", "9" * 40, "Infinity"):
        answer = await client.get(PAGE, params={"kwh": kwh})

        assert answer.status_code == 200
        assert "Use numbers from 0 to 500." in parse(answer.text).one("p", role="alert").text
        assert 'class="total"' not in answer.text

    answer = await client.get(f"{PAGE}?kwh=12,5&minutes=99999&parked=<b>&lang=en")
    page = parse(answer.text)
    assert [alert.text for alert in page.all("p") if alert.attributes.get("role") == "alert"] == [
        "Charging time in minutes: Use numbers from 0 to 2880.",
        "Minutes parked afterwards: Use numbers from 0 to 2880.",
    ]
    for minutes in ("0", "0.01"):
        answer = await client.get(f"{PAGE}?kwh=5&minutes={minutes}&lang=en")
        page = parse(answer.text)
        assert answer.status_code == 200, "a driver never sees a page of the operator's"
        alert = "Charging time in minutes: Use numbers from 1 to 2880."
        assert page.one("p", role="alert").text == alert
    answer = await client.get(f"{PAGE}?kwh=0&minutes=0&parked=30&lang=en")
    assert 'class="total"' in answer.text, "who only parks takes no energy"


async def test_what_was_typed_stays(client: httpx.AsyncClient, network: Network) -> None:
    answer = await client.get(f"{PAGE}?kwh=12,5&minutes=99999&parked=<b>&lang=en")
    page = parse(answer.text)
    assert [page.one("input", id=name).attributes["value"] for name in ("kwh", "minutes")] == [
        "12.5",
        "99999",
    ]


async def test_an_unknown_charge_point_is_a_friendly_page_and_so_is_one_out_of_service(
    client: httpx.AsyncClient, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        for number, change in (
            (2, {"retired_at": datetime.now(UTC)}),
            (3, {"registration": "pending"}),
        ):
            station = network.stations[f"HAM-0{number}"]
            await db.execute(update(t.Station).where(t.Station.id == station).values(change))

    for path in (
        "NOPE/1",
        "HAM-01/99",
        "HAM-01/0",
        "HAM-01/x",
        "HAM-01/%D9%A1",
        "%00/1",
        "HAM-02/1",
        "HAM-03/1",
    ):
        answer = await client.get(f"/p/{path}", headers={"Accept-Language": "fr"})

        assert answer.status_code == 404, path
        assert parse(answer.text).one("h1").text == "Point de charge introuvable"
        assert answer.headers["cache-control"] == "no-store"


async def test_names_that_people_gave_are_escaped_and_kept_apart_in_direction(
    client: httpx.AsyncClient, network: Network, db_sessions: Sessions
) -> None:
    name = "<img src=x>\N{RIGHT-TO-LEFT OVERRIDE}evil"
    async with db_sessions.begin() as db:
        await db.execute(update(t.Site).where(t.Site.id == network.site_id).values(name=name))

    text = (await client.get(PAGE)).text

    assert "<img" not in text
    assert "<bdi>&lt;img" in text


async def test_the_ledger_notes_once_which_version_the_page_shows(
    client: httpx.AsyncClient, network: Network, db_sessions: Sessions
) -> None:
    for language in ("de", "en", "fr"):
        assert (await client.get(f"{PAGE}?lang={language}")).status_code == 200

    async with db_sessions() as db:
        rows = (await db.scalars(select(t.ShownPrice).where(t.ShownPrice.channel == "page"))).all()
    assert [(row.version_id, row.evse, row.state, row.language) for row in rows] == [
        (network.tariff_version, 1, "shown", "en-GB")
    ]
    assert "€0.5831 per kWh" in (rows[0].text or "")


async def test_a_price_is_worked_out_once_a_minute_and_put_into_words_once_a_language(
    network: Network, db_sessions: Sessions
) -> None:
    at = datetime.now(UTC).replace(second=5)
    async with db_sessions() as db:
        point = await find_charge_point(db, "HAM-01", 1)
        assert point is not None

    async def look(seconds: int) -> PublicPrice | None:
        async with db_sessions() as db:
            return await public_price(db, point, at + timedelta(seconds=seconds))

    first, *others = await asyncio.gather(*(look(number) for number in range(4)))
    assert first is not None
    assert all(other is first for other in others), "who looks at once waits for the first"
    assert await look(50) is first
    assert await look(60) is not first

    german, austrian = reader_of("de-DE"), reader_of("de-AT")
    assert first.words(german) is first.words(german)
    assert first.words(austrian).locale == "de-AT"
    assert first.words(german) == price_text(first.shown, german)


async def test_who_pays_ad_hoc_sees_the_ad_hoc_tariff_and_a_place_without_one_says_so(
    client: httpx.AsyncClient, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(update(t.TariffAssignment).values(until_at=datetime.now(UTC)))
    without = await client.get(f"{PAGE}?lang=nl")
    async with db_sessions.begin() as db:
        version = await db.get_one(t.TariffVersion, network.tariff_version)
        cheaper = tariff_to_json(tariff_from_json(version.body))
        cheaper["elements"] = [{"price_components": [{"type": "ENERGY", "price": "0.2345"}]}]
        now = datetime.now(UTC) - timedelta(minutes=1)
        tariff = await db.scalar(
            insert(t.Tariff)
            .values(organization_id=network.organization_id, name="ad hoc", currency="EUR")
            .returning(t.Tariff.id)
        )
        await db.execute(
            insert(t.TariffVersion).values(
                organization_id=network.organization_id,
                tariff_id=tariff,
                number=1,
                valid_from=now,
                body=cheaper,
            )
        )
        await db.execute(
            insert(t.TariffAssignment).values(
                organization_id=network.organization_id,
                tariff_id=tariff,
                site_id=network.site_id,
                ad_hoc=True,
                created_at=now,
            )
        )
    with_one = await client.get(f"{PAGE}?lang=nl")

    assert "Nu geen prijs" in without.text
    assert "€\N{NO-BREAK SPACE}0,2345" in with_one.text


async def test_one_address_cannot_ask_without_end(web: Starlette, network: Network) -> None:
    page = PricePage(RateLimit(per_s=0.01, burst=2))
    app = Starlette(routes=[Route("/p/{identity}/{evse}", page.show)])
    app.state.desk = web.state.desk
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://holdfast.test"
    ) as client:
        answers = [await client.get(f"{PAGE}?lang=sv") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert "Försök igen om en stund" in answers[-1].text
