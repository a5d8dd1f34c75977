"""Signed meter values: verified with a key that a person stands for, held against the bill."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.ports import SignatureCheck
from holdfast.services import evidence, meter_keys
from holdfast.services.ocmf import NOT_INSTALLED, OcmfSignatures
from holdfast.services.refusal import Conflict, Invalid
from holdfast.store.database import Sessions
from holdfast.store.tables import MeterKey, ReviewTask, Session, SignedReading, Station
from tests.signed_meter import SigningMeter

T0 = datetime(2026, 11, 1, 12, tzinfo=UTC)
METER = SigningMeter()


@dataclass(frozen=True)
class Charged:
    """A session of 12.345 kWh on station S-1."""

    db_sessions: Sessions
    organization: UUID
    station: UUID
    session: UUID

    async def sign(self, data: str) -> None:
        async with self.db_sessions.begin() as db:
            await db.execute(
                insert(SignedReading).values(
                    organization_id=self.organization,
                    station_id=self.station,
                    session_id=self.session,
                    evse=1,
                    received_at=T0,
                    at=T0,
                    data=data.encode(),
                    digest=uuid4(),
                )
            )

    async def know(self, meter: SigningMeter) -> None:
        async with self.db_sessions.begin() as db:
            await meter_keys.add_key(
                db,
                self.organization,
                "S-1",
                evse=0,
                public_key=meter.public_key,
                checker=OcmfSignatures(),
                now=T0,
            )

    async def judge(self) -> evidence.Judgement:
        async with self.db_sessions.begin() as db:
            session = await db.get_one(Session, self.session)
            verdicts = await evidence.verdicts_of(db, self.session, OcmfSignatures())
            return await evidence.judge(db, session, verdicts, datetime.now(UTC))


@pytest.fixture
async def charged(db_sessions: Sessions, organization: UUID) -> Charged:
    async with db_sessions.begin() as db:
        station = await _one(
            db, insert(Station).values(organization_id=organization, identity="S-1")
        )
        session = await _one(
            db,
            insert(Session).values(
                organization_id=organization,
                station_id=station,
                evse=1,
                started_at=T0,
                ended_at=T0 + timedelta(hours=1),
                energy_wh=12_345,
            ),
        )
    return Charged(db_sessions, organization, station, session)


async def _one(db: AsyncSession, statement: object) -> UUID:
    row = await db.execute(statement.returning(statement.table.c.id))  # type: ignore[attr-defined]
    found: UUID = row.scalar_one()
    return found


async def test_a_record_verifies_with_the_key_of_its_meter_in_every_wrapping(
    charged: Charged,
) -> None:
    record = METER.record(("B", 100.0), ("E", 112.345))
    await charged.know(METER)
    for wrapped in (record, base64.b64encode(record.encode()).decode(), record.encode().hex()):
        await charged.sign(wrapped)

    judged = await charged.judge()

    assert [(row.verified, row.problem) for row in judged.readings] == [(True, None)] * 3
    assert all(row.key_id is not None for row in judged.readings)
    assert (judged.signed_wh, judged.findings) == (12_345, ())


async def test_the_end_counts_however_many_values_were_signed_before_it(charged: Charged) -> None:
    """A station that signs a value every few seconds must not push the end out of sight."""
    await charged.know(METER)
    await charged.sign(METER.record(("B", 100.0), ("E", 113.345)))
    async with charged.db_sessions.begin() as db:
        await db.execute(update(SignedReading).values(at=T0 + timedelta(hours=1)))
        await db.execute(
            insert(SignedReading),
            [
                {
                    "organization_id": charged.organization,
                    "station_id": charged.station,
                    "session_id": charged.session,
                    "evse": 1,
                    "received_at": T0,
                    "at": T0 + timedelta(seconds=number),
                    "data": b"-",
                    "digest": uuid4(),
                }
                for number in range(evidence.READINGS_MAX)
            ],
        )

    judged = await charged.judge()

    assert len(judged.readings) == evidence.READINGS_MAX
    assert judged.signed_wh == 13_345
    assert [found.code for found in judged.findings] == ["signed_energy_differs"]


@pytest.mark.parametrize(("was", "becomes"), [("112.345", "113.345"), ('"E"', '"C"')])
async def test_a_record_that_was_touched_does_not_and_blocks_the_bill(
    charged: Charged, was: str, becomes: str
) -> None:
    await charged.know(METER)
    await charged.sign(METER.record(("B", 100.0), ("E", 112.345)).replace(was, becomes))

    judged = await charged.judge()

    assert [row.verified for row in judged.readings] == [False]
    assert [(found.code, found.severity.value) for found in judged.findings] == [
        ("signature_wrong", "block")
    ]


async def test_another_meters_key_does_not_verify_it(charged: Charged) -> None:
    await charged.know(SigningMeter("another"))
    await charged.sign(METER.record(("B", 100.0), ("E", 112.345)))

    assert [row.verified for row in (await charged.judge()).readings] == [False]


async def test_a_key_that_nobody_stands_for_verifies_nothing(charged: Charged) -> None:
    async with charged.db_sessions.begin() as db:
        key = await _one(
            db,
            insert(MeterKey).values(
                organization_id=charged.organization,
                station_id=charged.station,
                public_key=METER.public_key,
                source="signed_value",
            ),
        )
    await charged.sign(METER.record(("B", 100.0), ("E", 112.345)))

    (before,) = (await charged.judge()).readings
    assert (before.verified, before.problem) == (None, "no confirmed key of this meter")
    async with charged.db_sessions.begin() as db:
        await meter_keys.confirm_key(db, charged.organization, "S-1", key, T0)
    (after,) = (await charged.judge()).readings
    assert (after.verified, after.key_id) == (True, key)
    async with charged.db_sessions.begin() as db:
        await meter_keys.retire_key(db, charged.organization, "S-1", key, T0)
        with pytest.raises(Conflict, match="retired"):
            await meter_keys.confirm_key(db, charged.organization, "S-1", key, T0)
    (last,) = (await charged.judge()).readings
    assert last.verified is None


async def test_a_verified_record_of_another_energy_blocks_the_bill(charged: Charged) -> None:
    """As in the field: 947 Wh were shown, the meter had signed for 1218."""
    await charged.know(METER)
    await charged.sign(METER.record(("B", 100.0)))
    await charged.sign(METER.record(("E", 112.616)))

    judged = await charged.judge()

    (found,) = judged.findings
    assert (found.code, found.severity.value) == ("signed_energy_differs", "block")
    assert found.detail == "signed for 12616 Wh, counted 12345 Wh"


async def test_one_that_nobody_could_verify_only_asks_for_a_look(charged: Charged) -> None:
    await charged.sign(METER.record(("B", 100.0), ("E", 112.616)))

    judged = await charged.judge()

    assert [found.severity.value for found in judged.findings] == ["review"]
    async with charged.db_sessions() as db:
        tasks = await db.scalars(select(ReviewTask.kind))
        assert list(tasks) == ["signed_energy_differs"]


async def test_a_rounding_is_no_difference(charged: Charged) -> None:
    await charged.know(METER)
    await charged.sign(METER.record(("B", 100.0), ("E", 112.347)))

    assert (await charged.judge()).findings == ()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("EDL|1|2", evidence.NO_RECORD),
        ("OCMF|{}|{}", "unreadable: OcmfPayloadError"),
        ("OCMF|x", "unreadable: OcmfFormatError"),
    ],
)
async def test_what_cannot_be_read_is_kept_and_says_why(
    charged: Charged, data: str, problem: str
) -> None:
    await charged.know(METER)
    await charged.sign(data)

    (row,) = (await charged.judge()).readings

    assert (row.verified, row.problem, row.data) == (None, problem, data.encode())


async def test_without_the_extra_nothing_is_decided(charged: Charged) -> None:
    class WithoutExtra(OcmfSignatures):
        def check(self, record: str, keys: object) -> SignatureCheck:
            return SignatureCheck(verified=None, problem=NOT_INSTALLED)

    await charged.sign(METER.record(("B", 1.0)))
    async with charged.db_sessions.begin() as db:
        session = await db.get_one(Session, charged.session)
        verdicts = await evidence.verdicts_of(db, session.id, WithoutExtra())
        judged = await evidence.judge(db, session, verdicts, T0)

    assert [row.problem for row in judged.readings] == [NOT_INSTALLED]


@pytest.mark.parametrize("key", ["00" * 40, "30" * 60, "not a key at all, however long it is, no"])
async def test_a_key_that_is_none_is_refused(charged: Charged, key: str) -> None:
    async with charged.db_sessions.begin() as db:
        with pytest.raises(Invalid, match="public_key"):
            await meter_keys.add_key(
                db,
                charged.organization,
                "S-1",
                evse=0,
                public_key=key,
                checker=OcmfSignatures(),
                now=T0,
            )
