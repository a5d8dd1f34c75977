"""One tariff for many places by the page: found, looked at, assigned, undone; lists as typed."""

from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from holdfast.services.assignment_plans import Scope
from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import HOST, Browser, SignIn
from tests.web.network import Network
from tests.web.parsed import Element, parse
from web.dashboard.tariff_picked import read_picked

SITE = UUID("00000000-0000-0000-0000-000000000001")


async def other_tariff(db_sessions: Sessions, network: Network) -> UUID:
    """Beside that of the network, which everybody pays at its site."""
    async with db_sessions.begin() as db:
        row = t.Tariff(organization_id=network.organization_id, name="Night boats", currency="EUR")
        db.add(row)
        await db.flush()
        return row.id


async def press(browser: Browser, path: str, page: Element, wish: str, **typed: str) -> Element:
    """A button of the form with what is ticked and typed; the page that comes."""
    fields = {
        item.attributes["name"]: item.attributes.get("value", "on")
        for item in page.one("form", action=f"{path}/assign").all("input")
        if item.attributes.get("type") != "checkbox" or "checked" in item.attributes
    }
    answer = await browser.client.post(
        f"{path}/assign", data=fields | typed | {"wish": wish}, headers={"Origin": HOST}
    )
    if answer.status_code == 303:
        return await browser.page(answer.headers["location"])
    assert answer.status_code == 200, answer.text
    return parse(answer.text)


async def assigned(db_sessions: Sessions, tariff_id: UUID) -> int:
    async with db_sessions() as db:
        return int(
            await db.scalar(
                select(func.count())
                .select_from(t.TariffAssignment)
                .where(
                    t.TariffAssignment.tariff_id == tariff_id,
                    t.TariffAssignment.until_at.is_(None),
                )
            )
            or 0
        )


async def test_places_are_found_looked_at_assigned_and_undone(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in("finance")
    tariff_id = await other_tariff(db_sessions, network)
    path = f"/tariffs/{tariff_id}"
    assert f"{path}/assign" in (await browser.page(path)).links

    page = await browser.page(f"{path}/assign")
    page = await press(browser, path, page, "search", q="ham-0")
    names = {item.attributes.get("name") for item in page.all("input", type="checkbox")}
    assert {f"station.HAM-{number:02d}" for number in range(1, 10)} == names
    ticked = {"station.HAM-01": "on", "station.HAM-02": "on"}
    page = await press(browser, path, page, "search", q="harbour", **ticked)
    boxes = {
        item.attributes["name"]: "checked" in item.attributes
        for item in page.all("input", type="checkbox")
    }
    assert boxes["station.HAM-01"], "what was ticked before stays ticked"
    assert not boxes[f"site.{network.site_id}"]
    listed = "HAM-03 1\nNOWHERE\r\nHAM-02"
    site = {f"site.{network.site_id}": "on"}
    page = await press(browser, path, page, "preview", listed=listed, **site)
    assert "1 place cannot get it" in page.text
    assert "there is no station 'NOWHERE'" in page.text
    assert not [button for button in page.all("button", value="assign")]
    page = await press(browser, path, page, "leave-out", listed=listed)
    assert "4 places get Night boats" in page.text
    assert "1 place of those that get it has another tariff now" in page.text
    assert "Everyday" in page.one("table").text
    assert await assigned(db_sessions, tariff_id) == 0, "looking changes nothing"

    kept = page.one("textarea", name="listed").text
    assert kept == "HAM-03 1"
    again = await press(browser, path, page, "assign", listed=kept, looked_at="another")
    assert "Something changed meanwhile" in again.text
    page = await press(browser, path, page, "assign", listed=kept)
    assert "Assigned to 4 places" in page.text
    assert "1 had another, which ended" in page.text
    assert await assigned(db_sessions, tariff_id) == 4
    again = await press(browser, path, again, "assign", listed=kept)
    assert "Something changed meanwhile" in again.text, "sent twice"

    undo = page.one("form", action=f"{path}/assignments/undo")
    at = undo.one("input", name="at").attributes["value"]
    undone = await browser.send(f"{path}/assignments/undo", at=at)
    assert undone.status_code == 303, undone.text
    said = (await browser.page(path)).text
    assert "Undone at 4 places. 1 has the tariff of before again." in said
    assert await assigned(db_sessions, tariff_id) == 0
    async with db_sessions() as db:
        everyday = await db.get_one(t.TariffVersion, network.tariff_version)
        actions = (await db.scalars(select(t.AuditEntry.action))).all()
    assert await assigned(db_sessions, everyday.tariff_id) == 1
    assert actions.count("tariff.assign") == 5
    assert actions.count("tariff.unassign") == 4
    assert (await browser.send(f"{path}/assignments/undo", at=at)).status_code == 409
    assert (await browser.send(f"{path}/assignments/undo", at="then")).status_code == 422


async def test_what_cannot_be_assigned_is_said_on_the_page_and_nothing_is_done(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser, reader = await sign_in("finance"), await sign_in("support")
    tariff_id = await other_tariff(db_sessions, network)
    path = f"/tariffs/{tariff_id}"
    page = await browser.page(f"{path}/assign")

    for fields, said in (
        ({"listed": ""}, "Choose at least one place."),
        ({"listed": "HAM-01", "audience": "account:"}, "choose one of the list"),
        ({"listed": "\n".join(f"X-{n}" for n in range(501))}, "at most 500 at once"),
    ):
        shown = await press(browser, path, page, "preview", **fields)
        assert said in shown.text
    alone = await browser.send(f"{path}/assignments", station="HAM-01")
    assert alone.status_code == 303, alone.text
    async with db_sessions() as db:
        everyday = await db.get_one(t.TariffVersion, network.tariff_version)
    shown = await press(
        browser,
        f"/tariffs/{everyday.tariff_id}",
        await browser.page(f"/tariffs/{everyday.tariff_id}/assign"),
        "preview",
        listed="HAM-02\nHAM-03 1",
        **{f"site.{network.site_id}": "on"},
    )
    assert "2 places get Everyday" in shown.text
    assert "1 place has it already, and keeps it" in shown.text
    assert "1 station of these sites has another tariff of its own" in shown.text, "HAM-01"
    assert "HAM-03, EVSE 1" in shown.one("table").text
    assert (await reader.client.get(f"{path}/assign")).status_code == 403
    assert (await reader.send(f"{path}/assign", wish="search")).status_code == 403
    async with db_sessions.begin() as db:
        await db.execute(
            update(t.Tariff).where(t.Tariff.id == tariff_id).values(retired_at=func.now())
        )
    assert (await browser.client.get(f"{path}/assign")).status_code == 409
    assert await assigned(db_sessions, tariff_id) == 1, "by hand, and nothing else"


@pytest.mark.parametrize(
    ("listed", "places"),
    [
        ("", []),
        ("A-1\nA-2\r\n\n  A-3  ", [("A-1", None), ("A-2", None), ("A-3", None)]),
        ("A-1, A-2;A-1", [("A-1", None), ("A-2", None)]),
        ("A-1 2\nA-1  EVSE 3\nA-1", [("A-1", 2), ("A-1", 3), ("A-1", None)]),
        ("A-1 B-2", [("A-1 B-2", None)]),
    ],
    ids=["nothing", "lines", "commas and a repeat", "EVSEs", "no such line"],
)
def test_a_typed_list_has_a_place_a_line(listed: str, places: list[tuple[str, int | None]]) -> None:
    picked = read_picked({"listed": listed})

    assert [(place.station, place.evse) for place in picked.places] == places


def test_leaving_places_out_keeps_the_others_however_they_were_picked() -> None:
    form = {f"site.{SITE}": "on", "station.A-1": "on", "station.A-2": "on", "site.nonsense": "on"}
    picked = read_picked({**form, "listed": "A-2\nA-1 1\nB-1\nB-2"})
    names = [place.station or str(place.site_id) for place in picked.places]
    assert names == [str(SITE), "A-1", "A-2", "A-1", "B-1", "B-2"]

    rest = picked.without([1, 4])

    assert rest.places == (
        Scope(site_id=SITE),
        Scope(station="A-2"),
        Scope(station="A-1", evse=1),
        Scope(station="B-2"),
    )
