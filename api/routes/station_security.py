"""Security of stations: profiles, certificates, passwords on their way, network profiles."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints

from api.routes.fields import Identity, Input, Output
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.principal import NetworkWriter, Reader
from holdfast.http.wrong_values import Said
from holdfast.services import (
    network_changes,
    organizations,
    password_rotations,
    station_certificates,
    station_security,
    stations,
)
from holdfast.services.scope import owned
from holdfast.settings import Settings
from holdfast.store.tables import (
    Authority,
    CertificateRequest,
    NetworkChange,
    PasswordRotation,
    StationCertificateRow,
    StationEvent,
)

router = APIRouter(tags=["security"], route_class=IdempotentRoute)

Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class LastConnectionShown(Output):
    """How the station came last."""

    security_profile: int | None
    tls_version: str | None
    tls_cipher: str | None
    certificate_serial: str | None
    certificate_expires_at: datetime | None
    remote_address: str | None
    connected_at: datetime | None


class CertificateShown(Output):
    """A certificate that we signed for the station."""

    id: UUID
    use: str
    subject: str
    serial: str
    not_before: datetime
    not_after: datetime
    installed_at: datetime | None
    revoked_at: datetime | None


class RequestShown(Output):
    """A CSR of the station; `approval` waits for a person."""

    id: UUID
    use: str
    state: str
    reason: str | None
    received_at: datetime
    finished_at: datetime | None


class RotationShown(Output):
    """A new password on its way. The password itself is shown nowhere."""

    id: UUID
    state: str
    reason: str | None
    deadline_at: datetime
    created_at: datetime
    finished_at: datetime | None


class NetworkChangeShown(Output):
    """A change of how the station reaches us."""

    id: UUID
    state: str
    slot: int
    profile: dict[str, Any]
    priority_before: str
    reason: str | None
    deadline_at: datetime
    created_at: datetime
    finished_at: datetime | None


class SecurityEventShown(Output):
    """A security event, as the station or the gateway told it."""

    at: datetime
    name: str | None
    details: dict[str, Any]


class SecurityShown(Output):
    """`least_profile` must be used or exceeded; `wanted_profile` will be once it was seen."""

    identity: str
    least_profile: int
    wanted_profile: int | None
    blocked_at: datetime | None
    has_password: bool
    connection: LastConnectionShown | None
    certificates: list[CertificateShown]
    requests: list[RequestShown]
    rotation: RotationShown | None
    network_change: NetworkChangeShown | None
    events: list[SecurityEventShown]


class ProfileForm(Input):
    """`lower` allows a profile below the present one."""

    profile: Annotated[int, Field(ge=0, le=3)]
    lower: bool = False
    reason: Reason


class BlockForm(Input):
    """Refuse the station, or let it in again."""

    blocked: bool
    reason: Reason


class RotationForm(Input):
    """`reset`: restart the station once it took the password, so that it logs in with it."""

    reset: bool = False


class CertificateDecisionForm(Input):
    """Approve or refuse a certificate request."""

    approve: bool
    reason: Reason


class RevocationForm(Input):
    """Why the certificate is good no longer."""

    reason: Reason


class SlotProfileForm(Input):
    """OCPP 2.x NetworkConnectionProfile, without credentials: the station keeps those it has."""

    url: Annotated[
        str,
        StringConstraints(max_length=512, pattern=r"^wss?://[^\s]+$"),
        Said("use a URL that begins with wss:// or ws://, of at most 512 characters"),
    ]
    security_profile: Annotated[int, Field(ge=0, le=3)]
    message_timeout_s: Annotated[int, Field(ge=1, le=600)] = 30
    interface: Annotated[
        str,
        StringConstraints(pattern=r"^(Wired|Wireless)[0-3]$"),
        Said("use Wired0 to Wired3, or Wireless0 to Wireless3"),
    ] = "Wired0"
    ocpp_version: Literal["2.0.1", "2.1"] | None = None


class NetworkChangeForm(Input):
    """`slot` must be free; `priority` is the station's list of slots as it is now, as in "1".
    Without it, what the station told last of NetworkConfigurationPriority."""

    slot: Annotated[int, Field(ge=0, le=99)]
    priority: (
        Annotated[
            str,
            StringConstraints(pattern=r"^\d{1,2}(,\d{1,2}){0,19}$"),
            Said("use at most 20 slots, the first choice first, such as 1,0"),
        ]
        | None
    ) = None
    profile: SlotProfileForm
    reset: bool = True
    hours: Annotated[int, Field(ge=1, le=720)] = 24


class ServerRootShown(Output):
    """PEM; null where HOLDFAST_GATEWAY_TLS_ROOT names no file."""

    certificate: str | None


class OwnAuthorityShown(Output):
    """Certificates in PEM; null where nothing was signed yet."""

    issuing: str | None
    root: str | None


class Asked(Output):
    """An order was placed."""

    order: UUID


@router.get("/stations/{identity}/security")
async def read_security(identity: Identity, db: Db, reader: Reader) -> SecurityShown:
    """Profile, last handshake, certificates, and what is on its way."""
    seen = await station_security.see_security(db, reader.organization_id, identity)
    station = seen.station
    return SecurityShown(
        identity=station.identity,
        least_profile=seen.least_profile,
        wanted_profile=station.wanted_security_profile,
        blocked_at=station.blocked_at,
        has_password=station.password_hash is not None,
        connection=_shown(LastConnectionShown, seen.connection) if seen.connection else None,
        certificates=[_certificate(row) for row in seen.certificates],
        requests=[_request(row) for row in seen.requests],
        rotation=_rotation(seen.rotation) if seen.rotation else None,
        network_change=_network(seen.network) if seen.network else None,
        events=[_event(row) for row in seen.events],
    )


@router.put("/stations/{identity}/security/profile", status_code=204)
async def set_security_profile(
    identity: Identity, form: ProfileForm, db: Db, writer: NetworkWriter
) -> None:
    """Ask for a security profile; upwards it counts once the station has come with it."""
    await station_security.set_profile(
        db,
        writer.organization_id,
        identity,
        form.profile,
        lower=form.lower,
        actor=writer.actor,
        reason=form.reason,
    )


@router.put("/stations/{identity}/security/block", status_code=204)
async def block_station(identity: Identity, form: BlockForm, db: Db, writer: NetworkWriter) -> None:
    """Close the socket of the station and refuse it, or let it in again."""
    await station_security.set_blocked(
        db,
        writer.organization_id,
        identity,
        blocked=form.blocked,
        actor=writer.actor,
        reason=form.reason,
    )


@router.post("/stations/{identity}/security/password-rotations", status_code=202)
async def rotate_by_order(
    identity: Identity, form: RotationForm, request: Request, db: Db, writer: NetworkWriter
) -> RotationShown:
    """Send the station a new password; the old one stays good until it came with the new one."""
    settings: Settings = request.app.state.settings
    rotation = await password_rotations.begin_rotation(
        db,
        settings.secret_key.get_secret_value(),
        writer.organization_id,
        identity,
        now=datetime.now(UTC),
        days=settings.password_rotation_days,
        reset=form.reset,
        actor=writer.actor,
    )
    return _rotation(rotation)


@router.post("/stations/{identity}/security/certificate-requests", status_code=202)
async def ask_for_certificate_request(identity: Identity, db: Db, writer: NetworkWriter) -> Asked:
    """Ask the station to send a signing request, for a first certificate or a renewal."""
    organization = await organizations.get_organization(db, writer.organization_id)
    station = await stations.usable_station(db, writer.organization_id, identity)
    order = await station_certificates.ask_for_request(
        db, organization, station, requested_by=writer.actor
    )
    return Asked(order=order.id)


@router.post("/certificate-requests/{request_id}/decision")
async def decide_certificate_request(
    request_id: UUID, form: CertificateDecisionForm, db: Db, writer: NetworkWriter
) -> RequestShown:
    """Approve or refuse a request that waits for a person."""
    row = await station_certificates.decide(
        db,
        writer.organization_id,
        request_id,
        approve=form.approve,
        actor=writer.actor,
        reason=form.reason,
    )
    return _request(row)


@router.post("/station-certificates/{certificate_id}/revoke")
async def revoke_certificate(
    certificate_id: UUID, form: RevocationForm, db: Db, writer: NetworkWriter
) -> CertificateShown:
    """It is refused from then on, and a socket that showed it is closed."""
    row = await station_certificates.revoke(
        db, writer.organization_id, certificate_id, actor=writer.actor, reason=form.reason
    )
    return _certificate(row)


@router.post("/stations/{identity}/security/network-changes", status_code=202)
async def change_network_profile(
    identity: Identity, form: NetworkChangeForm, db: Db, writer: NetworkWriter
) -> NetworkChangeShown:
    """Write a profile to a free slot, put it first in the list, and take it back if the station
    does not come through it. OCPP 2.x alone: 1.6 has no such message."""
    change = await network_changes.begin_change(
        db,
        writer.organization_id,
        identity,
        slot=form.slot,
        priority=form.priority,
        profile=form.profile.model_dump(exclude_none=True),
        reset=form.reset,
        now=datetime.now(UTC),
        hours=form.hours,
        actor=writer.actor,
    )
    return _network(change)


@router.get("/certificate-authorities/server")
def read_server_root(request: Request, reader: Reader) -> ServerRootShown:
    """The root that stations must trust to reach the TLS port."""
    settings: Settings = request.app.state.settings
    path = settings.gateway_tls_root
    known = path is not None and Path(path).is_file()
    return ServerRootShown(certificate=Path(path).read_text() if path and known else None)


@router.get("/certificate-authorities/own")
async def read_authority(
    db: Db, reader: Reader, purpose: Literal["station", "v2g", "contract"] = "station"
) -> OwnAuthorityShown:
    """The organization's own authority. There is one once it has signed something."""
    row = await db.scalar(
        owned(Authority, reader.organization_id).where(
            Authority.purpose == purpose, Authority.retired_at.is_(None)
        )
    )
    if row is None:
        return OwnAuthorityShown(issuing=None, root=None)
    return OwnAuthorityShown(issuing=row.issuing_pem, root=row.root_pem)


def _shown(form: type[LastConnectionShown], row: object) -> LastConnectionShown:
    return form(**{name: getattr(row, name) for name in form.model_fields})


def _certificate(row: StationCertificateRow) -> CertificateShown:
    return CertificateShown(**{name: getattr(row, name) for name in CertificateShown.model_fields})


def _request(row: CertificateRequest) -> RequestShown:
    return RequestShown(**{name: getattr(row, name) for name in RequestShown.model_fields})


def _rotation(row: PasswordRotation) -> RotationShown:
    return RotationShown(**{name: getattr(row, name) for name in RotationShown.model_fields})


def _network(row: NetworkChange) -> NetworkChangeShown:
    fields = NetworkChangeShown.model_fields
    return NetworkChangeShown(**{name: getattr(row, name) for name in fields})


def _event(row: StationEvent) -> SecurityEventShown:
    details = row.details if isinstance(row.details, dict) else {}
    return SecurityEventShown(at=row.at, name=row.name, details=details)
