"""What people and keys have stations do: the order and its audit entry, from the API or a page.

Every command is audited as `station.order.<kind>` on `station:<identity>`, whoever offers it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.orders import OrderKind
from holdfast.services import audit, orders, prices_by_hand
from holdfast.services.orders import place_order
from holdfast.services.organizations import get_organization
from holdfast.services.refusal import Conflict
from holdfast.services.remote_start import StartAsked, place_start
from holdfast.services.secret_orders import refuse_secrets
from holdfast.services.sessions import see_session
from holdfast.services.stations import usable_station
from holdfast.settings import Settings
from holdfast.store.tables import Order, Organization, Station

# Not in the audit log: they name a person, or are long and open only to machines.
UNTOLD = frozenset(
    {"certificate", "content", "customer", "entries", "signature", "tariff", "token"}
)
# Who may fetch there: the log tells of the place, not of the password or of a signed query.
_CREDENTIALS = re.compile(r"(?<=//)[^/@]*@|[?#].*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to order, and how the audit log tells of it: names, never values that may be secret."""

    kind: OrderKind
    payload: Mapping[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)
    session_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commanded:
    """The order, and to whom it goes."""

    order: Order
    organization: Organization
    station: Station


def told(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What of a payload the audit log may hold."""
    said = {
        name: value
        for name, value in payload.items()
        if name not in UNTOLD and isinstance(value, str | int | float | bool)
    }
    if isinstance(place := said.get("location"), str):
        said["location"] = _CREDENTIALS.sub("", place)
    return said


async def command_station(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    command: Command,
    *,
    actor: str,
    not_after: datetime,
    relay_at: datetime | None = None,
) -> Commanded:
    """Order it. `relay_at`: see `place_order`.

    Raises NotFound, Conflict (retired), Invalid (it would keep a secret in the order), and what
    `place_order` raises.
    """
    refuse_secrets(command.kind, command.payload)
    organization, station = await _target(db, organization_id, identity)
    await prices_by_hand.stand_in_line(db, station, command.kind, command.payload)
    order = await place_order(
        db,
        organization=organization,
        station=station,
        kind=command.kind,
        payload=command.payload,
        not_after=not_after,
        requested_by=actor,
        session_id=command.session_id,
        relay_at=relay_at,
    )
    await prices_by_hand.note_order(db, station, order)
    return await _audited(
        db, Commanded(order=order, organization=organization, station=station), command.details
    )


async def start_session(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    asked: StartAsked,
    *,
    actor: str,
    now: datetime,
    not_after: datetime,
    settings: Settings,
    relay_at: datetime | None = None,
) -> Commanded:
    """Order the start of a session that exists from now on. `relay_at`: see `place_order`.

    Raises what `place_start` raises.
    """
    organization, station = await _target(db, organization_id, identity)
    placed = await place_start(
        db,
        organization,
        station,
        asked,
        requested_by=actor,
        now=now,
        not_after=not_after,
        settings=settings,
        relay_at=relay_at,
    )
    commanded = Commanded(order=placed.order, organization=organization, station=station)
    return await _audited(db, commanded, {"evse": asked.evse})


async def stop_session(
    db: AsyncSession,
    organization_id: UUID,
    session_id: UUID,
    *,
    actor: str,
    not_after: datetime,
    identity: str | None = None,
    relay_at: datetime | None = None,
) -> Commanded:
    """Order the station to stop a running session; it ends when the station says so.

    `identity`: the station that the caller means. `relay_at`: see `place_order`.

    Raises NotFound, Conflict (at another station, ended, never reported).
    """
    seen = await see_session(db, organization_id, session_id)
    if identity not in (None, seen.station):
        raise Conflict(f"the session is at station {seen.station!r}")
    if seen.ended_at is not None:
        raise Conflict("the session has ended already")
    if seen.session.closed_at is not None:
        raise Conflict("the session never started, and is closed")
    transaction_id = seen.session.transaction_id
    if transaction_id is None:
        raise Conflict("the station has not reported a transaction yet: force its end instead")
    payload = {"transaction_id": transaction_id}
    command = Command(kind="stop", payload=payload, details=payload, session_id=session_id)
    return await command_station(
        db,
        organization_id,
        seen.station,
        command,
        actor=actor,
        not_after=not_after,
        relay_at=relay_at,
    )


async def cancel_order(
    db: AsyncSession, organization_id: UUID, order_id: UUID, *, actor: str, now: datetime
) -> Order:
    """Take an order back while it waits. Raises NotFound, Conflict (sent, or over)."""
    order = await orders.cancel_order(db, organization_id, order_id, now)
    station = await db.get_one(Station, order.station_id)
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="station.order_cancel",
        subject=f"station:{station.identity}",
        details={"order": str(order.id), "kind": order.kind},
    )
    return order


async def _target(
    db: AsyncSession, organization_id: UUID, identity: str
) -> tuple[Organization, Station]:
    organization = await get_organization(db, organization_id)
    return organization, await usable_station(db, organization_id, identity)


async def _audited(db: AsyncSession, commanded: Commanded, details: Mapping[str, Any]) -> Commanded:
    order = commanded.order
    about = {"session": order.session_id, "order": order.id}
    await audit.record(
        db,
        commanded.organization.id,
        actor=order.requested_by,
        action=f"station.order.{order.kind}",
        subject=f"station:{commanded.station.identity}",
        details={**details, **{name: str(value) for name, value in about.items() if value}},
    )
    return commanded
