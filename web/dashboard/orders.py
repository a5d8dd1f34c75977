"""The orders of one station, newest first: what was asked, how far it is, what the station said."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.contracts.names import order_workflow_id
from holdfast.http.permissions import Permission
from holdfast.services import station_commands
from holdfast.services.order_reads import list_orders
from holdfast.services.refusal import NotFound
from holdfast.services.slices import SliceAsked
from holdfast.services.stations import find_station
from holdfast.store.tables import Order, Site
from web.dashboard.command_fields import PATIENCE_S
from web.dashboard.command_forms import MORE
from web.live_page import LivePage, bounded, uuid_or_none
from web.rendering import segment
from web.viewer import Viewer
from web.visit import Desk, Visit, back_to
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
    may_cancel: bool
    is_new: bool
    workflow_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersAsked:
    """Of one station, in a state; `before`: further back than this order; `new`: just placed."""

    identity: str
    state: str = ""
    before: UUID | None = None
    new: UUID | None = None
    may_cancel: bool = False

    def parameters(self) -> Mapping[str, str]:
        """As the stream's URL has them."""
        more = {"state": self.state, "before": self.before, "order": self.new}
        told = {name: str(value) for name, value in more.items() if value}
        return {"station": self.identity, **told}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersView:
    """A page of orders; `next`: where older ones start."""

    identity: str
    retired: bool
    zone: str
    lines: tuple[OrderLine, ...]
    next: UUID | None


def parse_orders(viewer: Viewer, parameters: Mapping[str, str]) -> OrdersAsked:
    """The station of a stream is in its query; a page has it in its path."""
    state = parameters.get("state", "")
    return OrdersAsked(
        identity=parameters.get("station", ""),
        state=state if state in ORDER else "",
        before=uuid_or_none(parameters.get("before")),
        new=uuid_or_none(parameters.get("order")),
        may_cancel=viewer.may(Permission.COMMAND),
    )


async def read_orders(
    desk: Desk, db: AsyncSession, organization_id: UUID, asked: OrdersAsked
) -> OrdersView:
    """Raises NotFound."""
    station = await find_station(db, organization_id, asked.identity)
    site = None if station.site_id is None else await db.get(Site, station.site_id)
    rows = await list_orders(
        db,
        organization_id,
        SliceAsked(limit=PER_PAGE, after=asked.before),
        station=asked.identity,
        state=asked.state or None,
    )
    return OrdersView(
        identity=station.identity,
        retired=station.retired_at is not None,
        zone="UTC" if site is None else site.time_zone,
        lines=tuple(
            order_line(order, desk.temporal_url(order_workflow_id(order.id)), asked)
            for order, _ in rows.items
        ),
        next=rows.next,
    )


ORDERS = LivePage(
    name="station-orders",
    topics=frozenset({"orders"}),
    template="fragments/station_orders.html",
    parse=parse_orders,
    read=read_orders,
)


async def show_orders(visit: Visit) -> Response:
    """GET /stations/{identity}/orders"""
    asked = parse_orders(visit.viewer, bounded(visit.request.query_params))
    asked = replace(asked, identity=str(visit.request.path_params["identity"]))
    states = tuple((name, shown.word) for name, shown in ORDER.items())
    return await ORDERS.show_asked(
        visit,
        "station_orders.html",
        asked,
        states=states,
        commands=MORE,
        patience=PATIENCE_S,
    )


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


def order_line(order: Order, workflow_url: str, asked: OrdersAsked) -> OrderLine:
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
        progress=tuple([*_names(order), *_progress(order, answer)]),
        answer=_readable(response if response is not None else error),
        requested_by=order.requested_by,
        created_at=order.created_at,
        sent_at=order.sent_at,
        answered_at=order.answered_at,
        not_after=order.not_after,
        retry_at=order.retry_at,
        superseded_by=order.superseded_by,
        waits=order.state == "waiting",
        may_cancel=order.state == "waiting" and asked.may_cancel,
        is_new=order.id == asked.new,
        workflow_url=workflow_url,
    )


def _names(order: Order) -> list[str]:
    """What a person needs to take it back later."""
    number = order.payload.get("reservation")
    return [f"number {number}"] if isinstance(number, int) else []


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
