"""What a publication's workflow does with the rows: looks, tells stations in portions, ends."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from holdfast.contracts import tariff_publications as contract
from holdfast.services import audit, partner_tariffs, price_answers, shown_prices
from holdfast.services.outbox import notify
from holdfast.services.publications import OPEN_STATES, in_line, refresh
from holdfast.services.refusal import NotFound
from holdfast.services.scope import belongs, owned
from holdfast.services.station_abilities import abilities_of
from holdfast.services.station_prices import Prices
from holdfast.services.station_tariffs import Round
from holdfast.services.tariff_choice import PUBLIC, of_audience
from holdfast.services.version_spans import spans_of
from holdfast.store.tables import (
    Organization,
    Publication,
    ShownPrice,
    Station,
    Tariff,
    TariffAssignment,
    TariffVersion,
)

PORTION = 25  # stations in one transaction


async def look(db: AsyncSession, publication_id: UUID, now: datetime) -> contract.PublicationSeen:
    """Write down what stations answered since; how the publication stands. Raises NotFound."""
    publication = await _publication(db, publication_id)
    await in_line(db, publication.organization_id)
    spans = await spans_of(db, publication.organization_id, publication.tariff_id)
    await price_answers.note_answers(
        db, list(spans), now, organization_id=publication.organization_id
    )
    return await _seen(db, publication, now)


async def _seen(
    db: AsyncSession, publication: Publication, now: datetime
) -> contract.PublicationSeen:
    tariff = await db.get_one(Tariff, publication.tariff_id)
    spans = await spans_of(db, publication.organization_id, publication.tariff_id)
    span = spans[publication.version_id]
    ends = [
        other.valid_from
        for other in spans.values()
        if (other.valid_from, other.number) > (span.valid_from, span.number)
        and (other.ends_at is None or other.ends_at > max(now, other.valid_from))
    ]
    ends += [at for at in (span.ends_at, tariff.retired_at) if at is not None]
    ends_at = min(ends, default=None)
    counts = await shown_prices.count_open(
        db, publication.organization_id, [publication.version_id]
    )
    return contract.PublicationSeen(
        state=publication.state,
        due_at=span.valid_from,
        ends_at=ends_at,
        withdrawn=ends_at is not None
        and ends_at <= span.valid_from
        and publication.live_at is None,
        over=publication.state not in OPEN_STATES or (ends_at is not None and ends_at <= now),
        asked=counts.get("asked", 0),
        shown=counts.get("shown", 0),
        refused=counts.get("refused", 0),
        unsupported=counts.get("unsupported", 0),
    )


async def tell(
    db: AsyncSession, publication_id: UUID, after: UUID | None, now: datetime
) -> contract.PortionTold:
    """Bring the next stations up to date, and with the first ones partners; the last ones make the
    publication live. Raises NotFound, and what a price that cannot be read raises."""
    publication = await _publication(db, publication_id, lock=after is None)
    organization = await db.get_one(Organization, publication.organization_id)
    version = await db.get_one(TariffVersion, publication.version_id)
    # The clock that woke the workflow may be ahead of this one.
    now = max(now, version.valid_from)
    if after is None:
        if publication.state == "waiting":
            publication.state = "publishing"
        await partner_tariffs.bring_up_to_date(
            db, publication.organization_id, publication.tariff_id, now
        )
    stations = await _affected(db, publication, after)
    abilities = await abilities_of(db, stations)
    portion = Round(db, organization, now, Prices(now))
    orders = await portion.bring_up_to_date(stations, abilities)
    last = stations[-1].id if len(stations) == PORTION else None
    if last is None and publication.state == "publishing":
        publication.state, publication.live_at = "live", now
    await notify(db, ["tariffs", "orders", "outbox"])
    return contract.PortionTold(last=last, stations=len(stations), orders=orders)


async def _affected(
    db: AsyncSession, publication: Publication, after: UUID | None
) -> list[Station]:
    """Stations where the tariff is or was assigned to the public, and those that show it."""
    here = [
        belongs(TariffAssignment, publication.organization_id),
        TariffAssignment.tariff_id == publication.tariff_id,
        TariffAssignment.until_at.is_(None),
        of_audience(PUBLIC),
    ]
    everywhere = exists().where(
        *here, TariffAssignment.station_id.is_(None), TariffAssignment.site_id.is_(None)
    )
    shows = (
        select(ShownPrice.station_id)
        .join(TariffVersion, TariffVersion.id == ShownPrice.version_id)
        .where(
            TariffVersion.tariff_id == publication.tariff_id,
            ShownPrice.until_at.is_(None),
            ShownPrice.station_id.is_not(None),
        )
    )
    # Each of these is asked once, and not for every station of the organization.
    assigned = or_(
        Station.id.in_(_places(TariffAssignment.station_id, here)),
        Station.site_id.in_(_places(TariffAssignment.site_id, here)),
        everywhere,
    )
    statement = owned(Station, publication.organization_id).where(
        or_(and_(Station.retired_at.is_(None), assigned), Station.id.in_(shows))
    )
    if after is not None:
        statement = statement.where(Station.id > after)
    rows = await db.scalars(statement.order_by(Station.id).limit(PORTION))
    return list(rows.all())


def _places(
    column: InstrumentedAttribute[UUID | None], conditions: Sequence[ColumnElement[bool]]
) -> Select[UUID | None]:
    return select(column).where(*conditions, column.is_not(None))


async def end(
    db: AsyncSession, publication_id: UUID, state: str, now: datetime
) -> contract.PublicationSeen:
    """Write how it ended, once. What applies instead goes live (again). Raises NotFound."""
    publication = await _publication(db, publication_id, lock=True)
    if publication.state in OPEN_STATES:
        publication.state, publication.ended_at, publication.attention = state, now, None
        await db.flush()
        await partner_tariffs.bring_up_to_date(
            db, publication.organization_id, publication.tariff_id, now
        )
        await refresh(db, publication.organization_id, [publication.tariff_id], now=now)
    return await _seen(db, publication, now)


async def resolve(
    db: AsyncSession, order: contract.ResolutionOrder, now: datetime
) -> contract.PublicationSeen:
    """Carry out what a person decided about places that refused. Raises NotFound."""
    publication = await _publication(db, order.publication_id, lock=True)
    organization_id, subject = publication.organization_id, f"publication:{publication.id}"
    event_id = order.event_id
    if event_id and await audit.noted(db, organization_id, subject, event_id) is None:
        await audit.record(
            db,
            organization_id,
            actor=audit.TEMPORAL_UI,
            action="tariff.publication_decision",
            subject=subject,
            reason=order.reason,
            details={"action": order.action, "event_id": event_id},
        )
    if order.action == "try_again":
        await shown_prices.forget_refusals(db, organization_id, [publication.version_id], now)
    await notify(db, ["tariffs"])
    return await _seen(db, publication, now)


async def note_attention(db: AsyncSession, publication_id: UUID, reason: str | None) -> None:
    """Write into the row what a person must look at. Raises NotFound."""
    publication = await _publication(db, publication_id, lock=True)
    publication.attention = reason
    await notify(db, ["tariffs"])


async def _publication(
    db: AsyncSession, publication_id: UUID, *, lock: bool = False
) -> Publication:
    publication = await db.get(Publication, publication_id)
    if publication is None:
        raise NotFound("publication", publication_id)
    if lock:
        await in_line(db, publication.organization_id)
        await db.refresh(publication, with_for_update=True)
    return publication
