"""The receipt of a session: its settlement in the reader's words.

Nothing is worked out again: the breakdown that the settlement keeps is what the driver is charged,
and the receipt only words it. Personal details of the driver are left out: whoever holds the
receipt knows whose it is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.time_zone import UnknownZone, time_zone
from holdfast.services.final_costs import NOT_OWED
from holdfast.services.price_words import amounts
from holdfast.services.price_words.bill_text import BillText, bill_text
from holdfast.services.price_words.reader import Reader
from holdfast.services.refusal import Conflict, NotFound
from holdfast.services.scope import belongs
from holdfast.services.session_course import end_of
from holdfast.store.tables import (
    Organization,
    Session,
    Settlement,
    SignedReading,
    Site,
    Station,
)

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt in words. `started` and `ended` are in the site's own time; texts, all of them."""

    session_id: UUID
    locale: str
    title: str
    operator: str
    station: str
    evse: int
    place: str | None
    started_at: datetime | None
    ended_at: datetime | None
    started: str
    ended: str
    duration: str
    currency: str
    outcome: str | None
    bill: BillText


async def receipt(
    db: AsyncSession, organization_id: UUID, session_id: UUID, reader: Reader
) -> Receipt:
    """Raises NotFound, Conflict (not priced yet)."""
    row = (
        await db.execute(
            select(Session, Settlement, Station.identity, Organization.name, Site)
            .join(Station, Station.id == Session.station_id)
            .join(Organization, Organization.id == Session.organization_id)
            .outerjoin(Settlement, Settlement.session_id == Session.id)
            .outerjoin(Site, Site.id == Session.site_id)
            .where(belongs(Session, organization_id), Session.id == session_id)
        )
    ).one_or_none()
    if row is None:
        raise NotFound("session", session_id)
    session, settlement, identity, operator, site = row
    if settlement is None:
        raise Conflict("the session is not priced yet: there is no receipt")
    signed = await db.scalar(select(exists().where(SignedReading.session_id == session.id)))
    ended_at = end_of(session)
    zone = _zone(session, settlement, site)
    return Receipt(
        session_id=session.id,
        locale=reader.tag,
        title=reader.language.bill.receipt,
        operator=operator,
        station=identity,
        evse=session.evse,
        place=_place(site),
        started_at=session.started_at,
        ended_at=ended_at,
        started=_instant(session.started_at, zone, reader),
        ended=_instant(ended_at, zone, reader),
        duration=_length(session.started_at, ended_at, reader),
        currency=settlement.currency,
        outcome=settlement.outcome,
        bill=_bill(settlement, reader, signed=bool(signed)),
    )


def _bill(settlement: Settlement, reader: Reader, *, signed: bool) -> BillText:
    price = {
        "currency": settlement.currency,
        "excl_vat": settlement.excl_vat,
        "incl_vat": settlement.incl_vat,
        "breakdown": settlement.breakdown,
    }
    return bill_text(
        price,
        reader,
        signed=signed,
        open_payment=settlement.outcome is None,
        not_charged=settlement.outcome in NOT_OWED and settlement.amount_minor > 0,
    )


def _zone(session: Session, settlement: Settlement, site: Site | None) -> ZoneInfo:
    """Whose clock it was priced by, whatever the site says by now."""
    priced = (settlement.breakdown.get("context") or {}).get("time_zone")
    frozen = (session.price_terms or {}).get("zone")
    try:
        return time_zone(priced or frozen or ("UTC" if site is None else site.time_zone))
    except UnknownZone:
        return ZoneInfo("UTC")


def _place(site: Site | None) -> str | None:
    if site is None:
        return None
    return ", ".join(part for part in (site.name, site.address, site.city) if part)


def _instant(at: datetime | None, zone: ZoneInfo, reader: Reader) -> str:
    if at is None:
        return ""
    local = at.astimezone(zone)
    text = format_datetime(local, "medium", locale=reader.locale)
    return f"{text}{amounts.NBSP}{local:%Z}"


def _length(started_at: datetime | None, ended_at: datetime | None, reader: Reader) -> str:
    if started_at is None or ended_at is None:
        return ""
    return amounts.duration(max(0, (ended_at - started_at) // _SECOND), reader)
