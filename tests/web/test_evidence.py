"""Signed meter values on a session's page, and the keys of a station's meters."""

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import insert, select

from holdfast.store import tables as t
from holdfast.store.database import Sessions
from tests.signed_meter import SigningMeter
from tests.web.conftest import SignIn
from tests.web.network import Network

METER = SigningMeter()


async def sign(db_sessions: Sessions, network: Network, text: str) -> None:
    async with db_sessions.begin() as db:
        session = await db.get_one(t.Session, network.settled)
        await db.execute(
            insert(t.SignedReading).values(
                organization_id=network.organization_id,
                station_id=session.station_id,
                session_id=session.id,
                evse=1,
                received_at=datetime.now(UTC),
                at=datetime.now(UTC),
                data=text.encode(),
                digest=uuid4(),
            )
        )


async def test_a_key_is_added_and_the_session_says_that_its_values_are_verified(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    record = METER.record(("B", 1.0), ("E", 2.0))
    await sign(db_sessions, network, record)
    browser = await sign_in()
    page = f"/sessions/{network.settled}"
    assert "1 not verified" in (await browser.page(page)).text

    await browser.send("/stations/HAM-02/meter-keys", public_key=METER.public_key)
    keys = await browser.page("/stations/HAM-02/meter-keys")
    assert METER.public_key in keys.text
    assert "Typed in from the register" in keys.text

    await browser.send(f"{page}/signed-readings/verify")
    assert "Verified" in (await browser.page(f"{page}/signed-readings")).text
    assert "1 verified" in (await browser.page(page)).text
    download = await browser.client.get(f"{page}/signed-readings.json")
    assert [item["data"] for item in download.json()] == [record]
    async with db_sessions() as db:
        actions = set(await db.scalars(select(t.AuditEntry.action)))
    assert {"meter_key.add", "session.verify_signatures"} <= actions


async def test_a_key_is_retired_with_a_reason(
    sign_in: SignIn, network: Network, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        key = await db.scalar(
            insert(t.MeterKey)
            .values(
                organization_id=network.organization_id,
                station_id=network.stations["HAM-02"],
                public_key=METER.public_key,
                source="data_transfer",
            )
            .returning(t.MeterKey.id)
        )
    browser = await sign_in()
    path = "/stations/HAM-02/meter-keys"
    assert "Told by the station" in (await browser.page(path)).text

    await browser.send(f"{path}/{key}/retire", reason="another meter now")

    assert "Retired" in (await browser.page(path)).text
    async with db_sessions() as db:
        entry = (
            await db.scalars(select(t.AuditEntry).where(t.AuditEntry.action == "meter_key.retire"))
        ).one()
    assert entry.reason == "another meter now"
