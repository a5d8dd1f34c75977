"""Whether a station is online: a socket held by a gateway whose lease has not run out."""

from sqlalchemy import ColumnElement, select

from holdfast.services.stations import is_online
from holdfast.store.tables import Gateway, Station, StationConnection


def online(lease_s: float) -> ColumnElement[bool]:
    """An expression about the `stations` of the enclosing query."""
    return (
        select(StationConnection.station_id)
        .join(Gateway, Gateway.boot_id == StationConnection.boot_id)
        .where(StationConnection.station_id == Station.id, is_online(lease_s))
        .correlate(Station)
        .exists()
    )
