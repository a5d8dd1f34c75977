"""Every page with a network in it, with nothing in it, and with nobody signed in."""

import httpx
import pytest
from sqlalchemy import insert, update

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network

PAGES = (
    "/",
    "/stations",
    "/sessions",
    "/payments",
    "/tokens",
    "/tariffs",
    "/attention",
    "/quirks",
    "/messages",
    "/audit",
)


@pytest.mark.parametrize("path", PAGES)
async def test_an_empty_organization_has_every_page(path: str, sign_in: SignIn) -> None:
    browser = await sign_in()

    page = await browser.page(path)

    assert page.one("h1").text
    current = {link.text for link in page.all("a", aria_current="page")}
    assert len(current) == 1, "the navigation says where one is"


@pytest.mark.parametrize(
    "path", [*PAGES, "/sessions/01890000-0000-7000-8000-000000000000", "/stations/HAM-01"]
)
async def test_who_is_not_signed_in_is_sent_to_the_sign_in_page(
    path: str, client: httpx.AsyncClient
) -> None:
    answer = await client.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=")


async def test_the_overview_counts_the_network(sign_in: SignIn, network: Network) -> None:
    page = await (await sign_in()).page("/")

    tiles = {
        tile.one("span", class_="tile-name").text: tile.one("span", class_="tile-figure").text
        for tile in page.all("a")
        if tile.attributes.get("class", "").startswith("tile")
    }
    assert tiles["Stations online"] == "11 of 12"
    assert tiles["Sessions active"] == "2 now"
    assert tiles["Captured today"].endswith("EUR")
    assert tiles["Needs attention"] == "5 items"
    assert f"/sessions/{network.running}" in page.links
    troubles = {item.attributes["id"] for item in page.all("li") if "id" in item.attributes}
    assert troubles == {"trouble-HAM-04", "trouble-HAM-11", "trouble-HAM-12"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ham-0", {f"HAM-0{number}" for number in range(1, 10)}),
        ("q=SN-00007", {"HAM-07"}),
        ("q=%25", set()),
        ("online=no", {"HAM-12"}),
        ("status=faulted", {"HAM-04"}),
        ("status=nonsense&site=nonsense&page=-3&q=HAM-03", {"HAM-03"}),
    ],
)
async def test_stations_are_filtered_by_the_database(
    query: str, found: set[str], sign_in: SignIn, network: Network
) -> None:
    page = await (await sign_in()).page(f"/stations?{query}")

    rows = {row.attributes["id"] for row in page.all("tr") if "id" in row.attributes}
    assert rows == {f"station-{identity}" for identity in found}


async def test_a_list_of_stations_is_paged(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            insert(t.Station),
            [
                {"organization_id": network.organization_id, "identity": f"ZED-{number:03d}"}
                for number in range(50)
            ],
        )
    browser = await sign_in()

    first = await browser.page("/stations")
    second = await browser.page("/stations?page=2")
    beyond = await browser.page("/stations?page=99")

    assert "/stations?page=2" in first.links
    assert "51 to 62 of 62 stations" in second.text
    assert "Page 2 of 2" in beyond.text


async def test_a_station_page_shows_its_parts_orders_and_messages(
    sign_in: SignIn, network: Network
) -> None:
    page = await (await sign_in()).page("/stations/HAM-01")

    assert page.one("h1").text == "HAM-01"
    assert "Charging" in page.one("section", id="outlet-1-1").text
    assert f"/sessions/{network.running}" in page.one("section", id="outlet-1-1").links
    log = page.one("ol", class_="log")
    assert [item.text.split()[:2] for item in log.all("summary")] == [
        ["to", "station"],
        ["from", "station"],
        ["to", "station"],
    ]
    assert '"connectorId": 1' in log.text
    assert "Breaks the schema" in log.text


async def test_a_station_that_is_not_there_is_a_page_too(sign_in: SignIn) -> None:
    page = await (await sign_in()).page("/stations/NOPE", status=404)

    assert "There is no station 'NOPE'" in page.text


async def test_an_unknown_address_is_a_page_and_for_the_api_json(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/nowhere")
    problem = await client.get("/api/v1/nowhere")

    assert page.status_code == 404
    assert "Nothing here" in page.text
    assert problem.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=active", {"running", "troubled"}),
        ("state=charging", {"running"}),
        ("state=settled", {"settled"}),
        ("state=attention", {"troubled"}),
        ("station=ham-02", {"settled"}),
        ("token=ham04", {"running", "settled"}),
        ("from=2999-01-01", set()),
        ("to=2001-01-01", set()),
        ("from=0001-01-01&to=9999-12-31&before=x&state=x", {"running", "settled", "troubled"}),
    ],
)
async def test_sessions_are_filtered_by_the_database(
    query: str, found: set[str], sign_in: SignIn, network: Network
) -> None:
    page = await (await sign_in()).page(f"/sessions?{query}")

    rows = {row.attributes["id"] for row in page.all("tr") if "id" in row.attributes}
    assert rows == {f"session-{getattr(network, name)}" for name in found}


async def test_a_session_page_explains_every_cent(sign_in: SignIn, network: Network) -> None:
    page = await (await sign_in()).page(f"/sessions/{network.settled}")

    table = page.one("table", class_="lines stack price")
    energy = next(row for row in table.all("tr") if row.text.startswith("Energy"))
    assert "16.133 kWh" in energy.text
    assert "0.49 EUR/kWh" in energy.text
    # 16.133 x 0.49 = 7.90517, plus 1 flat, plus 19 % VAT: 10.5971523, paid 10.60.
    assert "10.5971523" in table.one("tfoot").text
    assert "0.0028477" in table.one("tfoot").text
    assert table.one("tr", class_="total").text.endswith("10.60 EUR")
    assert (
        f"http://127.0.0.1:8233/namespaces/holdfast/workflows/session-{network.settled}"
        in page.links
    )
    review = page.one("section", aria_labelledby="review-title").text
    assert "The price changed after it was settled" in review
    assert "1.20 EUR" in review


async def test_a_running_session_has_a_curve(sign_in: SignIn, network: Network) -> None:
    browser = await sign_in()

    page = await browser.page(f"/sessions/{network.running}")
    series = (await browser.client.get(f"/sessions/{network.running}/power")).json()

    assert page.one("div", id="power").attributes["data-url"].endswith("/power")
    assert len(series["at"]) == len(series["power_w"]) == len(series["energy_wh"]) == 42
    assert max(series["power_w"]) == 11_000
    assert series["at"] == sorted(series["at"])


async def test_attention_lists_what_waits_and_offers_what_the_role_allows(
    sign_in: SignIn, network: Network
) -> None:
    operator = await (await sign_in("operator")).page("/attention")
    reader = await (await sign_in("read-only")).page("/attention")

    assert f"/attention/quarantine/{network.quarantined}/replay" in operator.actions
    assert f"/attention/late-facts/{network.late}/discard" in operator.actions
    assert f"/attention/review-tasks/{network.review}/resolve" in operator.actions
    assert reader.actions == {"/sign-out"}
    assert "9223372036854775808" in operator.text
    assert "9223372036854775808" not in reader.text


async def test_lists_show_money_tokens_and_tariffs(sign_in: SignIn, network: Network) -> None:
    browser = await sign_in()

    payments = await browser.page("/payments?state=captured")
    tokens = await browser.page("/tokens?q=ham04&status=accepted")
    tariffs = await browser.page("/tariffs")
    audit = await browser.page("/audit")

    assert "10.60 EUR" in payments.text
    assert "Visa ending in 4242" in tokens.text
    assert "Energy: €0.5831 per kWh" in tariffs.text, "0.49 and 19 % tax"
    assert "HAM Harbour" in tariffs.text
    assert "administrator of the night shift" in audit.text


async def test_a_list_goes_on_where_it_stopped(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            insert(t.Token),
            [
                {"organization_id": network.organization_id, "type": "RFID", "uid": f"AA{n:06d}"}
                for n in range(60)
            ],
        )
    browser = await sign_in()

    first = await browser.page("/tokens?q=AA")
    older = next(link for link in first.links if "before=" in link)
    second = await browser.page(older)

    uids = [cell.text for page in (first, second) for cell in page.all("span", class_="code")]
    assert len(uids) == len(set(uids)) == 60


async def test_a_settlement_of_another_shape_is_still_shown(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            update(t.Settlement).values(
                breakdown={"lines": [], "note": "no tariff was in force"}, amount_minor=0
            )
        )

    page = await (await sign_in()).page(f"/sessions/{network.settled}")

    assert "no tariff was in force" in page.text
    assert "0.00 EUR" in page.text
