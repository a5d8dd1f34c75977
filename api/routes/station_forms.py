"""How stations look from outside: bodies in, answers out."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.routes.fields import (
    IDENTITY_PATTERN,
    ConnectorNumber,
    EvseNumber,
    Input,
    Line,
    Name,
    Output,
)
from holdfast.http.wrong_values import Said
from holdfast.services.stations import EvsePlan, Plug, StationSeen

StationIdentity = Annotated[
    str,
    StringConstraints(pattern=IDENTITY_PATTERN),
    Said("use 1 to 48 letters, digits and any of _ . : * = + | @ ~ -, a letter or digit first"),
]
Registration = Literal["accepted", "pending", "rejected"]
Subprotocol = Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
EVSES_MAX = 100
CONNECTORS_MAX = 10


class ConnectorForm(Input):
    """A plug; `standard` is OCPI's ConnectorType, such as IEC_62196_T2."""

    number: ConnectorNumber
    standard: Line | None = None


class EvseForm(Input):
    """A place to charge one car. Of OCPP 1.6, connector n is EVSE n with the one connector 1."""

    number: EvseNumber
    max_power_w: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    current_type: Literal["AC", "DC"] | None = None
    connectors: Annotated[list[ConnectorForm], Field(min_length=1, max_length=CONNECTORS_MAX)] = (
        Field(default_factory=lambda: [ConnectorForm(number=1)])
    )


Evses = Annotated[list[EvseForm], Field(max_length=EVSES_MAX)]


class NewStation(Input):
    """`subprotocol` is used where the station offers none.

    With `authentication` "none" it may connect without a password: only behind a tunnel.
    """

    identity: StationIdentity
    name: Name | None = None
    site: UUID | None = None
    subprotocol: Subprotocol | None = None
    evses: Evses = Field(default_factory=list)
    authentication: Literal["password", "none"] = "password"


class StationChange(Input):
    """Only the fields that are sent are changed."""

    name: Name | None = None
    site: UUID | None = None
    subprotocol: Subprotocol | None = None
    registration: Registration | None = None


class ConnectorShown(Output):
    """A plug and its last status, at the station's own time."""

    number: int
    standard: str | None
    status: str | None
    status_at: datetime | None
    error_code: str | None


class EvseShown(Output):
    """An EVSE and its plugs."""

    number: int
    max_power_w: int | None
    current_type: str | None
    connectors: list[ConnectorShown]


class ConnectionShown(Output):
    """The socket, now or last."""

    protocol: str | None
    connected_at: datetime | None
    disconnected_at: datetime | None


class StationShown(Output):
    """A station, by its OCPP identity. `online`: a live gateway holds its socket."""

    id: UUID
    identity: str
    name: str | None
    site: UUID | None
    registration: str
    online: bool
    has_password: bool
    rotating_password: bool
    subprotocol: str | None
    protocol: str | None
    vendor: str | None
    model: str | None
    serial_number: str | None
    firmware_version: str | None
    firmware_status: str | None
    status: str | None
    status_at: datetime | None
    booted_at: datetime | None
    boot_reason: str | None
    last_seen_at: datetime | None
    created_at: datetime
    retired_at: datetime | None
    connection: ConnectionShown | None
    evses: list[EvseShown]


class StationMade(StationShown):
    """A new station; `password` is shown this once, null where it has none."""

    password: str | None


class Credentials(Output):
    """What the station needs to connect; `password` is shown this once."""

    identity: str
    password: str | None


def to_plan(form: EvseForm) -> EvsePlan:
    """The service's value of an EVSE."""
    return EvsePlan(
        number=form.number,
        connectors=tuple(Plug(number=one.number, standard=one.standard) for one in form.connectors),
        max_power_w=form.max_power_w,
        current_type=form.current_type,
    )


def to_station(seen: StationSeen) -> StationShown:
    """The answer. A connector whose EVSE nobody described is shown with its EVSE all the same."""
    row = seen.station
    described = {evse.number: evse for evse in seen.evses}
    numbers = sorted(described.keys() | {plug.evse for plug in seen.connectors})
    plain = ("online", "site", "connection", "evses", "has_password", "rotating_password")
    columns = {name: getattr(row, name) for name in StationShown.model_fields if name not in plain}
    return StationShown(
        **columns,
        online=seen.online,
        site=row.site_id,
        has_password=row.password_hash is not None,
        rotating_password=row.previous_password_hash is not None,
        connection=None
        if seen.connection is None
        else ConnectionShown.model_validate(seen.connection),
        evses=[
            EvseShown(
                number=number,
                max_power_w=described[number].max_power_w if number in described else None,
                current_type=described[number].current_type if number in described else None,
                connectors=[
                    ConnectorShown.model_validate(plug)
                    for plug in seen.connectors
                    if plug.evse == number
                ],
            )
            for number in numbers
        ],
    )
