"""Certificates, the authorities behind them, passwords on their way, changes of network profile."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

CERTIFICATE_USES = ("station", "v2g", "v2g20")

CERTIFICATE_REQUEST_STATES = (
    "received",  # stored, and its workflow is to start
    "approval",  # waits for a person
    "signed",  # there is a certificate; the station does not have it yet
    "installed",  # the station accepted it
    "rejected",  # the station refused the certificate
    "refused",  # a person refused the request
    "failed",  # it could not be signed, or the station never took it
)
ROTATION_STATES = (
    "pending",  # the new password is not known to the station yet, as far as we know
    "accepted",  # the station said that it took it; it has not come with it
    "done",  # the station came with the new one, and the old one is void
    "failed",  # refused or never seen; both are good until the station comes with one
)
NETWORK_CHANGE_STATES = (
    "writing",  # the profile is being written to its slot
    "ordering",  # the list of priorities is being set
    "returning",  # until the station is back through it
    "done",
    "fallen_back",  # it did not come in time: the list is as it was
    "failed",  # the station refused a step
)


class Authority(Table):
    """A certificate authority of an organization. Its keys are sealed (store.sealing)."""

    __tablename__ = "authorities"
    __table_args__ = (
        Index(
            "uq_authorities_organization_id_purpose",
            "organization_id",
            "purpose",
            unique=True,
            postgresql_where="retired_at IS NULL",
        ),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    purpose: Mapped[str]  # "station": of client certificates; "v2g", "contract": of ISO 15118
    root_pem: Mapped[str]
    issuing_pem: Mapped[str]
    root_key_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    issuing_key_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = created_column()
    retired_at: Mapped[datetime | None]  # still trusted, signs no more


class CertificateRequest(Table):
    """A CSR that a station sent (SignCertificate)."""

    __tablename__ = "certificate_requests"
    __table_args__ = (
        CheckConstraint(f"use IN {CERTIFICATE_USES}", name="use_known"),
        CheckConstraint(f"state IN {CERTIFICATE_REQUEST_STATES}", name="state_known"),
        Index("ix_certificate_requests_station_id_id", "station_id", "id"),
        Index("ix_certificate_requests_organization_id_id", "organization_id", "id"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    use: Mapped[str]
    csr: Mapped[str]  # PEM
    station_request_id: Mapped[int | None]  # OCPP 2.1: given back with the certificate
    state: Mapped[str] = mapped_column(server_default="received")
    reason: Mapped[str | None]
    decided_by: Mapped[str | None]
    attention: Mapped[str | None]
    received_at: Mapped[datetime] = created_column()
    finished_at: Mapped[datetime | None]


class StationCertificateRow(Table):
    """A certificate that we signed for a station."""

    __tablename__ = "station_certificates"
    __table_args__ = (
        Index("ix_station_certificates_station_id_id", "station_id", "id"),
        Index("ix_station_certificates_not_after", "not_after"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    authority_id: Mapped[UUID] = mapped_column(ForeignKey("authorities.id"))
    request_id: Mapped[UUID] = mapped_column(ForeignKey("certificate_requests.id"), unique=True)
    use: Mapped[str]
    subject: Mapped[str]
    serial: Mapped[str]  # hex, lower case
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary, unique=True)  # SHA-256 of the DER
    chain_pem: Mapped[str]
    not_before: Mapped[datetime]
    not_after: Mapped[datetime]
    installed_at: Mapped[datetime | None]
    renewal_asked_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = created_column()


class PasswordRotation(Table):
    """A new password on its way to a station. It is sealed until the station has it, then gone."""

    __tablename__ = "password_rotations"
    __table_args__ = (
        CheckConstraint(f"state IN {ROTATION_STATES}", name="state_known"),
        Index("ix_password_rotations_station_id_id", "station_id", "id"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    state: Mapped[str] = mapped_column(server_default="pending")
    password_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    reset: Mapped[bool]  # a person asked to restart the station, so that it logs in anew
    deadline_at: Mapped[datetime]
    requested_by: Mapped[str]
    reason: Mapped[str | None]
    created_at: Mapped[datetime] = created_column()
    finished_at: Mapped[datetime | None]


class NetworkChange(Table):
    """A change of how a station reaches us, with the way back (OCPP 2.x B09, B10)."""

    __tablename__ = "network_changes"
    __table_args__ = (
        CheckConstraint(f"state IN {NETWORK_CHANGE_STATES}", name="state_known"),
        Index("ix_network_changes_station_id_id", "station_id", "id"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    slot: Mapped[int]
    profile: Mapped[dict[str, Any]]  # without credentials
    priority_before: Mapped[str]  # the list of slots as it was, "1,2"
    reset: Mapped[bool]
    generation_before: Mapped[int]
    state: Mapped[str] = mapped_column(server_default="writing")
    deadline_at: Mapped[datetime]
    requested_by: Mapped[str]
    reason: Mapped[str | None]
    created_at: Mapped[datetime] = created_column()
    finished_at: Mapped[datetime | None]
