"""What was frozen when a session began, besides its tariff version: `sessions.price_terms`.

`{"zone", "calibration_law", "groups", "tariff", "assignment", "audience", "place", "considered"}`,
and `site_currency` where the tariff's is another.
Sessions of before have none: theirs are read off the site as it is now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.scope import belongs
from holdfast.store.tables import Session, Site

ZONE_OF_NO_SITE = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTerms:
    """`zone`: the site's IANA zone. `calibration_law`: prices change on signed readings only.

    `groups`: keys of the driver's groups. `tariff_id`: of which the frozen version is one; None
    where it was not written down.
    """

    zone: str = ZONE_OF_NO_SITE
    calibration_law: bool = False
    groups: frozenset[str] = frozenset()
    tariff_id: UUID | None = None


async def terms_of(db: AsyncSession, session: Session) -> SessionTerms:
    """The terms of one session; a query only where they were not frozen."""
    return (await terms_of_all(db, [session]))[session.id]


async def terms_of_all(db: AsyncSession, sessions: Iterable[Session]) -> dict[UUID, SessionTerms]:
    """The terms of sessions of one organization, by session; one query at most."""
    asked = list(sessions)
    loose = [session for session in asked if "zone" not in (session.price_terms or {})]
    sites: dict[UUID | None, SessionTerms] = {}
    site_ids = {session.site_id for session in loose if session.site_id is not None}
    if site_ids:
        rows = await db.execute(
            select(Site.id, Site.time_zone, Site.calibration_law).where(
                belongs(Site, loose[0].organization_id), Site.id.in_(site_ids)
            )
        )
        sites = {
            site_id: SessionTerms(zone=zone, calibration_law=law) for site_id, zone, law in rows
        }
    return {
        session.id: _terms(session.price_terms or {}, sites.get(session.site_id, SessionTerms()))
        for session in asked
    }


def _terms(frozen: Mapping[str, Any], site: SessionTerms) -> SessionTerms:
    tariff = frozen.get("tariff")
    return SessionTerms(
        zone=frozen.get("zone", site.zone),
        calibration_law=frozen.get("calibration_law", site.calibration_law),
        groups=frozenset(frozen.get("groups", ())),
        tariff_id=None if tariff is None else UUID(tariff),
    )
