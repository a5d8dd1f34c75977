"""A slice of a long list: so many rows after a given id. Ids sort by time of creation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

LIMIT_DEFAULT = 50
LIMIT_MAX = 500

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceAsked:
    """At most `limit` rows that follow the row `after` (in the order of the list)."""

    limit: int = LIMIT_DEFAULT
    after: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[Item]):
    """Rows, and the id after which the next slice starts; None at the end of the list."""

    items: list[Item]
    next: UUID | None


def lowest_id(at: datetime) -> UUID:
    """Below every id (UUID version 7) made at that instant or later."""
    return UUID(int=max(0, int(at.timestamp() * 1_000)) << 80)


async def take(
    db: AsyncSession,
    statement: "Select[*tuple[Any, ...]]",
    id_column: InstrumentedAttribute[UUID],
    asked: SliceAsked,
    *,
    newest_first: bool = False,
) -> Slice[Any]:
    """Run a statement of one entity for one slice. One row more than asked says if there is a rest.

    The items are the first column of each row; `id_column` is that entity's id.
    """
    rows = await take_rows(db, statement, id_column, asked, newest_first=newest_first)
    return Slice(items=[row[0] for row in rows.items], next=rows.next)


async def take_rows(
    db: AsyncSession,
    statement: "Select[*tuple[Any, ...]]",
    id_column: InstrumentedAttribute[UUID],
    asked: SliceAsked,
    *,
    newest_first: bool = False,
) -> Slice[Any]:
    """As `take`, with whole rows; the id is added as the last column."""
    if asked.after is not None:
        statement = statement.where(
            id_column < asked.after if newest_first else id_column > asked.after
        )
    order = id_column.desc() if newest_first else id_column
    found = (
        await db.execute(
            statement.add_columns(id_column).order_by(order).limit(min(asked.limit, LIMIT_MAX) + 1)
        )
    ).all()
    more = len(found) > asked.limit
    rows = list(found[: asked.limit])
    return Slice(items=rows, next=rows[-1][-1] if more and rows else None)
