"""Changes of how a station reaches us, with the old way behind the new one (OCPP 2.x B09, B10)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts import network_changes as contract
from holdfast.contracts.names import network_workflow_id
from holdfast.services import audit
from holdfast.services.orders import place_order
from holdfast.services.outbox import notify, tell
from holdfast.services.refusal import Conflict, Invalid, NotFound
from holdfast.services.review_tasks import open_station_review
from holdfast.services.scope import belongs, owned
from holdfast.services.secret_orders import refuse_user
from holdfast.services.stations import usable_station
from holdfast.store.tables import (
    NetworkChange,
    Order,
    Organization,
    Station,
    StationConnection,
    StationVariable,
)

OPEN_STATES = ("writing", "ordering", "returning")
SLOTS_MAX = 20
RESTORED_WITHIN = timedelta(days=7)
PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"
ACTIVE = {
    "action": "GetVariables",
    "payload": {
        "getVariableData": [
            {
                "component": {"name": "OCPPCommCtrlr"},
                "variable": {"name": "ActiveNetworkProfile"},
            }
        ]
    },
}


def start_message(
    change: NetworkChange, organization: Organization, station: Station, *, rebuilt: bool = False
) -> contract.StartChange:
    """What starts the change's workflow."""
    return contract.StartChange(
        change_id=change.id,
        organization=organization.slug,
        organization_id=organization.id,
        station_id=station.id,
        station=station.identity,
        site_id=station.site_id,
        reset=change.reset,
        deadline_at=change.deadline_at,
        rebuilt=rebuilt,
    )


def slots_of(priority: str) -> list[int]:
    """The slots of a list "1,2". Raises Invalid."""
    try:
        slots = [int(part) for part in priority.split(",")]
    except ValueError:
        raise Invalid("priority", priority, 'slots with commas, as in "1,2"') from None
    if not slots or len(slots) > SLOTS_MAX or len(set(slots)) != len(slots) or min(slots) < 0:
        raise Invalid("priority", priority, "each slot once, none below 0")
    return slots


async def begin_change(
    db: AsyncSession,
    organization_id: UUID,
    identity: str,
    *,
    slot: int,
    priority: str | None,
    profile: Mapping[str, Any],
    reset: bool,
    now: datetime,
    hours: int,
    actor: str,
) -> NetworkChange:
    """Place a change. `priority` is the station's list of slots as it is now; None: as the station
    told last. Audited.

    Raises NotFound, Invalid (the slot is in use; no list was told; a user in the address), Conflict
    (OCPP 1.6, one under way, a security profile below what the station must use).
    """
    station = await usable_station(db, organization_id, identity)
    refuse_user("profile.url", str(profile["url"]))
    priority = await _priority_beside(db, station, priority, slot)
    await _check_ready(db, station, int(profile["security_profile"]))
    change = NetworkChange(
        organization_id=organization_id,
        station_id=station.id,
        slot=slot,
        profile=dict(profile),
        priority_before=priority,
        reset=reset,
        generation_before=await _generation(db, station),
        deadline_at=now + timedelta(hours=hours),
        requested_by=actor,
    )
    db.add(change)
    await db.flush()
    organization = await db.get_one(Organization, organization_id)
    await tell(
        db,
        organization_id,
        network_workflow_id(change.id),
        operation="start",
        name=contract.WORKFLOW,
        message=start_message(change, organization, station),
    )
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="station.network_profile",
        subject=f"station:{station.id}",
        details={"slot": slot, "priority": priority, "profile": dict(profile), "reset": reset},
    )
    await notify(db, ["stations", "outbox"])
    await db.refresh(change)
    return change


async def _priority_beside(
    db: AsyncSession, station: Station, priority: str | None, slot: int
) -> str:
    """The list of slots as it is, which must not hold the new one."""
    priority = priority or await told_priority(db, station)
    if priority is None:
        raise Invalid("priority", "", "the station never told its list of slots: write it")
    if slot in slots_of(priority):
        raise Invalid("slot", slot, "a slot that the list does not hold: the old one must stay")
    return priority


async def _generation(db: AsyncSession, station: Station) -> int:
    """Of the station's last connection; 0 where it never came."""
    generation = await db.scalar(
        select(StationConnection.generation).where(
            belongs(StationConnection, station.organization_id),
            StationConnection.station_id == station.id,
        )
    )
    return generation or 0


async def told_priority(db: AsyncSession, station: Station) -> str | None:
    """The list of slots that the station told last; None where it told none that can be one."""
    component, _, variable = PRIORITY.partition(".")
    told = await db.scalar(
        select(StationVariable.value).where(
            belongs(StationVariable, station.organization_id),
            StationVariable.station_id == station.id,
            func.lower(StationVariable.component) == component.lower(),
            func.lower(StationVariable.variable) == variable.lower(),
            StationVariable.attribute == "actual",
            StationVariable.gone_at.is_(None),
        )
    )
    written = (told or "").replace(" ", "")
    try:
        slots_of(written)
    except Invalid:
        return None
    return written


async def _check_ready(db: AsyncSession, station: Station, profile: int) -> None:
    if (station.protocol or "ocpp1.6") == "ocpp1.6":
        raise Conflict("OCPP 1.6 has no network profiles: change its address on the station itself")
    least = station.security_profile
    if least is None:
        least = 0 if station.password_hash is None else 1
    if profile < least:
        raise Conflict(f"the station must use security profile {least} or higher")
    open_one = await last_change(db, station)
    if open_one is not None and open_one.state in OPEN_STATES:
        raise Conflict("a change is under way")


async def last_change(db: AsyncSession, station: Station) -> NetworkChange | None:
    """The newest, whatever became of it."""
    return await db.scalar(
        owned(NetworkChange, station.organization_id)
        .where(NetworkChange.station_id == station.id)
        .order_by(NetworkChange.id.desc())
        .limit(1)
    )


async def place_step(
    db: AsyncSession, change_id: UUID, step: contract.Step, now: datetime
) -> contract.ChangeSeen:
    """The order of a step, once. Raises NotFound."""
    change, station, organization = await _open(db, change_id)
    if change.state in OPEN_STATES:
        kind, payload = _order(change, step)
        change.state = {"profile": "writing", "priority": "ordering"}.get(step, "returning")
        late = change.deadline_at if step != "restore" else now + RESTORED_WITHIN
        await place_order(
            db,
            organization=organization,
            station=station,
            kind=kind,
            payload=payload,
            not_after=late,
            requested_by=change.requested_by,
            order_id=uuid5(change_id, step),
        )
        await notify(db, ["stations"])
    return await look(db, change_id, step)


def _order(change: NetworkChange, step: contract.Step) -> tuple[str, dict[str, Any]]:
    if step == "profile":
        return "network_profile", {"slot": change.slot, "profile": change.profile}
    if step == "priority":
        return "configure", {"variables": {PRIORITY: f"{change.slot},{change.priority_before}"}}
    if step == "restore":
        return "configure", {"variables": {PRIORITY: change.priority_before}}
    if step == "active":
        return "call", ACTIVE
    return "reset", {"type": "soft", "evse": None}


async def look(db: AsyncSession, change_id: UUID, step: contract.Step) -> contract.ChangeSeen:
    """How the change, the step's order and the connection stand. Raises NotFound."""
    change = await db.get(NetworkChange, change_id)
    if change is None:
        raise NotFound("network change", change_id)
    order = await db.scalar(
        select(Order).where(
            belongs(Order, change.organization_id), Order.id == uuid5(change_id, step)
        )
    )
    connection = await db.scalar(
        owned(StationConnection, change.organization_id).where(
            StationConnection.station_id == change.station_id
        )
    )
    back = (
        connection is not None
        and connection.boot_id is not None
        and connection.generation > change.generation_before
        and (connection.security_profile or 0) >= int(change.profile["security_profile"])
    )
    return contract.ChangeSeen(
        state=change.state,
        order=order.state if order is not None else None,
        back=back,
        active_slot=_slot_said(order.answer) if order is not None and step == "active" else None,
        slot=change.slot,
    )


def _slot_said(answer: Mapping[str, Any] | None) -> int | None:
    """The value of ActiveNetworkProfile in an answer, if there is one."""
    results = ((answer or {}).get("response") or {}).get("getVariableResult")
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        return None
    value = str(results[0].get("attributeValue") or "")
    return int(value) if value.isascii() and value.isdigit() else None


async def end(
    db: AsyncSession, change_id: UUID, state: str, reason: str | None, now: datetime
) -> contract.ChangeSeen:
    """Write how it ended, once; where it did not work a person is asked. Raises NotFound."""
    change, station, _ = await _open(db, change_id)
    if change.state in OPEN_STATES:
        change.state, change.reason, change.finished_at = state, reason, now
        if state != "done":
            await open_station_review(
                db, station, kind="network_profile", details={"slot": change.slot, "reason": reason}
            )
        await notify(db, ["stations"])
    return contract.ChangeSeen(state=change.state, slot=change.slot)


async def _open(db: AsyncSession, change_id: UUID) -> tuple[NetworkChange, Station, Organization]:
    change = await db.get(NetworkChange, change_id, with_for_update=True)
    if change is None:
        raise NotFound("network change", change_id)
    station = await db.get_one(Station, change.station_id)
    return change, station, await db.get_one(Organization, change.organization_id)
