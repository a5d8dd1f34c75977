"""The one way to rows: every query of a use case starts here, with an organization.

DESIGN T1: every row belongs to an organization; no query crosses it.
"""

from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Update, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.refusal import NotFound
from holdfast.store.tables import Table

Row = TypeVar("Row", bound=Table)


def belongs(table: type[Row], organization_id: UUID) -> ColumnElement[bool]:
    """The condition itself, for joins. A table without an organization is a KeyError."""
    return table.__table__.c["organization_id"] == organization_id


def owned(table: type[Row], organization_id: UUID) -> Select[Row]:
    """SELECT of an organization's rows; go on with `where`, `join`, `with_only_columns`."""
    return select(table).where(belongs(table, organization_id))


def owned_update(table: type[Row], organization_id: UUID) -> Update:
    """UPDATE of an organization's rows; go on with `where` and `values`."""
    return update(table).where(belongs(table, organization_id))


async def find(
    db: AsyncSession,
    table: type[Row],
    organization_id: UUID,
    row_id: UUID,
    kind: str,
    *,
    lock: bool = False,
) -> Row:
    """The row of that id. Raises NotFound, for another organization's row too."""
    statement = owned(table, organization_id).where(table.__table__.c["id"] == row_id)
    if lock:
        statement = statement.with_for_update()
    row = await db.scalar(statement)
    if row is None:
        raise NotFound(kind, row_id)
    return row
