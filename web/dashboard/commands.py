"""Commands to a station as forms: each places an order, and the page shows what comes of it."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from holdfast.domain.currency import Currency
from holdfast.domain.money import round_half_up, to_minor
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.services.refusal import Invalid, NotFound
from holdfast.services.remote_start import StartAsked, StartLimits
from holdfast.services.station_commands import (
    Command,
    Commanded,
    command_station,
    start_session,
    stop_session,
    told,
)
from holdfast.services.stations import find_station
from holdfast.services.tariff_choice import version_for_anybody
from holdfast.store.tables import Site, Station
from web.dashboard.command_fields import Clock, CommandForm, Form, amount, patience, whole
from web.dashboard.command_forms import COMMANDS, MORE
from web.live_page import uuid_or_none
from web.rendering import segment
from web.visit import Visit, back_to


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
        payload = _read(COMMANDS[name], visit.form, await _clock(visit))
        commanded = await command_station(
            visit.db,
            visit.viewer.organization_id,
            _identity(visit),
            Command(kind=COMMANDS[name].name, payload=payload, details=told(payload)),
            actor=visit.viewer.actor,
            not_after=visit.desk.pages.now() + patience(visit.form),
        )
    else:
        raise NotFound("command", name)
    page = f"/stations/{segment(commanded.station.identity)}"
    if name in MORE:
        page += "/orders"
    return back_to(f"{page}?order={commanded.order.id}#orders")


def _read(command: CommandForm, form: Form, clock: Clock) -> dict[str, Any]:
    """A refusal names the field as the page does."""
    try:
        return command.payload(form, clock)
    except Invalid as refusal:
        labels = {field.name: field.label for field in command.fields}
        label = labels.get(refusal.field, refusal.field)
        raise Invalid(label, refusal.value, refusal.expected) from refusal


async def _clock(visit: Visit) -> Clock:
    """Times are written on the clock of the station's site."""
    station = await find_station(visit.db, visit.viewer.organization_id, _identity(visit))
    site = None if station.site_id is None else await visit.db.get(Site, station.site_id)
    zone = ZoneInfo("UTC" if site is None else site.time_zone)
    return Clock(now=visit.desk.pages.now(), zone=zone)


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
        evse=whole(visit.form, "evse", least=1),
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
        amount(visit.form, name) for name in ("limit_kwh", "limit_minutes", "limit_cost")
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


async def cost_currency(db: AsyncSession, station: Station, now: datetime) -> Currency | None:
    """In which a session that starts there now is priced; None without a tariff."""
    version = await version_for_anybody(
        db,
        organization_id=station.organization_id,
        site_id=station.site_id,
        station_id=station.id,
        at=now,
    )
    return None if version is None else tariff_from_json(version.body).currency
