"""Signed values at the settlement and after it: verified without the row's lock, told where a
session is read."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import insert, select

from activities.sessions import Sessions as SessionActivities
from holdfast.contracts.late_truth import LateOrder
from holdfast.contracts.ports import SignatureCheck
from holdfast.contracts.sessions import SettleOrder
from holdfast.services import meter_keys
from holdfast.services.evidence import ReadingsChanged
from holdfast.services.ocmf import OcmfSignatures
from holdfast.services.sessions import see_session
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import MeterKey, SignedReading, Station
from tests.activities.rows import Network, account, review_kinds, session, settlement_of
from tests.signed_meter import SigningMeter

METER = SigningMeter()


class WatchedSignatures(OcmfSignatures):
    """Verifies, and does something of its own meanwhile."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile

    def check(self, record: str, keys: Sequence[str]) -> SignatureCheck:
        self._meanwhile()
        return super().check(record, keys)


async def signed(
    db_sessions: Sessions, made: Network, session_id: UUID, *readings: tuple[str, float]
) -> None:
    """A signed value of the session, by a meter whose key a person stands for."""
    async with db_sessions.begin() as db:
        if await db.scalar(select(MeterKey.id)) is None:
            station = await db.get_one(Station, made.station_id)
            await meter_keys.add_key(
                db,
                made.organization_id,
                station.identity,
                evse=0,
                public_key=METER.public_key,
                checker=OcmfSignatures(),
                now=datetime.now(UTC),
            )
        await db.execute(
            insert(SignedReading).values(
                organization_id=made.organization_id,
                station_id=made.station_id,
                session_id=session_id,
                evse=1,
                received_at=datetime.now(UTC),
                at=datetime.now(UTC),
                data=METER.record(*readings).encode(),
                digest=uuid4(),
            )
        )


@pytest.fixture
async def billed(db_sessions: Sessions, made: Network) -> UUID:
    """An ended session of 20 kWh, to be invoiced."""
    account_id, token_id = await account(db_sessions, made, billing="invoice")
    return await session(
        db_sessions, made, account_id=account_id, token_id=token_id,
        tariff_version_id=made.tariff_version_id,
    )  # fmt: skip


async def test_the_sessions_row_is_free_while_its_signatures_are_verified(
    settings: Settings, db_sessions: Sessions, database_url: str, made: Network, billed: UUID
) -> None:
    locked = 0

    def lock_the_row() -> None:
        nonlocal locked
        with psycopg.connect(database_url) as connection:
            connection.execute("SELECT 1 FROM sessions WHERE id = %s FOR UPDATE NOWAIT", (billed,))
            locked += 1

    steps = SessionActivities(db_sessions, settings, WatchedSignatures(lock_the_row))
    await signed(db_sessions, made, billed, ("B", 100.0), ("E", 120.0))

    settled = await steps.settle_session(SettleOrder(session_id=billed))
    await steps.reprice_session(LateOrder(session_id=billed))

    assert (settled.outcome, locked) == ("invoiced", 2)
    assert await review_kinds(db_sessions, billed) == []


async def test_a_value_that_came_while_others_were_verified_is_verified_by_the_next_attempt(
    settings: Settings, db_sessions: Sessions, database_url: str, made: Network, billed: UUID
) -> None:
    def send_another() -> None:
        with psycopg.connect(database_url) as connection:
            connection.execute(
                "INSERT INTO signed_readings (organization_id, station_id, session_id, evse,"
                " received_at, at, data, digest) SELECT organization_id, station_id, session_id,"
                " evse, received_at, at, data, gen_random_uuid() FROM signed_readings LIMIT 1"
            )

    await signed(db_sessions, made, billed, ("B", 100.0), ("E", 120.0))
    steps = SessionActivities(db_sessions, settings, WatchedSignatures(send_another))
    with pytest.raises(ReadingsChanged):
        await steps.settle_session(SettleOrder(session_id=billed))
    assert await settlement_of(db_sessions, billed) is None

    again = SessionActivities(db_sessions, settings, OcmfSignatures())
    assert (await again.settle_session(SettleOrder(session_id=billed))).outcome == "invoiced"


async def test_what_was_signed_for_is_held_against_a_settled_session_again(
    settings: Settings, db_sessions: Sessions, made: Network, billed: UUID
) -> None:
    steps = SessionActivities(db_sessions, settings, OcmfSignatures())
    await steps.settle_session(SettleOrder(session_id=billed))
    await signed(db_sessions, made, billed, ("B", 100.0), ("E", 121.5))

    result = await steps.reprice_session(LateOrder(session_id=billed))

    assert (result.difference_minor, result.review_opened) == (0, True)
    assert await review_kinds(db_sessions, billed) == ["signed_energy_differs"]
    settled = await settlement_of(db_sessions, billed)
    assert settled is not None
    assert settled.amount_minor == 1000
    async with db_sessions() as db:
        seen = await see_session(db, made.organization_id, billed)
    assert seen.session.findings == []
    assert seen.findings == [
        {
            "code": "signed_energy_differs",
            "severity": "block",
            "detail": "signed for 21500 Wh, counted 20000 Wh",
        }
    ]
