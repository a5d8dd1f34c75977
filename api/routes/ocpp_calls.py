"""The expert's way: any OCPP action as it is, at once or not at all."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request

from api.order_wait import OrderWait, PlacedOrder, relay_at
from api.routes.command_forms import CallForm
from api.routes.fields import WAIT_MAX_S, Identity, Output
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.principal import Expert
from holdfast.services import audit, organizations, prices_by_hand, stations
from holdfast.services.ocpp_actions import check_call
from holdfast.services.orders import place_order
from holdfast.services.secret_orders import refuse_secrets
from holdfast.settings import Settings
from holdfast.store.tables import Order

router = APIRouter(prefix="/stations/{identity}", tags=["commands"], route_class=IdempotentRoute)


class CallAnswered(Output):
    """`response` of a CALLRESULT, or `error` of a CALLERROR with its code and description.

    `offline`: no gateway holds its socket, nothing was sent. `timeout`: no answer in time; whether
    the station acted on it is not known.
    """

    status: Literal["accepted", "error", "timeout", "offline"]
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    order: UUID | None = None


@router.post("/ocpp-calls")
async def call_station(
    identity: Identity,
    form: CallForm,
    request: Request,
    db: Db,
    expert: Expert,
    wait: Annotated[
        float, Query(gt=0, le=WAIT_MAX_S, description="Seconds to wait for the answer.")
    ] = 30,
) -> CallAnswered:
    """Send one CALL. It is never sent later: without a socket the answer is `offline`.

    The action must be one that a central system sends in the station's OCPP version, and its
    payload must keep the schema; `"validate": false` sends any payload. Passwords and credentials
    of network profiles are refused: they have ways of their own.
    """
    settings: Settings = request.app.state.settings
    organization = await organizations.get_organization(db, expert.organization_id)
    station = await stations.usable_station(db, expert.organization_id, identity)
    check_call(station.protocol, form.action, form.payload, validate=form.validate_payload)
    asked_call = {"action": form.action, "payload": form.payload}
    refuse_secrets("call", asked_call)
    online = await stations.station_is_online(db, station, settings.gateway_lease_s)
    order: Order | None = None
    if online:
        await prices_by_hand.stand_in_line(db, station, "call", asked_call)
        order = await place_order(
            db,
            organization=organization,
            station=station,
            kind="call",
            payload=asked_call,
            not_after=datetime.now(UTC) + timedelta(seconds=wait),
            requested_by=expert.actor,
            relay_at=relay_at(wait),
        )
        await prices_by_hand.note_order(db, station, order)
    # The payload may carry a token or a password: the log names the action alone.
    await audit.record(
        db,
        expert.organization_id,
        actor=expert.actor,
        action="station.ocpp_call",
        subject=f"station:{identity}",
        details={
            "action": form.action,
            "order": None if order is None else str(order.id),
            "online": online,
        },
    )
    if order is None:
        return CallAnswered(status="offline")
    placed = PlacedOrder.of(order, organization, station)
    asked = getattr(request.state, "idempotent", None)
    if asked is not None:
        # Sent again, it is not called again; what became of it is in the order.
        unknown = CallAnswered(status="timeout", order=order.id)
        await asked.remember(200, unknown.model_dump_json().encode())
    seen, _ = await OrderWait.of(request).see_through(db, placed, wait)
    return answer_of(seen)


def answer_of(order: Order) -> CallAnswered:
    """What an order of kind "call" says, in the words of the interface."""
    answer = order.answer or {}
    error, response = answer.get("error"), answer.get("response")
    if order.state in ("accepted", "rejected") and isinstance(response, dict):
        return CallAnswered(status="accepted", response=response, order=order.id)
    if order.state in ("accepted", "rejected"):
        shown = error if isinstance(error, dict) else None
        return CallAnswered(status="error", error=shown, order=order.id)
    if order.state in ("expired", "cancelled") and order.sent_at is None:
        return CallAnswered(status="offline", order=order.id)
    return CallAnswered(status="timeout", order=order.id)
