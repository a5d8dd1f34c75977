"""The security page of a station: what it shows, who may change it."""

from sqlalchemy import select

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.web.conftest import SignIn
from tests.web.network import Network

PAGE = "/stations/HAM-01/security"


async def test_the_security_of_a_station_is_shown_and_changed_by_those_who_may(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    browser = await sign_in()
    page = await browser.page(PAGE)
    blocked = await browser.send(f"{PAGE}/block", blocked="yes", reason="stolen")
    async with db_sessions() as db:
        station = await db.scalar(select(t.Station).where(t.Station.identity == "HAM-01"))
        entry = await db.scalar(select(t.AuditEntry).where(t.AuditEntry.action == "station.block"))
    reader = await (await sign_in("read-only")).page(PAGE)

    assert "How it proves itself" in page.text
    assert blocked.status_code == 303
    assert station is not None
    assert station.blocked_at is not None
    assert entry is not None
    assert entry.reason == "stolen"
    assert "Blocked" in reader.text
    assert not list(reader.all("form", action=f"{PAGE}/block"))
