"""A station's security: how it came, what it must prove, its certificates, what is on its way."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.responses import Response

from holdfast.services import (
    network_changes,
    organizations,
    password_rotations,
    station_certificates,
    station_security,
    stations,
)
from holdfast.services.refusal import Invalid, NotFound
from holdfast.store.tables import CertificateRequest, StationCertificateRow
from web.live_page import uuid_or_none
from web.rendering import segment
from web.visit import Visit, back_to
from web.wording import Badge, badge

PROFILES = {
    0: "No proof",
    1: "Password",
    2: "TLS and password",
    3: "TLS and certificate",
}
USES = {"station": "Station", "v2g": "ISO 15118-2", "v2g20": "ISO 15118-20"}
REQUESTS = {
    "received": Badge("Being looked at", "busy", "clock"),
    "approval": Badge("Waits for approval", "wait", "clock"),
    "signed": Badge("Signed, not taken yet", "wait", "clock"),
    "installed": Badge("Taken", "good", "check"),
    "rejected": Badge("Station refused it", "bad", "alert"),
    "refused": Badge("Refused", "bad", "ban"),
    "failed": Badge("Failed", "bad", "alert"),
}
ROTATIONS = {
    "pending": "The new password is on its way. The old one is good too.",
    "accepted": "The station took the new password and has not logged in with it. Both are good.",
    "done": "The station has the new password.",
    "failed": "The station did not come with the new password. The old one is good.",
}
NETWORK = {
    "writing": "The profile is being written to its slot.",
    "ordering": "The list of slots is being set.",
    "returning": "Waiting for the station to come the new way.",
    "done": "The station came the new way.",
    "fallen_back": "The station did not come the new way. Its list of slots is as it was.",
    "failed": "The station refused a step.",
}
EXPIRES_SOON = timedelta(days=30)
HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """A certificate and its state."""

    id: UUID
    use: str
    subject: str
    serial: str
    not_after: datetime
    badge: Badge
    revocable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLine:
    """A signing request and its state."""

    id: UUID
    use: str
    badge: Badge
    reason: str | None
    received_at: datetime
    waits: bool


async def show_security(visit: Visit) -> Response:
    """GET /stations/{identity}/security"""
    identity = visit.request.path_params["identity"]
    seen = await station_security.see_security(visit.db, visit.viewer.organization_id, identity)
    now = datetime.now(UTC)
    return visit.page(
        "station_security.html",
        station=seen.station,
        least=seen.least_profile,
        profiles=PROFILES,
        connection=seen.connection,
        certificates=[_certificate(row, now) for row in seen.certificates],
        requests=[_request(row) for row in seen.requests],
        rotation=seen.rotation,
        rotation_says=ROTATIONS.get(seen.rotation.state) if seen.rotation else None,
        network=seen.network,
        network_says=NETWORK.get(seen.network.state) if seen.network else None,
        events=seen.events,
        slots=await network_changes.told_priority(visit.db, seen.station),
        has_network_profiles=(seen.station.protocol or "ocpp1.6") != "ocpp1.6",
    )


async def set_profile(visit: Visit) -> Response:
    """POST /stations/{identity}/security/profile"""
    identity = visit.request.path_params["identity"]
    await station_security.set_profile(
        visit.db,
        visit.viewer.organization_id,
        identity,
        _whole(visit, "profile"),
        lower=visit.form.get("lower") == "yes",
        actor=visit.viewer.actor,
        reason=visit.reason(),
    )
    return _back(identity, "The profile is noted.")


async def set_blocked(visit: Visit) -> Response:
    """POST /stations/{identity}/security/block"""
    identity = visit.request.path_params["identity"]
    await station_security.set_blocked(
        visit.db,
        visit.viewer.organization_id,
        identity,
        blocked=visit.form.get("blocked") == "yes",
        actor=visit.viewer.actor,
        reason=visit.reason(),
    )
    said = (
        "The station is blocked." if visit.form.get("blocked") == "yes" else "The block is lifted."
    )
    return _back(identity, said)


async def rotate_password(visit: Visit) -> Response:
    """POST /stations/{identity}/security/password"""
    identity = visit.request.path_params["identity"]
    settings = visit.desk.settings
    await password_rotations.begin_rotation(
        visit.db,
        settings.secret_key.get_secret_value(),
        visit.viewer.organization_id,
        identity,
        now=datetime.now(UTC),
        days=settings.password_rotation_days,
        reset=visit.form.get("reset") == "yes",
        actor=visit.viewer.actor,
    )
    return _back(identity, "The new password is on its way.")


async def ask_certificate(visit: Visit) -> Response:
    """POST /stations/{identity}/security/certificate"""
    identity = visit.request.path_params["identity"]
    organization_id = visit.viewer.organization_id
    organization = await organizations.get_organization(visit.db, organization_id)
    station = await stations.usable_station(visit.db, organization_id, identity)
    await station_certificates.ask_for_request(
        visit.db, organization, station, requested_by=visit.viewer.actor
    )
    return _back(identity, "The station is asked for a signing request.")


async def decide_request(visit: Visit) -> Response:
    """POST /stations/{identity}/security/requests/{id}/{decision}: approve or refuse."""
    request_id = uuid_or_none(visit.request.path_params["id"])
    decision = visit.request.path_params["decision"]
    if request_id is None or decision not in ("approve", "refuse"):
        raise NotFound("certificate request", visit.request.path_params["id"])
    await station_certificates.decide(
        visit.db,
        visit.viewer.organization_id,
        request_id,
        approve=decision == "approve",
        actor=visit.viewer.actor,
        reason=visit.reason(),
    )
    said = "The request is approved." if decision == "approve" else "The request is refused."
    return _back(visit.request.path_params["identity"], said)


async def revoke_certificate(visit: Visit) -> Response:
    """POST /stations/{identity}/security/certificates/{id}/revoke"""
    certificate_id = uuid_or_none(visit.request.path_params["id"])
    if certificate_id is None:
        raise NotFound("certificate", visit.request.path_params["id"])
    await station_certificates.revoke(
        visit.db,
        visit.viewer.organization_id,
        certificate_id,
        actor=visit.viewer.actor,
        reason=visit.reason(),
    )
    return _back(visit.request.path_params["identity"], "The certificate is revoked.")


async def change_network(visit: Visit) -> Response:
    """POST /stations/{identity}/security/network"""
    identity = visit.request.path_params["identity"]
    url = visit.form.get("url", "").strip()
    if not url.startswith(("ws://", "wss://")) or len(url) > 512 or " " in url:
        raise Invalid("url", url, "an address that begins with wss:// or ws://")
    profile: dict[str, Any] = {
        "url": url,
        "security_profile": _whole(visit, "security_profile"),
        "message_timeout_s": 30,
        "interface": "Wired0",
    }
    await network_changes.begin_change(
        visit.db,
        visit.viewer.organization_id,
        identity,
        slot=_whole(visit, "slot"),
        priority=visit.form.get("priority", "").strip(),
        profile=profile,
        reset=visit.form.get("reset") == "yes",
        now=datetime.now(UTC),
        hours=HOURS,
        actor=visit.viewer.actor,
    )
    return _back(identity, "The change has begun.")


def _certificate(row: StationCertificateRow, now: datetime) -> CertificateLine:
    if row.revoked_at is not None:
        state = Badge("Revoked", "bad", "ban")
    elif row.not_after <= now:
        state = Badge("Expired", "calm", "clock")
    elif row.installed_at is None:
        state = Badge("Not taken yet", "wait", "clock")
    elif row.not_after - now < EXPIRES_SOON:
        state = Badge("Ends soon", "wait", "alert")
    else:
        state = Badge("Good", "good", "check")
    return CertificateLine(
        id=row.id,
        use=USES[row.use],
        subject=row.subject,
        serial=row.serial,
        not_after=row.not_after,
        badge=state,
        revocable=row.revoked_at is None and row.not_after > now,
    )


def _request(row: CertificateRequest) -> RequestLine:
    return RequestLine(
        id=row.id,
        use=USES[row.use],
        badge=badge(REQUESTS, row.state),
        reason=row.reason,
        received_at=row.received_at,
        waits=row.state == "approval",
    )


def _whole(visit: Visit, name: str) -> int:
    written = visit.form.get(name, "").strip()
    if not written.isascii() or not written.isdigit() or len(written) > 3:
        raise Invalid(name, written, "write a whole number")
    return int(written)


def _back(identity: str, said: str) -> Response:
    return back_to(f"/stations/{segment(identity)}/security", said)
