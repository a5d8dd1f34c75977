"""Commands to a station as forms: each places an order, and the page shows what comes of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.contracts.orders import OrderKind
from holdfast.domain.currency import Currency
from holdfast.domain.money import round_half_up, to_minor
from holdfast.domain.tariff_json import tariff_from_json
from holdfast.services.refusal import Invalid, NotFound
from holdfast.services.remote_start import StartAsked, StartLimits
from holdfast.services.station_commands import (
    Command,
    Commanded,
    command_station,
    start_session,
    stop_session,
)
from holdfast.services.stations import find_station
from holdfast.services.tariff_choice import version_in_force
from holdfast.store.tables import Station
from web.live_page import uuid_or_none
from web.rendering import segment
from web.visit import Visit, back_to

AMOUNT = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,3})?")
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
class CommandForm:
    """A form. `payload` reads it into the payload of `contracts.orders`."""

    name: OrderKind
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

COMMANDS: dict[str, CommandForm] = {
    command.name: command
    for command in (
        CommandForm(
            name="reset",
            title="Reset",
            icon="restart",
            note="Soft ends sessions first; hard restarts at once.",
            fields=(
                Field(name="type", label="Kind", options=(("soft", "Soft"), ("hard", "Hard"))),
            ),
            payload=_reset,
        ),
        CommandForm(
            name="unlock",
            title="Unlock connector",
            icon="lock",
            note="Releases a stuck cable.",
            fields=(EVSE, CONNECTOR),
            payload=_unlock,
        ),
        CommandForm(
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
        CommandForm(
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


async def post_command(visit: Visit) -> Response:
    """POST /stations/{identity}/commands/{command}: place the order, see the page again."""
    name = visit.request.path_params["command"]
    if name == "start":
        commanded = await _start(visit)
    elif name == "stop":
        commanded = await stop_session(
            visit.db,
            visit.viewer.organization_id,
            _session_id(visit.form),
            actor=visit.viewer.actor,
            not_after=visit.desk.pages.now() + patience(visit.form),
            identity=_identity(visit),
        )
    elif name in COMMANDS:
        payload = COMMANDS[name].payload(visit.form)
        commanded = await command_station(
            visit.db,
            visit.viewer.organization_id,
            _identity(visit),
            Command(kind=COMMANDS[name].name, payload=payload, details=payload),
            actor=visit.viewer.actor,
            not_after=visit.desk.pages.now() + patience(visit.form),
        )
    else:
        raise NotFound("command", name)
    identity = segment(commanded.station.identity)
    return back_to(f"/stations/{identity}?order={commanded.order.id}#orders")


def patience(form: Form) -> timedelta:
    """How long an order may wait for a station that is offline."""
    return timedelta(seconds=int(_choice(form, "patience", tuple(PATIENCE_S))))


def _identity(visit: Visit) -> str:
    return str(visit.request.path_params["identity"])


def _session_id(form: Form) -> UUID:
    session_id = uuid_or_none(form.get("session"))
    if session_id is None:
        raise Invalid("session", form.get("session", ""), "choose a session")
    return session_id


async def _start(visit: Visit) -> Commanded:
    now = visit.desk.pages.now()
    asked = StartAsked(
        evse=_whole(visit.form, "evse", least=1),
        token_uid=visit.form.get("token", "").strip(),
        limits=await _limits(visit, now),
    )
    return await start_session(
        visit.db,
        visit.viewer.organization_id,
        _identity(visit),
        asked,
        actor=visit.viewer.actor,
        now=now,
        not_after=now + patience(visit.form),
        settings=visit.desk.settings,
    )


async def _limits(visit: Visit, now: datetime) -> StartLimits:
    """As people say them: kWh, minutes, and money of the tariff that applies now."""
    kwh, minutes, cost = (
        _amount(visit.form, name) for name in ("limit_kwh", "limit_minutes", "limit_cost")
    )
    cost_minor: int | None = None
    if cost is not None:
        station = await find_station(visit.db, visit.viewer.organization_id, _identity(visit))
        currency = await cost_currency(visit.db, station, now)
        if currency is None:
            raise Invalid("limit_cost", cost, "leave it empty: no tariff applies at this station")
        cost_minor = to_minor(cost, currency)
    return StartLimits(
        energy_wh=None if kwh is None else round_half_up(kwh * 1_000),
        duration_s=None if minutes is None else round_half_up(minutes * 60),
        cost_minor=cost_minor,
    )


def _amount(form: Form, name: str) -> Decimal | None:
    text = form.get(name, "").strip().replace(",", ".")
    if not text:
        return None
    if not AMOUNT.fullmatch(text):
        raise Invalid(name, text, "use a number such as 25 or 7.5")
    return Decimal(text)


async def cost_currency(db: AsyncSession, station: Station, now: datetime) -> Currency | None:
    """In which a session that starts there now is priced; None without a tariff."""
    version = await version_in_force(
        db,
        organization_id=station.organization_id,
        site_id=station.site_id,
        station_id=station.id,
        at=now,
    )
    return None if version is None else tariff_from_json(version.body).currency
