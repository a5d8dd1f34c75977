"""Commands: typed, version-neutral orders to a station, waited for a moment.

Answered 200 when the station has answered or the order is over, and 202 while it waits or has no
answer yet: read the order until it is final.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from api.order_wait import OrderWait, PlacedOrder
from api.routes.command_forms import (
    AvailabilityForm,
    ConfigureForm,
    DataTransferForm,
    ReadConfigurationForm,
    ResetForm,
    StartForm,
    StopForm,
    TriggerForm,
    UnlockForm,
)
from api.routes.fields import WAIT_MAX_S, Identity
from api.routes.orders import OrderShown, to_order
from holdfast.contracts.orders import OrderKind
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.principal import Commander, Principal
from holdfast.services import audit, organizations, remote_start, sessions, stations
from holdfast.services.orders import OPEN_ORDER_STATES, place_order
from holdfast.services.refusal import Conflict
from holdfast.settings import Settings

router = APIRouter(
    prefix="/stations/{identity}/commands", tags=["commands"], route_class=IdempotentRoute
)

VALID_S = 300
START_VALID_S = 120  # nobody wants a car to start when the driver has left
STOP_VALID_S = 3_600

Wait = Annotated[
    float,
    Query(ge=0, le=WAIT_MAX_S, description="Seconds to wait for the station's answer."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """What to order, and how the audit log tells of it (names, never values)."""

    kind: OrderKind
    payload: Mapping[str, Any]
    details: Mapping[str, Any]
    valid_s: int = VALID_S
    session_id: UUID | None = None


@router.post("/start", responses={202: {"model": OrderShown}})
async def start(
    identity: Identity,
    form: StartForm,
    request: Request,
    response: Response,
    db: Db,
    commander: Commander,
    wait: Wait = 10,
) -> OrderShown:
    """Start a session. Its row exists from now on; the station's start is linked to it."""
    settings: Settings = request.app.state.settings
    organization = await organizations.get_organization(db, commander.organization_id)
    station = await stations.usable_station(db, commander.organization_id, identity)
    now = datetime.now(UTC)
    placed = await remote_start.place_start(
        db,
        organization,
        station,
        remote_start.StartAsked(
            evse=form.evse,
            connector=form.connector,
            token_uid=form.token,
            payment_id=form.payment,
        ),
        requested_by=commander.actor,
        now=now,
        not_after=now + timedelta(seconds=min(START_VALID_S, settings.session_start_timeout_s)),
        start_timeout_s=settings.session_start_timeout_s,
    )
    details = {"evse": form.evse, "session": str(placed.session.id), "order": str(placed.order.id)}
    await _audit(db, commander, "start", identity, details)
    order = PlacedOrder.of(placed.order, organization, station)
    return await see_through(request, response, db, order, wait)


@router.post("/stop", responses={202: {"model": OrderShown}})
async def stop(
    identity: Identity,
    form: StopForm,
    request: Request,
    response: Response,
    db: Db,
    commander: Commander,
    wait: Wait = 10,
) -> OrderShown:
    """Stop a transaction. The session ends when the station says that it has."""
    transaction_id, session_id = form.transaction_id, form.session
    if session_id is not None:
        seen = await sessions.see_session(db, commander.organization_id, session_id)
        if seen.station != identity:
            raise Conflict(f"the session is at station {seen.station!r}")
        if seen.ended_at is not None:
            raise Conflict("the session has ended already")
        transaction_id = seen.session.transaction_id
        if transaction_id is None:
            raise Conflict("the station has not reported a transaction yet: force its end instead")
    ordered = Ordered(
        kind="stop",
        payload={"transaction_id": transaction_id},
        details={"transaction_id": transaction_id},
        valid_s=STOP_VALID_S,
        session_id=session_id,
    )
    return await _order(request, response, db, commander, identity, ordered, wait)


@router.post("/reset", responses={202: {"model": OrderShown}})
async def reset(
    identity: Identity,
    form: ResetForm,
    request: Request,
    response: Response,
    db: Db,
    commander: Commander,
    wait: Wait = 10,
) -> OrderShown:
    """Boot the station again."""
    payload = form.model_dump()
    ordered = Ordered(kind="reset", payload=payload, details=payload)
    return await _order(request, response, db, commander, identity, ordered, wait)


@router.post("/unlock", responses={202: {"model": OrderShown}})
async def unlock(
    identity: Identity,
    form: UnlockForm,
    request: Request,
    response: Response,
    db: Db,
    commander: Commander,
    wait: Wait = 10,
) -> OrderShown:
    """Let go of a cable."""
    payload = form.model_dump()
    ordered = Ordered(kind="unlock", payload=payload, details=payload)
    return await _order(request, response, db, commander, identity, ordered, wait)


@router.post("/availability", responses={202: {"model": OrderShown}})
async def availability(
    identity: Identity,
    form: AvailabilityForm,
    request: Request,
    response: Response,
    db: Db,
    commander: Commander,
    wait: Wait = 10,
) -> OrderShown:
    """Put a station or a part of it in or out of service."""
    payload = {**form.model_dump(), "evse": form.evse or 0}
    ordered = Ordered(kind="availability", payload=payload, details=payload)
    return await _order(request, response, db, commander, identity, ordered, wait)


@router.post("/trigger", responses={202: {"model": OrderShown}})
async def trigger(
    identity: Identity,
    form: TriggerForm,
    request: Request,
    response: Response,
    db: Db,
    commander: Commander,
    wait: Wait = 10,
) -> OrderShown:
    """Have a message sent."""
    payload = form.model_dump()
    ordered = Ordered(kind="trigger", payload=payload, details=payload)
    return await _order(request, response, db, commander, identity, ordered, wait)


@router.post("/configure", responses={202: {"model": OrderShown}})
async def configure(
    identity: Identity,
    form: ConfigureForm,
    request: Request,
    response: Response,
    db: Db,
    commander: Commander,
    wait: Wait = 10,
) -> OrderShown:
    """Set variables. The audit log names them, not their values."""
    details = {"names": sorted(form.variables)}
    ordered = Ordered(kind="configure", payload=form.model_dump(), details=details)
    return await _order(request, response, db, commander, identity, ordered, wait)


@router.post("/read-configuration", responses={202: {"model": OrderShown}})
async def read_configuration(
    identity: Identity,
    form: ReadConfigurationForm,
    request: Request,
    response: Response,
    db: Db,
    commander: Commander,
    wait: Wait = 10,
) -> OrderShown:
    """Read variables; they are in the order's `response`."""
    payload = form.model_dump()
    ordered = Ordered(kind="read_configuration", payload=payload, details=payload)
    return await _order(request, response, db, commander, identity, ordered, wait)


@router.post("/data-transfer", responses={202: {"model": OrderShown}})
async def data_transfer(
    identity: Identity,
    form: DataTransferForm,
    request: Request,
    response: Response,
    db: Db,
    commander: Commander,
    wait: Wait = 10,
) -> OrderShown:
    """Send a message of the vendor's own."""
    details = {"vendor_id": form.vendor_id, "message_id": form.message_id}
    ordered = Ordered(kind="data_transfer", payload=form.model_dump(), details=details)
    return await _order(request, response, db, commander, identity, ordered, wait)


async def see_through(
    request: Request, response: Response, db: Db, order: PlacedOrder, wait_s: float
) -> OrderShown:
    """Commit, wait, answer: 202 while it is open.

    The answer to a repeat with the same Idempotency-Key is committed together with the order,
    open as it is then; what it becomes replaces it when the wait is over.
    """
    waiter = OrderWait.of(request)
    asked = getattr(request.state, "idempotent", None)
    if asked is not None:
        first = to_order(await waiter.read(db, order))
        await asked.remember(202, first.model_dump_json().encode())
    shown = to_order(await waiter.see_through(db, order, wait_s))
    response.status_code = 202 if shown.state in OPEN_ORDER_STATES else 200
    return shown


async def _order(
    request: Request,
    response: Response,
    db: Db,
    commander: Principal,
    identity: str,
    ordered: Ordered,
    wait_s: float,
) -> OrderShown:
    organization = await organizations.get_organization(db, commander.organization_id)
    station = await stations.usable_station(db, commander.organization_id, identity)
    order = await place_order(
        db,
        organization=organization,
        station=station,
        kind=ordered.kind,
        payload=ordered.payload,
        not_after=datetime.now(UTC) + timedelta(seconds=ordered.valid_s),
        requested_by=commander.actor,
        session_id=ordered.session_id,
    )
    await _audit(db, commander, ordered.kind, identity, {**ordered.details, "order": str(order.id)})
    placed = PlacedOrder.of(order, organization, station)
    return await see_through(request, response, db, placed, wait_s)


async def _audit(
    db: Db, commander: Principal, verb: str, identity: str, details: Mapping[str, Any]
) -> None:
    await audit.record(
        db,
        commander.organization_id,
        actor=commander.actor,
        action=f"station.order.{verb}",
        subject=f"station:{identity}",
        details=details,
    )
