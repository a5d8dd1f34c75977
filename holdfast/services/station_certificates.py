"""Certificates of stations: asked for, approved, handed over, renewed, revoked."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts import station_certificates as contract
from holdfast.contracts.names import certificate_workflow_id
from holdfast.services import audit
from holdfast.services.orders import place_order
from holdfast.services.outbox import notify, tell
from holdfast.services.refusal import Conflict, NotFound
from holdfast.services.review_tasks import open_station_review
from holdfast.services.scope import belongs, find, owned
from holdfast.services.signing_requests import SigningRequest
from holdfast.services.station_sockets import close_socket
from holdfast.store.tables import (
    CertificateRequest,
    Order,
    Organization,
    Station,
    StationCertificateRow,
)

OPEN_STATES = ("received", "approval", "signed")
HANDED_OVER_WITHIN = timedelta(days=2)
RENEWAL_WITHIN = timedelta(days=3)
RENEWALS_MAX = 50  # per round of upkeep: a fleet of one day's making is renewed over many
SHOWN = 20
BY_OURSELVES = "system:certificates"


def start_message(
    request: CertificateRequest,
    organization: Organization,
    station: Station,
    *,
    rebuilt: bool = False,
) -> contract.StartCertificate:
    """What starts the request's workflow."""
    return contract.StartCertificate(
        request_id=request.id,
        organization=organization.slug,
        organization_id=organization.id,
        station_id=station.id,
        station=station.identity,
        site_id=station.site_id,
        rebuilt=rebuilt,
    )


async def list_certificates(db: AsyncSession, station: Station) -> list[StationCertificateRow]:
    """The newest, newest first."""
    return list(
        await db.scalars(
            owned(StationCertificateRow, station.organization_id)
            .where(StationCertificateRow.station_id == station.id)
            .order_by(StationCertificateRow.id.desc())
            .limit(SHOWN)
        )
    )


async def list_requests(db: AsyncSession, station: Station) -> list[CertificateRequest]:
    """The newest, newest first."""
    return list(
        await db.scalars(
            owned(CertificateRequest, station.organization_id)
            .where(CertificateRequest.station_id == station.id)
            .order_by(CertificateRequest.id.desc())
            .limit(SHOWN)
        )
    )


async def must_be_approved(db: AsyncSession, request: CertificateRequest, approval: str) -> bool:
    """Whether a person must decide first; `approval` is the setting."""
    if request.decided_by is not None or approval == "automatic":
        return False
    if approval == "always":
        return True
    earlier = await db.scalar(
        select(func.count())
        .select_from(StationCertificateRow)
        .where(
            StationCertificateRow.station_id == request.station_id,
            StationCertificateRow.use == request.use,
            StationCertificateRow.installed_at.is_not(None),
            StationCertificateRow.revoked_at.is_(None),
        )
    )
    return not earlier


def wrong_name(
    signing: SigningRequest, request: CertificateRequest, station: Station
) -> str | None:
    """Why a certificate for this common name is not this station's to have; None where it is.

    2.0.1 A00.FR.404: the serial number; the identity is taken too, for stations that have not
    booted yet. A V2G certificate is named for the EVSE (ISO 15118), which we cannot check.
    """
    if request.use != "station":
        return None
    if signing.common_name in (station.identity, station.serial_number):
        return None
    return "the common name is neither the station's serial number nor its identity"


async def decide(
    db: AsyncSession,
    organization_id: UUID,
    request_id: UUID,
    *,
    approve: bool,
    actor: str,
    reason: str,
) -> CertificateRequest:
    """A person approves or refuses. Audited. Raises NotFound, Conflict (nothing to decide)."""
    request = await find(
        db, CertificateRequest, organization_id, request_id, "certificate request", lock=True
    )
    if request.state != "approval":
        raise Conflict(f"the request is {request.state}; there is nothing to decide")
    if request.decided_by is not None:
        raise Conflict("the request was approved before; its certificate is being signed")
    request.decided_by = actor
    if not approve:
        request.state, request.reason = "refused", reason
        request.finished_at = datetime.now(UTC)
    request.attention = None
    await db.flush()
    await tell(
        db,
        organization_id,
        certificate_workflow_id(request.id),
        operation="signal",
        name=contract.REQUEST_DECIDED,
        message=contract.RequestDecision(event_id=f"decided:{request.id}"),
    )
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="certificate_request.approve" if approve else "certificate_request.refuse",
        subject=f"station:{request.station_id}",
        reason=reason,
        details={"request": str(request.id), "use": request.use},
    )
    await notify(db, ["stations", "outbox"])
    return request


async def revoke(
    db: AsyncSession, organization_id: UUID, certificate_id: UUID, *, actor: str, reason: str
) -> StationCertificateRow:
    """It is refused, and a socket that showed it is closed. Audited. Raises NotFound, Conflict
    (revoked)."""
    row = await find(
        db, StationCertificateRow, organization_id, certificate_id, "certificate", lock=True
    )
    if row.revoked_at is not None:
        raise Conflict("the certificate was revoked before")
    row.revoked_at = datetime.now(UTC)
    await db.flush()
    await close_socket(db, row.station_id, certificate_serial=row.serial)
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="certificate.revoke",
        subject=f"station:{row.station_id}",
        reason=reason,
        details={"serial": row.serial, "use": row.use},
    )
    await notify(db, ["stations"])
    return row


async def ask_for_request(
    db: AsyncSession, organization: Organization, station: Station, *, requested_by: str
) -> Order:
    """Order the station to send a CSR: ExtendedTriggerMessage, TriggerMessage. Audited."""
    order = await place_order(
        db,
        organization=organization,
        station=station,
        kind="trigger",
        payload={"message": "SignCertificate"},
        not_after=datetime.now(UTC) + RENEWAL_WITHIN,
        requested_by=requested_by,
    )
    await audit.record(
        db,
        organization.id,
        actor=requested_by,
        action="station.certificate_request",
        subject=f"station:{station.id}",
        details={"order": str(order.id)},
    )
    return order


async def ask_for_renewals(db: AsyncSession, now: datetime, days: int) -> int:
    """Order CSRs of stations whose newest certificate ends within `days`; how many.

    A few at a time, those that end first before the others; each is asked again after three days
    without success. Stations that are retired are left alone.
    """
    newer = select(StationCertificateRow.station_id).where(
        StationCertificateRow.installed_at.is_not(None),
        StationCertificateRow.revoked_at.is_(None),
        StationCertificateRow.use == "station",
        StationCertificateRow.not_after > now + timedelta(days=days),
    )
    rows = await db.execute(
        select(StationCertificateRow, Station, Organization)
        .join(Station, Station.id == StationCertificateRow.station_id)
        .join(Organization, Organization.id == StationCertificateRow.organization_id)
        .where(
            StationCertificateRow.use == "station",
            StationCertificateRow.installed_at.is_not(None),
            StationCertificateRow.revoked_at.is_(None),
            StationCertificateRow.not_after.between(now, now + timedelta(days=days)),
            func.coalesce(StationCertificateRow.renewal_asked_at, now - timedelta(days=365))
            < now - RENEWAL_WITHIN,
            Station.retired_at.is_(None),
            StationCertificateRow.station_id.not_in(newer),
        )
        .order_by(StationCertificateRow.not_after)
        .limit(RENEWALS_MAX)
        .with_for_update(of=StationCertificateRow, skip_locked=True)
    )
    asked: set[UUID] = set()
    for row, station, organization in rows.all():
        row.renewal_asked_at = now
        if station.id not in asked:
            asked.add(station.id)
            await ask_for_request(db, organization, station, requested_by=BY_OURSELVES)
    await db.flush()
    return len(asked)


async def open_request(
    db: AsyncSession, request_id: UUID
) -> tuple[CertificateRequest, Station, Organization]:
    """The request, locked, with whose it is. Raises NotFound."""
    request = await db.get(CertificateRequest, request_id, with_for_update=True)
    if request is None:
        raise NotFound("certificate request", request_id)
    station = await db.get_one(Station, request.station_id)
    organization = await db.get_one(Organization, request.organization_id)
    return request, station, organization


async def certificate_of(
    db: AsyncSession, request: CertificateRequest
) -> StationCertificateRow | None:
    """What was signed for a request."""
    return await db.scalar(
        owned(StationCertificateRow, request.organization_id).where(
            StationCertificateRow.request_id == request.id
        )
    )


async def hand_over(
    db: AsyncSession, request_id: UUID, attempt: int, now: datetime
) -> contract.RequestSeen:
    """Place the order of this attempt; a repeat finds it placed. Raises NotFound."""
    request, station, organization = await open_request(db, request_id)
    certificate = await certificate_of(db, request)
    if certificate is None:
        raise NotFound("certificate of request", request_id)
    await place_order(
        db,
        organization=organization,
        station=station,
        kind="certificate_signed",
        payload={
            "use": request.use,
            "chain": certificate.chain_pem,
            "request_id": request.station_request_id,
        },
        not_after=now + HANDED_OVER_WITHIN,
        requested_by=BY_OURSELVES,
        order_id=_order_id(request_id, attempt),
    )
    return await look(db, request_id, attempt)


async def look(db: AsyncSession, request_id: UUID, attempt: int) -> contract.RequestSeen:
    """How the request and the order of this attempt stand. Raises NotFound."""
    request = await db.get(CertificateRequest, request_id)
    if request is None:
        raise NotFound("certificate request", request_id)
    order = await db.scalar(
        select(Order.state).where(
            belongs(Order, request.organization_id), Order.id == _order_id(request_id, attempt)
        )
    )
    return contract.RequestSeen(state=request.state, order=order, reason=request.reason)


async def end(
    db: AsyncSession, request_id: UUID, state: str, reason: str | None, now: datetime
) -> contract.RequestSeen:
    """Write how it ended, once; where it went wrong a person is asked. Raises NotFound."""
    request, station, _ = await open_request(db, request_id)
    if request.state in OPEN_STATES:
        request.state, request.reason, request.finished_at = state, reason, now
        certificate = await certificate_of(db, request)
        if certificate is not None and state == "installed":
            certificate.installed_at = now
        if state != "installed":
            await open_station_review(
                db, station, kind="certificate", details={"use": request.use, "reason": reason}
            )
        await notify(db, ["stations"])
    return contract.RequestSeen(state=request.state, reason=request.reason)


def _order_id(request_id: UUID, attempt: int) -> UUID:
    return uuid5(request_id, f"certificate_signed:{attempt}")
