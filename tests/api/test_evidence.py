"""Signed meter values and meter keys by way of the API."""

from uuid import UUID, uuid4

import httpx
from sqlalchemy import insert, select

from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, Session, SignedReading
from tests.api.installation import STARTED, install
from tests.signed_meter import SigningMeter

METER = SigningMeter()
BECAUSE = {"reason": "read from the meter's plate"}


async def test_a_signed_value_is_shown_as_sent_and_verified_once_its_key_is_known(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: UUID
) -> None:
    acme = await install(db_sessions, organization, "ACME")
    record = METER.record(("B", 1.0), ("E", 3.0))
    async with db_sessions.begin() as db:
        session = await db.get_one(Session, acme.session)
        await db.execute(
            insert(SignedReading).values(
                organization_id=organization,
                station_id=session.station_id,
                session_id=session.id,
                evse=1,
                received_at=STARTED,
                at=STARTED,
                data=record.encode(),
                digest=uuid4(),
            )
        )
    path = f"/api/v1/sessions/{acme.session}/signed-readings"

    shown = (await client.get(path)).json()["items"]
    assert [item["data"] for item in shown] == ["EDL|signed", record]
    assert [item["verified"] for item in shown] == [None, None]

    keys = "/api/v1/stations/ACME-1/meter-keys"
    added = await client.post(keys, json={"public_key": METER.public_key, "evse": 1})
    assert added.status_code == 201
    assert (added.json()["source"], added.json()["retired_at"]) == ("register", None)

    verified = (await client.post(f"{path}/verify", json=BECAUSE)).json()
    assert [item["verified"] for item in verified["items"]] == [None, True]
    assert (verified["signed_wh"], verified["findings"]) == (2000, [])
    assert verified["items"][1]["meter_key"] == added.json()["id"]


async def test_keys_are_added_confirmed_and_retired_and_each_is_audited(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: UUID
) -> None:
    acme = await install(db_sessions, organization, "ACME")
    keys = "/api/v1/stations/ACME-1/meter-keys"
    told = acme.ids["meter_key_id"]

    confirmed = await client.post(f"{keys}/{told}/confirm", json=BECAUSE)
    assert confirmed.json()["confirmed_at"] is not None
    retired = await client.post(f"{keys}/{told}/retire", json=BECAUSE)
    assert retired.json()["retired_at"] is not None
    assert (await client.post(f"{keys}/{told}/confirm", json=BECAUSE)).status_code == 409
    refused = await client.post(keys, json={"public_key": "no key at all" * 4})
    assert refused.status_code == 422

    assert [item["id"] for item in (await client.get(keys)).json()["items"]] == [told]
    async with db_sessions() as db:
        actions = await db.scalars(select(AuditEntry.action).order_by(AuditEntry.id))
        assert list(actions) == ["meter_key.confirm", "meter_key.retire"]
