"""Orders, read: what was asked of stations and what came of it."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.refusal import NotFound
from holdfast.services.scope import belongs
from holdfast.services.slices import Slice, SliceAsked, take_rows
from holdfast.store.tables import Order, Station

Seen = tuple[Order, str]
"""An order and its station's identity."""


async def list_orders(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    station: str | None = None,
    state: str | None = None,
    kind: str | None = None,
    session_id: UUID | None = None,
) -> Slice[Seen]:
    """Newest first."""
    statement = (
        select(Order, Station.identity)
        .join(Station, Station.id == Order.station_id)
        .where(belongs(Order, organization_id))
    )
    if station is not None:
        statement = statement.where(Station.identity == station)
    if state is not None:
        statement = statement.where(Order.state == state)
    if kind is not None:
        statement = statement.where(Order.kind == kind)
    if session_id is not None:
        statement = statement.where(Order.session_id == session_id)
    rows = await take_rows(db, statement, Order.id, asked, newest_first=True)
    return Slice(items=[(row[0], row[1]) for row in rows.items], next=rows.next)


async def see_order(db: AsyncSession, organization_id: UUID, order_id: UUID) -> Seen:
    """As it is in the database now. Raises NotFound."""
    row = (
        await db.execute(
            select(Order, Station.identity)
            .join(Station, Station.id == Order.station_id)
            .where(belongs(Order, organization_id), Order.id == order_id)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    if row is None:
        raise NotFound("order", order_id)
    return row[0], row[1]
