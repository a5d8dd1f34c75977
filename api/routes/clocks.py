"""Whose clock counts for a price that nobody is charged yet."""

from uuid import UUID

from holdfast.domain.time_zone import UnknownZone, time_zone
from holdfast.http.database import Db
from holdfast.http.problems import invalid
from holdfast.services import sites


async def zone_of(db: Db, organization_id: UUID, site_id: UUID | None, named: str | None) -> str:
    """The site's zone, else the one that is named, else UTC. Raises NotFound, Problem (422)."""
    if site_id is not None:
        named = (await sites.get_site(db, organization_id, site_id)).time_zone
    return known_zone(named or "UTC")


def known_zone(zone: str, field: str = "time_zone") -> str:
    """The zone itself. Raises Problem (422, of that field) where there is none of that name."""
    try:
        time_zone(zone)
    except UnknownZone:
        raise invalid(field, zone, "use an IANA name such as Europe/Berlin") from None
    return zone
