"""The public keys of a station's meters: told by stations, typed in or confirmed by people."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.ports import SignatureChecker
from holdfast.domain.signed_record import public_key_hex
from holdfast.services.refusal import Conflict, Invalid, NotFound
from holdfast.services.scope import owned
from holdfast.store.tables import MeterKey, Station

KEYS_MAX = 500


async def list_keys(db: AsyncSession, organization_id: UUID, identity: str) -> Sequence[MeterKey]:
    """Newest first, the retired ones too. Raises NotFound."""
    station = await _station(db, organization_id, identity)
    rows = await db.scalars(
        owned(MeterKey, organization_id)
        .where(MeterKey.station_id == station.id)
        .order_by(MeterKey.id.desc())
        .limit(KEYS_MAX)
    )
    return rows.all()


async def add_key(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    *,
    evse: int,
    public_key: str,
    checker: SignatureChecker,
    now: datetime,
) -> MeterKey:
    """A key from the register or the meter's plate: trusted. One that the station told of already
    becomes trusted. Raises NotFound, Invalid."""
    station = await _station(db, organization_id, identity)
    key = public_key_hex(public_key)
    problem = "write its DER in hex or base64, or PEM" if key is None else checker.key_problem(key)
    if key is None or problem is not None:
        raise Invalid("public_key", public_key, problem or "")
    statement = insert(MeterKey).values(
        organization_id=organization_id,
        station_id=station.id,
        evse=evse,
        public_key=key,
        source="register",
        confirmed_at=now,
    )
    row = await db.scalars(
        statement.on_conflict_do_update(
            index_elements=["station_id", "evse", "public_key"],
            set_={"source": "register", "confirmed_at": now, "retired_at": None},
        ).returning(MeterKey)
    )
    return row.one()


async def confirm_key(
    db: AsyncSession, organization_id: UUID, identity: str, key_id: UUID, now: datetime
) -> MeterKey:
    """A person stands for a key that the station told of. A repeat changes nothing.
    Raises NotFound, Conflict."""
    key = await _key(db, organization_id, identity, key_id)
    if key.retired_at is not None:
        raise Conflict("the key is retired: add it again")
    key.confirmed_at = key.confirmed_at or now
    await db.flush()
    return key


async def retire_key(
    db: AsyncSession, organization_id: UUID, identity: str, key_id: UUID, now: datetime
) -> MeterKey:
    """It verifies nothing from now on; what it verified stays verified. Raises NotFound."""
    key = await _key(db, organization_id, identity, key_id)
    key.retired_at = key.retired_at or now
    await db.flush()
    return key


async def _key(db: AsyncSession, organization_id: UUID, identity: str, key_id: UUID) -> MeterKey:
    station = await _station(db, organization_id, identity)
    key = await db.scalar(
        owned(MeterKey, organization_id)
        .where(MeterKey.station_id == station.id, MeterKey.id == key_id)
        .with_for_update()
    )
    if key is None:
        raise NotFound("meter key", key_id)
    return key


async def _station(db: AsyncSession, organization_id: UUID, identity: str) -> Station:
    station = await db.scalar(owned(Station, organization_id).where(Station.identity == identity))
    if station is None:
        raise NotFound("station", identity)
    return station
