"""The page of what a station told of itself."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import insert, select

from holdfast.store.database import Sessions
from holdfast.store.tables import Station, StationEvent
from tests.web.conftest import SignIn
from tests.web.network import Network


async def test_a_station_shows_its_events_with_their_urgency(
    sign_in: SignIn, network: Network, db_sessions: Sessions, organization: UUID
) -> None:
    browser = await sign_in()
    empty = await browser.page("/stations/HAM-01/events")
    assert "No event" in empty.text
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        station_id = await db.scalar(select(Station.id).where(Station.identity == "HAM-01"))
        row = {"received_at": now, "organization_id": organization, "station_id": station_id}
        row |= {"at": now, "details": {"techInfo": "<b>lid</b>"}}
        for kind, name in (("security", "TamperDetectionActivated"), ("log", "Uploaded")):
            await db.execute(insert(StationEvent).values(**row, kind=kind, name=name, evse=2))

    page = await browser.page("/stations/HAM-01/events")
    logs = await browser.page("/stations/HAM-01/events?kind=log")

    assert "Critical" in page.text
    assert "TamperDetectionActivated" in page.text
    assert "EVSE 2" in page.text
    assert "<b>lid</b>" in page.text, "details are text, not markup"
    assert {link.text for link in page.all("a", aria_current="page")} == {"Stations", "Events"}
    assert "TamperDetectionActivated" not in logs.text
    assert "Uploaded" in logs.text
    await browser.page("/stations/NOT-THERE/events", status=404)


async def test_who_may_not_read_messages_may_not_read_events(
    sign_in: SignIn, network: Network
) -> None:
    browser = await sign_in("finance")

    await browser.page("/stations/HAM-01/events", status=403)
    page = await browser.page("/stations/HAM-01")

    assert not [link for link in page.links if link.endswith("/events")]
