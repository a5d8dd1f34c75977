"""Commands to a station as forms: each places an order, and the page shows what comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.services import audit
from holdfast.services.orders import place_order
from holdfast.services.refusal import Conflict, Invalid, NotFound
from holdfast.services.remote_start import StartAsked, place_start
from holdfast.services.scope import find
from holdfast.services.stations import usable_station
from holdfast.store.tables import Order, Organization, Session, Station
from web.rendering import segment
from web.visit import Visit, back_to

NUMBER_MAX = 999
PATIENCE_S = {"120": "2 minutes", "3600": "1 hour", "86400": "1 day"}
TRIGGERS = (
    "BootNotification",
    "Heartbeat",
    "StatusNotification",
    "MeterValues",
    "FirmwareStatusNotification",
)

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """An input of a form: a choice where there are options, else a number or a text."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    number: bool = False
    value: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A form. `payload` reads it into the payload of `contracts.orders`."""

    name: str
    title: str
    icon: str
    note: str
    fields: tuple[Field, ...]
    payload: Callable[[Form], dict[str, Any]]


def _whole(form: Form, name: str, *, least: int = 0) -> int:
    text = form.get(name, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise Invalid(name, text, f"use a whole number from {least} to {NUMBER_MAX}")
    if int(text) < least:
        raise Invalid(name, text, f"use a whole number from {least} to {NUMBER_MAX}")
    return int(text)


def _whole_or_none(form: Form, name: str) -> int | None:
    return _whole(form, name) if form.get(name, "").strip() else None


def _choice(form: Form, name: str, choices: tuple[str, ...]) -> str:
    value = form.get(name, "")
    if value not in choices:
        raise Invalid(name, value, f"use one of {', '.join(choices)}")
    return value


def _reset(form: Form) -> dict[str, Any]:
    return {"type": _choice(form, "type", ("soft", "hard"))}


def _unlock(form: Form) -> dict[str, Any]:
    return {
        "evse": _whole(form, "evse", least=1),
        "connector": _whole(form, "connector", least=1),
    }


def _availability(form: Form) -> dict[str, Any]:
    return {
        "evse": _whole(form, "evse"),
        "connector": _whole_or_none(form, "connector"),
        "operative": _choice(form, "operative", ("yes", "no")) == "yes",
    }


def _trigger(form: Form) -> dict[str, Any]:
    return {"message": _choice(form, "message", TRIGGERS), "evse": _whole_or_none(form, "evse")}


EVSE = Field(name="evse", label="EVSE", number=True, value="1")
CONNECTOR = Field(name="connector", label="Connector", number=True, value="1")

COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command(
            name="reset",
            title="Reset",
            icon="theme",
            note="Soft ends sessions first; hard restarts at once.",
            fields=(
                Field(name="type", label="Kind", options=(("soft", "Soft"), ("hard", "Hard"))),
            ),
            payload=_reset,
        ),
        Command(
            name="unlock",
            title="Unlock connector",
            icon="lock",
            note="Releases a stuck cable.",
            fields=(EVSE, CONNECTOR),
            payload=_unlock,
        ),
        Command(
            name="availability",
            title="Change availability",
            icon="ban",
            note="EVSE 0 is the whole station.",
            fields=(
                Field(name="evse", label="EVSE", number=True, value="0"),
                Field(name="connector", label="Connector", number=True, optional=True),
                Field(
                    name="operative",
                    label="Make it",
                    options=(("yes", "Operative"), ("no", "Inoperative")),
                ),
            ),
            payload=_availability,
        ),
        Command(
            name="trigger",
            title="Ask for a message",
            icon="send",
            note="The station sends it again now.",
            fields=(
                Field(
                    name="message",
                    label="Message",
                    options=tuple((name, name) for name in TRIGGERS),
                ),
                Field(name="evse", label="EVSE", number=True, optional=True),
            ),
            payload=_trigger,
        ),
    )
}


async def command_station(visit: Visit) -> Response:
    """POST /stations/{identity}/commands/{command}: place the order, see the page again."""
    station, organization = await find_target(visit)
    name = visit.request.path_params["command"]
    if name == "start":
        return await _start(visit, station, organization)
    session_id: UUID | None = None
    if name == "stop":
        session_id, payload = await _stop(visit.db, visit, station)
    elif name in COMMANDS:
        payload = COMMANDS[name].payload(visit.form)
    else:
        raise NotFound("command", name)
    order = await place_order(
        visit.db,
        organization=organization,
        station=station,
        kind=name,
        payload=payload,
        not_after=visit.desk.pages.now() + patience(visit.form),
        requested_by=visit.viewer.actor,
        session_id=session_id,
    )
    return await _placed(visit, station, order)


async def find_target(visit: Visit) -> tuple[Station, Organization]:
    """The station of the path, which can take orders. Raises NotFound, Conflict (retired)."""
    organization_id = visit.viewer.organization_id
    station = await usable_station(visit.db, organization_id, visit.request.path_params["identity"])
    return station, await visit.db.get_one(Organization, organization_id)


def patience(form: Form) -> timedelta:
    """How long an order may wait for a station that is offline."""
    return timedelta(seconds=int(_choice(form, "patience", tuple(PATIENCE_S))))


async def _start(visit: Visit, station: Station, organization: Organization) -> Response:
    now = visit.desk.pages.now()
    placed = await place_start(
        visit.db,
        organization,
        station,
        StartAsked(
            evse=_whole(visit.form, "evse", least=1), token_uid=visit.form.get("token", "").strip()
        ),
        requested_by=visit.viewer.actor,
        now=now,
        not_after=now + patience(visit.form),
        start_timeout_s=visit.desk.settings.session_start_timeout_s,
    )
    return await _placed(visit, station, placed.order)


async def _placed(visit: Visit, station: Station, order: Order) -> Response:
    await audit.record(
        visit.db,
        visit.viewer.organization_id,
        actor=visit.viewer.actor,
        action=f"station.{order.kind}",
        subject=f"station:{station.id}",
        details={"order": str(order.id), "identity": station.identity},
    )
    return back_to(f"/stations/{segment(station.identity)}?order={order.id}#orders")


async def _stop(db: AsyncSession, visit: Visit, station: Station) -> tuple[UUID, dict[str, Any]]:
    try:
        session_id = UUID(visit.form.get("session", ""))
    except ValueError:
        raise Invalid("session", visit.form.get("session", ""), "choose a session") from None
    session = await find(db, Session, visit.viewer.organization_id, session_id, "session")
    if session.station_id != station.id:
        raise NotFound("session of this station", session_id)
    if session.transaction_id is None or session.ended_at is not None:
        raise Conflict("this session is not running, so there is nothing to stop")
    return session.id, {"transaction_id": session.transaction_id}
