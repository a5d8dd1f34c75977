"""Outbox rows that could not be sent to Temporal: for a person to decide."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path

from api.routes.fields import Because, Output
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Page
from holdfast.http.principal import FactDecider, Reader
from holdfast.services import parked
from holdfast.store.tables import OutboxRow

router = APIRouter(prefix="/outbox", tags=["outbox"], route_class=IdempotentRoute)

BIGINT_MAX = 9_223_372_036_854_775_807
RowId = Annotated[int, Path(ge=1, le=BIGINT_MAX)]


class ParkedShown(Output):
    """A row that could not be sent. `held_back`: later rows of its workflow that wait for it."""

    id: int
    workflow_id: str
    operation: str
    name: str
    error: str | None
    attempts: int
    held_back: int
    created_at: datetime
    parked_at: datetime | None
    sent_at: datetime | None


@router.get("/parked")
async def list_parked(db: Db, reader: Reader) -> Page[ParkedShown]:
    """Oldest first."""
    rows = await parked.list_parked(db, reader.organization_id)
    return Page(items=[to_parked(row, await parked.held_back(db, row)) for row in rows])


@router.post("/{row_id}/retry", status_code=202)
async def retry_row(row_id: RowId, because: Because, db: Db, decider: FactDecider) -> ParkedShown:
    """Send it again, as after an upgrade. It is parked again if that does not help."""
    row = await parked.retry(
        db, decider.organization_id, row_id, reason=because.reason, actor=decider.actor
    )
    return to_parked(row, await parked.held_back(db, row))


@router.post("/{row_id}/drop")
async def drop_row(row_id: RowId, because: Because, db: Db, decider: FactDecider) -> ParkedShown:
    """Never send it, so that the later rows of its workflow go. Rebuilding starts what the rows
    of the database say should be running, whatever was dropped."""
    row = await parked.drop(
        db,
        decider.organization_id,
        row_id,
        reason=because.reason,
        actor=decider.actor,
        now=datetime.now(UTC),
    )
    return to_parked(row, await parked.held_back(db, row))


def to_parked(row: OutboxRow, held_back: int) -> ParkedShown:
    """The answer; the payload is not shown, it may be what is broken."""
    columns = {name: getattr(row, name) for name in ParkedShown.model_fields if name != "held_back"}
    return ParkedShown(**columns, held_back=held_back)
