"""Orders: what was asked of stations and what came of it."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from api.routes.fields import Line, Output
from holdfast.contracts.names import order_workflow_id
from holdfast.contracts.orders import OrderKind
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Commander, Reader
from holdfast.services import order_reads, station_commands
from holdfast.services.order_reads import Seen

router = APIRouter(prefix="/orders", tags=["orders"], route_class=IdempotentRoute)

State = Literal[
    "waiting",
    "sent",
    "accepted",
    "rejected",
    "timed_out",
    "expired",
    "superseded",
    "cancelled",
]


class OrderShown(Output):
    """An order. What it carried is not shown: it may be a password for the station.

    `parts`: how many calls it takes, where it is more than one. `retry_at`: when it is sent again.
    `request_id`: the number in the station's messages that follow. `about`: the order whose outcome
    this one asks about.

    `status` is the station's own word (Accepted, Rejected, or the code of an error), `response` and
    `error` are what it answered.
    """

    id: UUID
    station: str
    session: UUID | None
    kind: str
    state: str
    status: str | None
    response: dict[str, Any] | None
    error: dict[str, Any] | None
    requested_by: str
    not_after: datetime
    attempts: int
    sent_at: datetime | None
    answered_at: datetime | None
    created_at: datetime
    workflow_id: str
    priority: int = 5
    superseded_by: UUID | None = None
    about: UUID | None = None
    request_id: int | None = None
    retry_at: datetime | None = None
    parts: int | None = None
    parts_done: int = 0


@router.get("")
async def list_orders(
    db: Db,
    reader: Reader,
    asked: Asked,
    station: Annotated[Line | None, Query(description="An OCPP identity.")] = None,
    state: State | None = None,
    kind: OrderKind | None = None,
    session: UUID | None = None,
) -> Page[OrderShown]:
    """Newest first."""
    rows = await order_reads.list_orders(
        db,
        reader.organization_id,
        asked,
        station=station,
        state=state,
        kind=kind,
        session_id=session,
    )
    return page(rows, to_order)


@router.get("/{order_id}")
async def read_order(order_id: UUID, db: Db, reader: Reader) -> OrderShown:
    """One order."""
    return to_order(await order_reads.see_order(db, reader.organization_id, order_id))


@router.post("/{order_id}/cancel")
async def cancel_order(order_id: UUID, db: Db, commander: Commander) -> OrderShown:
    """Take an order back while it waits. One that was sent cannot be: 409."""
    await station_commands.cancel_order(
        db,
        commander.organization_id,
        order_id,
        actor=commander.actor,
        now=datetime.now(UTC),
    )
    return to_order(await order_reads.see_order(db, commander.organization_id, order_id))


def to_order(seen: Seen) -> OrderShown:
    """The answer."""
    order, station = seen
    answer = order.answer or {}
    response, error = _object(answer.get("response")), _object(answer.get("error"))
    return OrderShown(
        id=order.id,
        station=station,
        session=order.session_id,
        kind=order.kind,
        state=order.state,
        status=_word(response, error),
        response=response,
        error=error,
        requested_by=order.requested_by,
        not_after=order.not_after,
        attempts=order.attempts,
        sent_at=order.sent_at,
        answered_at=order.answered_at,
        created_at=order.created_at,
        workflow_id=order_workflow_id(order.id),
        priority=order.priority,
        superseded_by=order.superseded_by,
        about=order.about,
        request_id=order.request_id,
        retry_at=order.retry_at,
        parts=order.parts,
        parts_done=order.parts_done,
    )


def _word(response: dict[str, Any] | None, error: dict[str, Any] | None) -> str | None:
    """The status of a result, or the code of an error."""
    word = error.get("code") if error is not None else (response or {}).get("status")
    return word if isinstance(word, str) else None


def _object(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None
