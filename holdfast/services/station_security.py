"""How a station must prove itself: its security profile, and whether it may come at all."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import audit
from holdfast.services.network_changes import last_change
from holdfast.services.outbox import notify
from holdfast.services.password_rotations import last_rotation
from holdfast.services.refusal import Conflict, Invalid
from holdfast.services.scope import belongs, owned
from holdfast.services.station_certificates import list_certificates, list_requests
from holdfast.services.station_sockets import close_socket
from holdfast.services.stations import find_station
from holdfast.store.tables import (
    CertificateRequest,
    NetworkChange,
    Order,
    PasswordRotation,
    Station,
    StationCertificateRow,
    StationConnection,
    StationEvent,
)

PROFILES = (0, 1, 2, 3)
EVENTS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySeen:
    """Everything about one station's security."""

    station: Station
    least_profile: int
    connection: StationConnection | None
    certificates: list[StationCertificateRow]
    requests: list[CertificateRequest]
    rotation: PasswordRotation | None
    network: NetworkChange | None
    events: list[StationEvent]


def least_profile(station: Station) -> int:
    """The profile that it must use or exceed."""
    if station.security_profile is not None:
        return station.security_profile
    return 0 if station.password_hash is None else 1


async def see_security(db: AsyncSession, organization_id: UUID, identity: str) -> SecuritySeen:
    """Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    events = await db.scalars(
        owned(StationEvent, organization_id)
        .where(StationEvent.station_id == station.id, StationEvent.kind == "security")
        .order_by(StationEvent.received_at.desc())
        .limit(EVENTS_SHOWN)
    )
    return SecuritySeen(
        station=station,
        least_profile=least_profile(station),
        connection=await _connection(db, station),
        certificates=await list_certificates(db, station),
        requests=await list_requests(db, station),
        rotation=await last_rotation(db, station),
        network=await last_change(db, station),
        events=list(events),
    )


async def set_profile(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    profile: int,
    *,
    lower: bool,
    actor: str,
    reason: str,
) -> Station:
    """Ask for a profile. Audited.

    Upwards it counts from when the station has come with it (OCPP 2.0.1 A05.FR.06): until then the
    old one is good, so nothing is locked out. Downwards only where a person says so, at once.
    Raises NotFound, Invalid, Conflict (the station lacks what the profile needs).
    """
    if profile not in PROFILES:
        raise Invalid("profile", profile, "0, 1, 2 or 3")
    station = await find_station(db, organization_id, identity, lock=True)
    before = least_profile(station)
    if profile < before and not lower:
        raise Conflict(
            f"that is lower than the present profile {before}: stations never go down unless "
            "`lower` says so"
        )
    if profile > before:
        missing = await _missing(db, station, profile)
        if missing is not None:
            raise Conflict(missing)
    connection = await _connection(db, station)
    came_with = connection.security_profile if connection is not None else None
    if profile <= before or (came_with is not None and came_with >= profile):
        station.security_profile, station.wanted_security_profile = profile, None
    else:
        station.wanted_security_profile = profile
    station.changed_at = datetime.now(UTC)
    await db.flush()
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="station.security_profile",
        subject=f"station:{station.id}",
        reason=reason,
        details={"from": before, "to": profile},
    )
    await notify(db, ["stations"])
    return station


async def set_blocked(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    *,
    blocked: bool,
    actor: str,
    reason: str,
) -> Station:
    """Its socket is closed and it is refused with 403, or let in again. Audited. Raises
    NotFound."""
    station = await find_station(db, organization_id, identity, lock=True)
    if (station.blocked_at is not None) == blocked:
        return station
    station.blocked_at = datetime.now(UTC) if blocked else None
    station.changed_at = datetime.now(UTC)
    await db.flush()
    if blocked:
        await close_socket(db, station.id)
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="station.block" if blocked else "station.unblock",
        subject=f"station:{station.id}",
        reason=reason,
    )
    await notify(db, ["stations"])
    return station


async def _connection(db: AsyncSession, station: Station) -> StationConnection | None:
    return await db.scalar(
        owned(StationConnection, station.organization_id).where(
            StationConnection.station_id == station.id
        )
    )


async def _missing(db: AsyncSession, station: Station, profile: int) -> str | None:
    """What a station must have before it is asked for a higher profile (A05.FR.02, FR.03)."""
    if profile in (1, 2) and station.password_hash is None:
        return "the station has no password: give it one first"
    connection = await _connection(db, station)
    if connection is not None and (connection.security_profile or 0) >= profile:
        return None  # it has shown that it can
    by_tls = connection is not None and connection.tls_version is not None
    if profile >= 2 and not by_tls and not await _was_given_root(db, station):
        return (
            "the station has never come over TLS and took no root certificate of ours: install "
            "one first (order install_certificate, use central_system)"
        )
    if profile == 3 and not await _has_certificate(db, station):
        return "the station has no certificate of ours: ask it for a signing request first"
    return None


async def _was_given_root(db: AsyncSession, station: Station) -> bool:
    found = await db.scalar(
        select(Order.id)
        .where(
            belongs(Order, station.organization_id),
            Order.station_id == station.id,
            Order.kind == "install_certificate",
            Order.state == "accepted",
            Order.payload["use"].astext == "central_system",
        )
        .limit(1)
    )
    return found is not None


async def _has_certificate(db: AsyncSession, station: Station) -> bool:
    found = await db.scalar(
        select(StationCertificateRow.id)
        .where(
            belongs(StationCertificateRow, station.organization_id),
            StationCertificateRow.station_id == station.id,
            StationCertificateRow.use == "station",
            StationCertificateRow.installed_at.is_not(None),
            StationCertificateRow.revoked_at.is_(None),
            StationCertificateRow.not_after > func.now(),
        )
        .limit(1)
    )
    return found is not None
