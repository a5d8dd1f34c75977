"""The orders of one station, newest first: what was asked, how far it is, what the station said."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from starlette.responses import Response

from holdfast.contracts.names import order_workflow_id
from holdfast.services import station_commands
from holdfast.services.order_reads import list_orders
from holdfast.services.refusal import NotFound
from holdfast.services.slices import SliceAsked
from holdfast.services.stations import find_station
from holdfast.store.tables import Order
from web.live_page import bounded, uuid_or_none
from web.rendering import segment
from web.visit import Visit, back_to
from web.wording import ORDER, Badge, badge, words

PER_PAGE = 30
ANSWER_LENGTH_MAX = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """An order for people. `progress`: what is to be said of its parts, attempts and pauses."""

    id: UUID
    kind: str
    badge: Badge
    status: str | None
    progress: tuple[str, ...]
    answer: str | None
    requested_by: str
    created_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    not_after: datetime
    retry_at: datetime | None
    superseded_by: UUID | None
    waits: bool
    workflow_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersView:
    """A page of orders; `next`: where older ones start."""

    identity: str
    state: str
    lines: tuple[OrderLine, ...]
    next: UUID | None
    first: bool


async def show_orders(visit: Visit) -> Response:
    """GET /stations/{identity}/orders"""
    identity = str(visit.request.path_params["identity"])
    await find_station(visit.db, visit.viewer.organization_id, identity)
    parameters = bounded(visit.request.query_params)
    state = parameters.get("state", "")
    before = uuid_or_none(parameters.get("before"))
    rows = await list_orders(
        visit.db,
        visit.viewer.organization_id,
        SliceAsked(limit=PER_PAGE, after=before),
        station=identity,
        state=state if state in ORDER else None,
    )
    view = OrdersView(
        identity=identity,
        state=state if state in ORDER else "",
        lines=tuple(
            order_line(order, visit.desk.temporal_url(order_workflow_id(order.id)))
            for order, _ in rows.items
        ),
        next=rows.next,
        first=before is None,
    )
    states = tuple((name, shown.word) for name, shown in ORDER.items())
    return visit.page("station_orders.html", view=view, states=states)


async def cancel(visit: Visit) -> Response:
    """POST /stations/{identity}/orders/{id}/cancel"""
    order_id = uuid_or_none(str(visit.request.path_params["id"]))
    if order_id is None:
        raise NotFound("order", visit.request.path_params["id"])
    await station_commands.cancel_order(
        visit.db,
        visit.viewer.organization_id,
        order_id,
        actor=visit.viewer.actor,
        now=visit.desk.pages.now(),
    )
    identity = segment(str(visit.request.path_params["identity"]))
    return back_to(f"/stations/{identity}/orders")


def order_line(order: Order, workflow_url: str) -> OrderLine:
    """A row as a line."""
    answer = order.answer or {}
    error, response = answer.get("error"), answer.get("response")
    status = None
    if isinstance(error, dict):
        status = str(error.get("text") or error.get("code"))[:200]
    elif isinstance(response, dict) and isinstance(response.get("status"), str):
        status = str(response["status"])[:80]
    return OrderLine(
        id=order.id,
        kind=words(order.kind),
        badge=badge(ORDER, order.state),
        status=status,
        progress=tuple(_progress(order, answer)),
        answer=_readable(response if response is not None else error),
        requested_by=order.requested_by,
        created_at=order.created_at,
        sent_at=order.sent_at,
        answered_at=order.answered_at,
        not_after=order.not_after,
        retry_at=order.retry_at,
        superseded_by=order.superseded_by,
        waits=order.state == "waiting",
        workflow_url=workflow_url,
    )


def _progress(order: Order, answer: dict[str, Any]) -> list[str]:
    said = []
    if order.parts is not None and order.parts > 1:
        said.append(f"{order.parts_done} of {order.parts} parts done")
    parts = answer.get("parts")
    if isinstance(parts, list) and order.state == "rejected" and parts:
        last = parts[-1]
        said.append(f"part {last.get('part')} was refused: {last.get('status')}")
    if order.attempts > 1:
        said.append(f"sent {order.attempts} times")
    if order.about is not None:
        said.append("asks about an order without an answer")
    return said


def _readable(answer: object) -> str | None:
    if not answer:
        return None
    text = orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()
    return text if len(text) <= ANSWER_LENGTH_MAX else f"{text[:ANSWER_LENGTH_MAX]}…"
