"""Sites, stations, their EVSEs and connectors, and who holds their sockets."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.table import Table, created_column, id_column

REGISTRATIONS = ("accepted", "pending", "rejected")


class Site(Table):
    """A place with a grid connection (an OCPI Location)."""

    __tablename__ = "sites"
    __table_args__ = (Index("ix_sites_organization_id", "organization_id"),)

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str]
    address: Mapped[str | None]
    city: Mapped[str | None]
    country: Mapped[str | None]  # ISO 3166-1 alpha-2
    time_zone: Mapped[str]  # IANA
    currency: Mapped[str]  # ISO 4217
    # prices may change on signed readings only (Eichrecht): at clock-aligned quarter hours
    calibration_law: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = created_column()
    retired_at: Mapped[datetime | None]


class Station(Table):
    """A charging station. What it says of itself is written by the gateway alone."""

    __tablename__ = "stations"
    __table_args__ = (
        CheckConstraint(f"registration IN {REGISTRATIONS}", name="registration_known"),
        Index("ix_stations_organization_id_identity", "organization_id", "identity"),
    )

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    site_id: Mapped[UUID | None] = mapped_column(ForeignKey("sites.id"))
    identity: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str | None]
    registration: Mapped[str] = mapped_column(server_default="pending")
    subprotocol: Mapped[str | None]  # used when the station offers none, "ocpp1.6"
    password_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_password_hash: Mapped[bytes | None] = mapped_column(LargeBinary)  # while rotating
    pending_password_hash: Mapped[bytes | None] = mapped_column(LargeBinary)  # sent, not yet seen
    # the least security profile it must use, 0 to 3; null: 1 with a password, else 0
    security_profile: Mapped[int | None]
    wanted_security_profile: Mapped[int | None]  # becomes the least once it came with it
    blocked_at: Mapped[datetime | None]  # by a person: 403 instead of a socket
    created_at: Mapped[datetime] = created_column()
    retired_at: Mapped[datetime | None]
    # said by the station, written by the gateway's writer
    protocol: Mapped[str | None]
    vendor: Mapped[str | None]
    model: Mapped[str | None]
    serial_number: Mapped[str | None]
    firmware_version: Mapped[str | None]
    firmware_status: Mapped[str | None]
    firmware_status_at: Mapped[datetime | None]
    booted_at: Mapped[datetime | None]
    boot_reason: Mapped[str | None]
    status: Mapped[str | None]  # of connector 0 / EVSE 0: the station itself
    status_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = created_column()


class Evse(Table):
    """One place to charge one car. OCPP 1.6 connector n is EVSE n with one connector, 1."""

    __tablename__ = "evses"
    __table_args__ = (UniqueConstraint("station_id", "number"),)

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    number: Mapped[int]
    max_power_w: Mapped[int | None]
    current_type: Mapped[str | None]  # AC, DC


class Connector(Table):
    """A plug of an EVSE and its last status, judged at the station's own time."""

    __tablename__ = "connectors"
    __table_args__ = (UniqueConstraint("station_id", "evse", "number"),)

    id: Mapped[UUID] = id_column()
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"))
    evse: Mapped[int]
    number: Mapped[int]
    standard: Mapped[str | None]  # OCPI ConnectorType
    # available, preparing, charging, suspended_ev, suspended_evse, finishing, occupied,
    # reserved, unavailable, faulted
    status: Mapped[str | None]
    status_at: Mapped[datetime | None]
    error_code: Mapped[str | None]
    changed_at: Mapped[datetime] = created_column()


class Gateway(Table):
    """A gateway process, by boot. `seen_at` is its lease: expired, its stations are offline."""

    __tablename__ = "gateways"

    boot_id: Mapped[UUID] = mapped_column(primary_key=True)
    gateway_id: Mapped[str]
    task_queue: Mapped[str]
    started_at: Mapped[datetime] = created_column()
    seen_at: Mapped[datetime] = created_column()
    ended_at: Mapped[datetime | None]


class StationConnection(Table):
    """Who holds a station's socket. The generation only grows; the newest wins at once."""

    __tablename__ = "station_connections"
    __table_args__ = (Index("ix_station_connections_boot_id", "boot_id"),)

    station_id: Mapped[UUID] = mapped_column(ForeignKey("stations.id"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    generation: Mapped[int]
    boot_id: Mapped[UUID | None]  # null: no socket
    protocol: Mapped[str | None]
    remote_address: Mapped[str | None]
    connected_at: Mapped[datetime | None]
    disconnected_at: Mapped[datetime | None]
    # how it came: what was proven, over what
    security_profile: Mapped[int | None]
    tls_version: Mapped[str | None]
    tls_cipher: Mapped[str | None]
    certificate_serial: Mapped[str | None]
    certificate_expires_at: Mapped[datetime | None]
