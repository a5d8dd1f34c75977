"""Prices that a person had a station show: in the ledger as those that are published are.

A row is asked for with the order and names who placed it; it is shown when the station accepted,
and what was published there is no longer. The next look at the station brings that back: a row by
hand has no version, and no publication knows it.
"""

from typing import Any

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import shown_prices
from holdfast.services.scope import belongs, owned
from holdfast.services.told_by_hand import HandCleared, HandShown, told_by_hand
from holdfast.store.tables import Evse, Order, ShownPrice, Station

EVSES_MAX = 1_000


async def stand_in_line(db: AsyncSession, station: Station, kind: str, payload: Any) -> None:
    """Before the order is placed: a look at the station that is under way is let finish, so that
    the order sees what it asked for. Nothing where the order names no price."""
    if told_by_hand(kind, payload) is not None:
        await shown_prices.in_line(db, [station.id])


async def note_order(db: AsyncSession, station: Station, order: Order) -> None:
    """Write down what this order of a person is to show or to clear, until the station answers."""
    told = told_by_hand(order.kind, order.payload)
    if isinstance(told, HandShown):
        await _ask(db, station, order, told)
    elif isinstance(told, HandCleared):
        await _clear(db, station, order, told)


async def _ask(db: AsyncSession, station: Station, order: Order, told: HandShown) -> None:
    """A tariff for all EVSEs takes the place of what each of them has."""
    evses: list[int | None] = [told.evse]
    if told.channel == "station_tariff" and told.evse is None:
        known = await db.scalars(
            owned(Evse, station.organization_id)
            .where(Evse.station_id == station.id)
            .with_only_columns(Evse.number)
            .order_by(Evse.number)
            .limit(EVSES_MAX)
        )
        evses = [*known.all()] or evses
    await db.execute(
        insert(ShownPrice),
        [
            {
                "organization_id": station.organization_id,
                "key": f"order:{order.id}:{evse or 0}",
                "channel": told.channel,
                "station_id": station.id,
                "evse": evse,
                "language": told.language,
                "text": told.text,
                "content": dict(told.content),
                "order_id": order.id,
                "state": "asked",
                "shown_by": order.requested_by,
                "asked_at": order.created_at,
            }
            for evse in evses
        ],
    )


async def _clear(db: AsyncSession, station: Station, order: Order, told: HandCleared) -> None:
    """Also of what is asked for already: the station hears of that first."""
    statement = update(ShownPrice).where(
        belongs(ShownPrice, station.organization_id),
        ShownPrice.station_id == station.id,
        ShownPrice.channel == told.channel,
        ShownPrice.until_at.is_(None),
        ShownPrice.state.in_(("asked", "shown")),
    )
    if told.evse is not None:
        statement = statement.where(ShownPrice.evse == told.evse)
    if told.ids:
        statement = statement.where(ShownPrice.content[told.id_field].astext.in_(told.ids))
    await db.execute(
        statement.values(clearing_order_id=order.id).execution_options(synchronize_session=False)
    )
