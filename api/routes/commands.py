"""Commands: typed, version-neutral orders to a station, waited for a moment.

Answered 200 when the station has answered or the order is over, and 202 while it waits or has no
answer yet: read the order until it is final.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.order_wait import OrderWait, PlacedOrder, relay_at
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
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.permissions import Permission
from holdfast.http.principal import Principal, allowed
from holdfast.services.orders import OPEN_ORDER_STATES
from holdfast.services.remote_start import StartAsked, StartLimits
from holdfast.services.station_commands import (
    Command,
    Commanded,
    command_station,
    start_session,
    stop_session,
)
from holdfast.services.station_settings import note_wanted

router = APIRouter(
    prefix="/stations/{identity}/commands", tags=["commands"], route_class=IdempotentRoute
)

VALID_S = 300
START_VALID_S = 120  # nobody wants a car to start when the driver has left
STOP_VALID_S = 3_600
VALID_S_MAX = 30 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A command on its way: who asks which station, and how long the answer is waited for."""

    request: Request
    response: Response
    db: Db
    commander: Principal
    identity: str
    wait_s: float
    valid_s: int | None = None

    async def order(self, command: Command, *, valid_s: int = VALID_S) -> OrderShown:
        """Order it and wait. `valid_s`: how long it may wait, where the caller does not say."""
        valid_s = self.valid_s or valid_s
        commanded = await command_station(
            self.db,
            self.commander.organization_id,
            self.identity,
            command,
            actor=self.commander.actor,
            not_after=datetime.now(UTC) + timedelta(seconds=valid_s),
            relay_at=relay_at(self.wait_s),
        )
        return await self.see_through(commanded)

    async def see_through(self, commanded: Commanded) -> OrderShown:
        """Commit, wait, answer: 202 while it is open.

        The answer to a repeat with the same Idempotency-Key is committed together with the order,
        open as it is then; what it becomes replaces it when the wait is over.
        """
        order = PlacedOrder.of(commanded.order, commanded.organization, commanded.station)
        waiter = OrderWait.of(self.request)
        asked = getattr(self.request.state, "idempotent", None)
        if asked is not None:
            first = to_order(await waiter.read(self.db, order))
            await asked.remember(202, first.model_dump_json().encode())
        shown = to_order(await waiter.see_through(self.db, order, self.wait_s))
        self.response.status_code = 202 if shown.state in OPEN_ORDER_STATES else 200
        return shown


def asking_with(permission: Permission) -> Callable[..., Asking]:
    """A dependency: what every command is given besides its form, for who has the permission."""

    def asking(
        identity: Identity,
        request: Request,
        response: Response,
        db: Db,
        commander: Annotated[Principal, Depends(allowed(permission))],
        wait: Annotated[
            float,
            Query(ge=0, le=WAIT_MAX_S, description="Seconds to wait for the station's answer."),
        ] = 10,
        valid_s: Annotated[
            int | None,
            Query(
                ge=1,
                le=VALID_S_MAX,
                description="Seconds that the order may wait for a station that is away; without "
                "it each command has its own. A start and a stop keep theirs.",
            ),
        ] = None,
    ) -> Asking:
        return Asking(
            request=request,
            response=response,
            db=db,
            commander=commander,
            identity=identity,
            wait_s=wait,
            valid_s=valid_s,
        )

    return asking


Asked = Annotated[Asking, Depends(asking_with(Permission.COMMAND))]
ExpertAsked = Annotated[Asking, Depends(asking_with(Permission.OCPP_CALL))]
MAY_WAIT: dict[int | str, dict[str, Any]] = {202: {"model": OrderShown}}


@router.post("/start", responses=MAY_WAIT)
async def start(form: StartForm, asked: Asked) -> OrderShown:
    """Start a session. Its row exists from now on; the station's start is linked to it.

    Where one of its limits is reached, the station is ordered to stop it.
    """
    now = datetime.now(UTC)
    commanded = await start_session(
        asked.db,
        asked.commander.organization_id,
        asked.identity,
        StartAsked(
            evse=form.evse,
            connector=form.connector,
            token_uid=form.token,
            payment_id=form.payment,
            limits=StartLimits(**form.limits.model_dump()),
        ),
        actor=asked.commander.actor,
        now=now,
        not_after=now + timedelta(seconds=START_VALID_S),
        settings=asked.request.app.state.settings,
        relay_at=relay_at(asked.wait_s),
    )
    return await asked.see_through(commanded)


@router.post("/stop", responses=MAY_WAIT)
async def stop(form: StopForm, asked: Asked) -> OrderShown:
    """Stop a transaction. The session ends when the station says that it has."""
    if form.session is None:
        payload = {"transaction_id": form.transaction_id}
        command = Command(kind="stop", payload=payload, details=payload)
        return await asked.order(command, valid_s=STOP_VALID_S)
    commanded = await stop_session(
        asked.db,
        asked.commander.organization_id,
        form.session,
        actor=asked.commander.actor,
        not_after=datetime.now(UTC) + timedelta(seconds=STOP_VALID_S),
        identity=asked.identity,
        relay_at=relay_at(asked.wait_s),
    )
    return await asked.see_through(commanded)


@router.post("/reset", responses=MAY_WAIT)
async def reset(form: ResetForm, asked: Asked) -> OrderShown:
    """Boot the station again."""
    payload = form.model_dump()
    return await asked.order(Command(kind="reset", payload=payload, details=payload))


@router.post("/unlock", responses=MAY_WAIT)
async def unlock(form: UnlockForm, asked: Asked) -> OrderShown:
    """Let go of a cable."""
    payload = form.model_dump()
    return await asked.order(Command(kind="unlock", payload=payload, details=payload))


@router.post("/availability", responses=MAY_WAIT)
async def availability(form: AvailabilityForm, asked: Asked) -> OrderShown:
    """Put a station or a part of it in or out of service."""
    payload = {**form.model_dump(), "evse": form.evse or 0}
    return await asked.order(Command(kind="availability", payload=payload, details=payload))


@router.post("/trigger", responses=MAY_WAIT)
async def trigger(form: TriggerForm, asked: Asked) -> OrderShown:
    """Have a message sent."""
    payload = form.model_dump()
    return await asked.order(Command(kind="trigger", payload=payload, details=payload))


@router.post("/configure", responses=MAY_WAIT)
async def configure(form: ConfigureForm, asked: Asked) -> OrderShown:
    """Set variables. The audit log names them, not their values."""
    details = {"names": sorted(form.variables)}
    await note_wanted(
        asked.db,
        asked.commander.organization_id,
        asked.identity,
        form.variables,
        actor=asked.commander.actor,
        now=datetime.now(UTC),
    )
    return await asked.order(Command(kind="configure", payload=form.model_dump(), details=details))


@router.post("/read-configuration", responses=MAY_WAIT)
async def read_configuration(form: ReadConfigurationForm, asked: Asked) -> OrderShown:
    """Read variables; they are in the order's `response`."""
    payload = form.model_dump()
    return await asked.order(Command(kind="read_configuration", payload=payload, details=payload))


@router.post("/data-transfer", responses=MAY_WAIT)
async def data_transfer(form: DataTransferForm, asked: Asked) -> OrderShown:
    """Send a message of the vendor's own."""
    details = {"vendor_id": form.vendor_id, "message_id": form.message_id}
    command = Command(kind="data_transfer", payload=form.model_dump(), details=details)
    return await asked.order(command)
