"""Rotation of a station's password in two phases: both are good until the station has chosen."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts import password_rotations as contract
from holdfast.contracts.names import password_workflow_id
from holdfast.services import audit
from holdfast.services.orders import place_order
from holdfast.services.outbox import notify, tell
from holdfast.services.passwords import PENDING_PURPOSE, hash_password, new_password
from holdfast.services.refusal import Conflict, NotFound
from holdfast.services.review_tasks import open_station_review
from holdfast.services.scope import belongs, owned
from holdfast.services.stations import find_station
from holdfast.store.sealing import seal
from holdfast.store.tables import Order, Organization, PasswordRotation, Station

OPEN_STATES = ("pending", "accepted")
BY_OURSELVES = "system:passwords"


def start_message(
    rotation: PasswordRotation,
    organization: Organization,
    station: Station,
    *,
    rebuilt: bool = False,
) -> contract.StartRotation:
    """What starts the rotation's workflow: no password."""
    return contract.StartRotation(
        rotation_id=rotation.id,
        organization=organization.slug,
        organization_id=organization.id,
        station_id=station.id,
        station=station.identity,
        site_id=station.site_id,
        reset=rotation.reset,
        deadline_at=rotation.deadline_at,
        rebuilt=rebuilt,
    )


async def begin_rotation(
    db: AsyncSession,
    secret_key: str,
    organization_id: UUID,
    identity: str,
    *,
    now: datetime,
    days: int,
    reset: bool,
    actor: str,
) -> PasswordRotation:
    """A new password, accepted beside the old one from now on, and sent by order. Audited.

    Raises NotFound, Conflict (no password yet, one under way, or an older one undecided).
    """
    station = await find_station(db, organization_id, identity, lock=True)
    await _check_ready(db, station)
    password = new_password()
    station.pending_password_hash = hash_password(secret_key, password)
    rotation = PasswordRotation(
        organization_id=organization_id,
        station_id=station.id,
        password_sealed=seal(
            secret_key, password.encode(), purpose=PENDING_PURPOSE, subject=str(station.id)
        ),
        reset=reset,
        deadline_at=now + timedelta(days=days),
        requested_by=actor,
    )
    db.add(rotation)
    await db.flush()
    organization = await db.get_one(Organization, organization_id)
    await tell(
        db,
        organization_id,
        password_workflow_id(rotation.id),
        operation="start",
        name=contract.WORKFLOW,
        message=start_message(rotation, organization, station),
    )
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="station.rotate_password",
        subject=f"station:{station.id}",
        details={"rotation": str(rotation.id), "reset": reset},
    )
    await notify(db, ["stations", "outbox"])
    await db.refresh(rotation)
    return rotation


async def _check_ready(db: AsyncSession, station: Station) -> None:
    if station.retired_at is not None:
        raise Conflict(f"station {station.identity!r} is retired")
    if station.password_hash is None:
        raise Conflict("the station has no password yet: give it one first")
    if station.security_profile == 3:
        # Its logins say nothing of a password: whether it took a new one would never be seen.
        raise Conflict("the station logs in with its certificate (profile 3), not with a password")
    if await open_rotation(db, station) is not None:
        raise Conflict("a rotation is under way")
    if station.pending_password_hash is not None:
        # Forgetting it could lock out a station that took it and never logged in since.
        raise Conflict(
            "the last rotation is undecided: the station has not logged in since; wait until it has"
        )


async def open_rotation(db: AsyncSession, station: Station) -> PasswordRotation | None:
    """The one under way."""
    return await db.scalar(
        owned(PasswordRotation, station.organization_id)
        .where(PasswordRotation.station_id == station.id, PasswordRotation.state.in_(OPEN_STATES))
        .order_by(PasswordRotation.id.desc())
        .limit(1)
    )


async def last_rotation(db: AsyncSession, station: Station) -> PasswordRotation | None:
    """The newest, whatever became of it."""
    return await db.scalar(
        owned(PasswordRotation, station.organization_id)
        .where(PasswordRotation.station_id == station.id)
        .order_by(PasswordRotation.id.desc())
        .limit(1)
    )


async def send(db: AsyncSession, rotation_id: UUID) -> contract.RotationSeen:
    """Place the order of the password, once. Raises NotFound."""
    rotation, station, organization = await _open(db, rotation_id)
    if rotation.state in OPEN_STATES:
        await place_order(
            db,
            organization=organization,
            station=station,
            kind="password",
            payload={},
            not_after=rotation.deadline_at,
            requested_by=rotation.requested_by,
            order_id=_order_id(rotation_id, "password"),
        )
    return await _seen(db, rotation)


async def reset(db: AsyncSession, rotation_id: UUID) -> contract.RotationSeen:
    """Order the restart that a person asked for, once. Raises NotFound."""
    rotation, station, organization = await _open(db, rotation_id)
    if rotation.state in OPEN_STATES:
        await place_order(
            db,
            organization=organization,
            station=station,
            kind="reset",
            payload={"type": "soft", "evse": None},
            not_after=rotation.deadline_at,
            requested_by=rotation.requested_by,
            order_id=_order_id(rotation_id, "reset"),
        )
    return await _seen(db, rotation)


async def look(db: AsyncSession, rotation_id: UUID) -> contract.RotationSeen:
    """How it stands; an accepted order makes the rotation accepted. Raises NotFound."""
    rotation, _, _ = await _open(db, rotation_id)
    seen = await _seen(db, rotation)
    if rotation.state == "pending" and seen.order == "accepted":
        rotation.state = "accepted"
        await notify(db, ["stations"])
        return seen.model_copy(update={"state": "accepted"})
    return seen


async def end(
    db: AsyncSession, rotation_id: UUID, reason: str, now: datetime
) -> contract.RotationSeen:
    """Record the failure and ask a person to look. Raises NotFound.

    The old password stays good. The new one does too until the station comes with the old one,
    which the gateway sees: only that proves that it never took the new one.
    """
    rotation, station, _ = await _open(db, rotation_id)
    if rotation.state in OPEN_STATES:
        rotation.state, rotation.reason, rotation.finished_at = "failed", reason, now
        rotation.password_sealed = None
        await open_station_review(db, station, kind="password_rotation", details={"reason": reason})
        await notify(db, ["stations"])
    return await _seen(db, rotation)


async def _open(
    db: AsyncSession, rotation_id: UUID
) -> tuple[PasswordRotation, Station, Organization]:
    rotation = await db.get(PasswordRotation, rotation_id)
    if rotation is None:
        raise NotFound("password rotation", rotation_id)
    # The station first, as the gateway locks them when the station logs in.
    station = await db.get_one(Station, rotation.station_id, with_for_update=True)
    await db.refresh(rotation, with_for_update=True)
    return rotation, station, await db.get_one(Organization, rotation.organization_id)


async def _seen(db: AsyncSession, rotation: PasswordRotation) -> contract.RotationSeen:
    order = await db.scalar(
        select(Order.state).where(
            belongs(Order, rotation.organization_id),
            Order.id == _order_id(rotation.id, "password"),
        )
    )
    return contract.RotationSeen(state=rotation.state, order=order)


def _order_id(rotation_id: UUID, what: str) -> UUID:
    return uuid5(rotation_id, what)
