"""T1: nobody sees or changes what belongs to another organization, whatever the address."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, insert, select
from starlette.routing import Route

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network, build
from tests.web.test_forms import FORMS
from tests.web.test_pages import PAGES
from web.app import page_routes
from web.dashboard.tariff_routes import tariff_routes


@pytest.fixture
async def foreign(db_sessions: Sessions) -> Network:
    """The network of another organization."""
    async with db_sessions.begin() as db:
        row = await db.execute(
            insert(t.Organization).values(slug="other", name="Other").returning(t.Organization.id)
        )
        return await build(db, row.scalar_one(), "OTH", datetime.now(UTC))


async def test_no_list_shows_anything_of_another_organization(
    sign_in: SignIn, network: Network, foreign: Network
) -> None:
    browser = await sign_in()

    for path in (*PAGES, "/stations?q=OTH", "/sessions?token=OTH", "/tokens?q=OTH"):
        answer = await browser.client.get(path)
        assert answer.status_code == 200
        assert "OTH" not in answer.text.replace("OTH&", "").replace('value="OTH"', "").replace(
            "=OTH", ""
        ), path
        for identifier in (foreign.running, foreign.settled, foreign.late, foreign.quarantined):
            assert str(identifier) not in answer.text, path


async def test_no_address_leads_to_another_organization(
    sign_in: SignIn, network: Network, foreign: Network
) -> None:
    browser = await sign_in()

    for path in (
        "/stations/OTH-01",
        "/stations/OTH-01/messages",
        "/stations/OTH-01/events",
        "/stations/OTH-01/authorization",
        "/stations/OTH-01/quirks",
        "/stations/OTH-01/variables",
        "/stations/OTH-01/variables/01890000-0000-7000-8000-000000000000",
        f"/sessions/{foreign.running}",
        f"/sessions/{foreign.running}/power",
        f"/sessions/{foreign.running}/signed-readings",
        f"/sessions/{foreign.running}/signed-readings.json",
        "/stations/OTH-01/meter-keys",
    ):
        assert (await browser.client.get(path)).status_code == 404
    # A page that is added must be walked here too; "/tariffs" is among the tariff routes.
    assert len(page_routes()) == len(PAGES) - 1 + 14


async def test_no_tariff_page_leads_to_another_organization(
    sign_in: SignIn, network: Network, foreign: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in()
    async with db_sessions() as db:
        version = await db.get_one(t.TariffVersion, foreign.tariff_version)
    named = {"draft": foreign.review, "key": "DE-LU", "identity": "OTH-01", "evse": 1}
    ids = {"sessions": foreign.settled, "tariffs": version.tariff_id}

    for route in tariff_routes():
        assert isinstance(route, Route)
        if "GET" in (route.methods or ()) and "{" in route.path:
            own_id = ids.get(route.path.split("/")[1], foreign.review)
            path = route.path.format_map({**named, "id": own_id, "number": 1})
            assert (await browser.client.get(path)).status_code == 404, path


async def test_no_form_reaches_another_organization(
    sign_in: SignIn, network: Network, foreign: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in()

    for form, _ in FORMS:
        path = form.replace("HAM", "OTH").format_map(vars(foreign))
        answer = await browser.send(
            path,
            reason="not mine",
            evse="1",
            connector="1",
            patience="120",
            resolution="retry",
            decision="retry",
        )
        assert answer.status_code == 404, path
    stolen = await browser.send(
        "/stations/HAM-02/commands/stop", session=str(foreign.running), patience="120"
    )
    borrowed = await browser.send(
        "/stations/HAM-05/commands/start",
        **{"evse": "1", "token": "OTH04A1B2C3", "patience": "120"},
    )

    assert (stolen.status_code, borrowed.status_code) == (404, 422)
    async with db_sessions() as db:
        for table in (t.Order, t.OutboxRow):
            assert await db.scalar(select(func.count()).select_from(table)) == 0


async def test_the_figures_count_one_organization(
    sign_in: SignIn, network: Network, foreign: Network
) -> None:
    mine = await (await sign_in()).page("/")
    theirs = await (await sign_in(organization_id=foreign.organization_id)).page("/")

    assert "11 of 12" in mine.text
    assert "11 of 12" in theirs.text
    assert "HAM" not in theirs.text
