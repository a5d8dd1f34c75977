"""The ledger: which price was shown where and when.

A place has at most one row that is shown, and one behind it that is asked, refused or not possible.
What is shown stays shown until the station says that it shows something else: a station that is
away shows the old price, and the ledger says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, and_, cast, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.page_content import FOLLOWS, ZONE
from holdfast.services.price_words.price_text import PriceText
from holdfast.services.scope import belongs, owned
from holdfast.services.slices import Slice, SliceAsked, lowest_id, take_rows
from holdfast.store.tables import ShownPrice, Station, Tariff, TariffVersion

DETAIL_LENGTH_MAX = 1_000
CLOCKS_APART = timedelta(days=1)
"""At most, of who writes a row and of the database that gives it its id."""

FIRST = "first"
KEY_BYTES = 16
DESCRIBED = frozenset({"description"})
"""Of a tariff at a station: words beside its prices. Its id stands for one content for ever (OCPP
2.1 I08), so that other words alone are no other tariff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place of a channel that shows one price at a time. No EVSE: the whole station; no
    station: all of the organization's partners."""

    channel: str
    station_id: UUID | None = None
    evse: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What is to be shown in a slot. `impossible`: why it cannot be."""

    slot: Slot
    version_id: UUID
    content: Mapping[str, Any]
    text: str | None = None
    language: str | None = None
    detail: str | None = None
    impossible: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a new row says. No order: nobody has to be asked."""

    showing: Showing
    publication_id: UUID | None = None
    order_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A row of the ledger for people, with the names of what it points at. No tariff: a person had
    the station show it."""

    row: ShownPrice
    station: str | None
    tariff: str | None
    tariff_id: UUID | None
    number: int | None
    words: PriceText | None = None

    @property
    def text(self) -> str | None:
        """What was to be read: at the instant that was asked for, where `words` are of one."""
        if self.words is not None:
            return self.words.plain
        if self.row.text is None and self.row.channel == "display_message":
            said: str | None = self.row.content.get("content")
            return said
        return self.row.text


async def in_line(db: AsyncSession, station_ids: Sequence[UUID]) -> None:
    """Whoever writes what these stations show waits here until the others have: it would not see
    what they are about to write."""
    names = cast([_line(station_id) for station_id in sorted(station_ids)], ARRAY(Text()))
    lines = func.unnest(names).column_valued()
    await db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(lines, 0))))


async def nobody_in_line(db: AsyncSession, station_id: UUID) -> bool:
    """As `in_line`, without waiting: False where somebody is writing now."""
    line = func.hashtextextended(_line(station_id), 0)
    return bool(await db.scalar(select(func.pg_try_advisory_xact_lock(line))))


def _line(station_id: UUID) -> str:
    return f"shown_prices:{station_id}"


def slot_of(row: ShownPrice) -> Slot:
    """Where a row belongs."""
    return Slot(channel=row.channel, station_id=row.station_id, evse=row.evse)


async def open_rows(
    db: AsyncSession, organization_id: UUID, station_ids: Sequence[UUID]
) -> dict[Slot, list[ShownPrice]]:
    """What these stations show or are to show of what is published, oldest first in each slot."""
    rows = await db.scalars(
        owned(ShownPrice, organization_id)
        .where(ShownPrice.station_id.in_(station_ids), ShownPrice.until_at.is_(None))
        .where(ShownPrice.version_id.is_not(None))
        .order_by(ShownPrice.id)
    )
    found: dict[Slot, list[ShownPrice]] = {}
    for row in rows.all():
        found.setdefault(slot_of(row), []).append(row)
    return found


async def partner_rows(
    db: AsyncSession, organization_id: UUID, version_ids: Sequence[UUID]
) -> list[ShownPrice]:
    """What partners are shown of these versions."""
    rows = await db.scalars(
        owned(ShownPrice, organization_id)
        .where(
            ShownPrice.channel == "partner",
            ShownPrice.version_id.in_(version_ids),
            ShownPrice.until_at.is_(None),
        )
        .order_by(ShownPrice.id)
    )
    return list(rows.all())


async def write(
    db: AsyncSession,
    organization_id: UUID,
    showing: Showing,
    *,
    publication_id: UUID | None,
    order_id: UUID | None,
    now: datetime,
) -> ShownPrice:
    """A new row: asked of a station, or shown at once where nobody has to be asked."""
    entry = Entry(showing=showing, publication_id=publication_id, order_id=order_id)
    (row,) = await write_all(db, organization_id, [entry], now)
    return row


async def write_all(
    db: AsyncSession, organization_id: UUID, entries: Sequence[Entry], now: datetime
) -> list[ShownPrice]:
    """New rows, at most one for a slot."""
    if not entries:
        return []
    before = await _newest(db, organization_id, [entry.showing.slot for entry in entries])
    rows = [
        {"organization_id": organization_id, "asked_at": now, **_values(entry, before, now)}
        for entry in entries
    ]
    written = await db.scalars(
        insert(ShownPrice).returning(ShownPrice).execution_options(render_nulls=True), rows
    )
    return list(written.all())


def _values(entry: Entry, before: Mapping[Slot, UUID], now: datetime) -> dict[str, Any]:
    showing, slot = entry.showing, entry.showing.slot
    place = "" if slot.station_id is None else f"{slot.station_id}:{slot.evse or 0}"
    state = "unsupported" if showing.impossible else "asked" if entry.order_id else "shown"
    return {
        # The row before names this one: counting them all would take ever longer.
        "key": _digest(f"{showing.version_id}:{slot.channel}:{place}:{before.get(slot, FIRST)}"),
        "version_id": showing.version_id,
        "publication_id": entry.publication_id,
        "channel": slot.channel,
        "station_id": slot.station_id,
        "evse": slot.evse,
        "language": showing.language,
        # A display has a row for every interval of a market: what its message says is said once.
        "text": None if showing.text == showing.content.get("content") else showing.text,
        "content": dict(showing.content),
        "order_id": entry.order_id,
        "state": state,
        "detail": _short(showing.impossible or showing.detail),
        "shown_at": now if state == "shown" else None,
    }


# One SELECT per way through the indexes: `IS NOT DISTINCT FROM` would find them all, but by none.
_NEWEST = text(
    "WITH slots AS MATERIALIZED (SELECT * FROM unnest(CAST(:channels AS text[]), "
    "CAST(:stations AS uuid[]), CAST(:evses AS bigint[])) "
    "WITH ORDINALITY AS s (channel, station, evse, number)) "
    "SELECT s.number, p.id FROM slots s CROSS JOIN LATERAL (SELECT id FROM shown_prices "
    "WHERE organization_id = :organization AND station_id = s.station AND channel = s.channel "
    "AND evse = s.evse ORDER BY id DESC LIMIT 1) p WHERE s.evse IS NOT NULL UNION ALL "
    "SELECT s.number, p.id FROM slots s CROSS JOIN LATERAL (SELECT id FROM shown_prices "
    "WHERE organization_id = :organization AND station_id = s.station AND channel = s.channel "
    "AND evse IS NULL ORDER BY id DESC LIMIT 1) p WHERE s.evse IS NULL UNION ALL "
    "SELECT s.number, p.id FROM slots s CROSS JOIN LATERAL (SELECT id FROM shown_prices "
    "WHERE organization_id = :organization AND station_id IS NULL AND channel = s.channel "
    "AND evse IS NULL ORDER BY id DESC LIMIT 1) p WHERE s.station IS NULL"
)


async def _newest(
    db: AsyncSession, organization_id: UUID, slots: Sequence[Slot]
) -> dict[Slot, UUID]:
    values = {
        "organization": organization_id,
        "channels": [slot.channel for slot in slots],
        "stations": [slot.station_id for slot in slots],
        "evses": [slot.evse for slot in slots],
    }
    return {slots[number - 1]: row_id for number, row_id in await db.execute(_NEWEST, values)}


def is_same(row: ShownPrice, showing: Showing) -> bool:
    """Whether the row already is what is to be shown. A page that follows a market stays the same
    while the market's price changes."""
    if FOLLOWS in row.content and row.language != showing.language:
        return False
    if row.version_id != showing.version_id or _priced(row.content) != _priced(showing.content):
        return False
    return (row.state == "unsupported") == (showing.impossible is not None)


def _priced(content: Mapping[str, Any]) -> dict[str, Any]:
    if FOLLOWS in content:
        return {name: content[name] for name in (FOLLOWS, ZONE)}
    return {name: value for name, value in content.items() if name not in DESCRIBED}


def end_row(row: ShownPrice, now: datetime) -> None:
    """It is not shown, or no longer to be shown. One that was asked was never confirmed."""
    row.until_at = now
    if row.state == "asked":
        row.state = "withdrawn"


async def count_open(
    db: AsyncSession, organization_id: UUID, version_ids: Sequence[UUID]
) -> dict[str, int]:
    """Places by state. What is about to be cleared counts as asked."""
    state = text("CASE WHEN clearing_order_id IS NOT NULL THEN 'asked' ELSE state END")
    counted = await db.execute(
        owned(ShownPrice, organization_id)
        .with_only_columns(state, func.count(), maintain_column_froms=True)
        .where(ShownPrice.version_id.in_(version_ids), ShownPrice.until_at.is_(None))
        .group_by(state)
    )
    return {name: count for name, count in counted}


async def forget_refusals(
    db: AsyncSession, organization_id: UUID, version_ids: Sequence[UUID], now: datetime
) -> None:
    """Places that refused are asked again at the next look at their station."""
    await db.execute(
        update(ShownPrice)
        .where(
            belongs(ShownPrice, organization_id),
            ShownPrice.version_id.in_(version_ids),
            ShownPrice.state == "refused",
            ShownPrice.until_at.is_(None),
        )
        .values(until_at=now)
    )


async def list_shown(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    station_id: UUID | None = None,
    evse: int | None = None,
    version_id: UUID | None = None,
    channel: str | None = None,
    at: datetime | None = None,
) -> Slice[Shown]:
    """Newest first. `evse`: what the whole station shows counts too; `at`: shown at that instant,
    as far as the stations confirmed it."""
    statement = (
        select(ShownPrice, Station.identity, Tariff.name, Tariff.id, TariffVersion.number)
        .outerjoin(TariffVersion, TariffVersion.id == ShownPrice.version_id)
        .outerjoin(Tariff, Tariff.id == TariffVersion.tariff_id)
        .outerjoin(Station, Station.id == ShownPrice.station_id)
        .where(belongs(ShownPrice, organization_id))
    )
    if station_id is not None:
        statement = statement.where(ShownPrice.station_id == station_id)
    if evse is not None:
        statement = statement.where(or_(ShownPrice.evse == evse, ShownPrice.evse.is_(None)))
    if version_id is not None:
        statement = statement.where(ShownPrice.version_id == version_id)
    if channel is not None:
        statement = statement.where(ShownPrice.channel == channel)
    if at is not None:
        # Written before it was shown: what came later is not even looked at.
        statement = statement.where(shown_at(at), ShownPrice.id < lowest_id(at + CLOCKS_APART))
    rows = await take_rows(db, statement, ShownPrice.id, asked, newest_first=True)
    return Slice(
        items=[
            Shown(row=row, station=identity, tariff=name, tariff_id=tariff_id, number=number)
            for row, identity, name, tariff_id, number, _ in rows.items
        ],
        next=rows.next,
    )


def shown_at(at: datetime) -> ColumnElement[bool]:
    """The row was shown at that instant."""
    return and_(
        ShownPrice.shown_at <= at, or_(ShownPrice.until_at.is_(None), ShownPrice.until_at > at)
    )


def _digest(key: str) -> str:
    """As good as the key, which is longer than the rest of its row."""
    return blake2b(key.encode(), digest_size=KEY_BYTES).hexdigest()


def _short(detail: str | None) -> str | None:
    return None if not detail else detail[:DETAIL_LENGTH_MAX]
