"""Local authorization lists: which tokens belong on a station, and getting them there.

A list is brought up to date by orders, one after another: ask the station for its version, send
what changed since it confirmed last (or everything, where the versions differ), look again. Each
step is placed in the transaction that records the end of the one before (`order_ended`), so that
nothing has to watch over it. Asking first also gathers changes that come one by one.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.local_list import FAILURES_MAX, fitting, next_update, next_version
from holdfast.services import audit
from holdfast.services.list_contents import rule_of, stations_with_rules, wanted_entries
from holdfast.services.orders import place_order
from holdfast.services.outbox import notify
from holdfast.services.refusal import Conflict, Invalid
from holdfast.services.scope import belongs, find, owned
from holdfast.services.stations import find_station
from holdfast.store.tables import (
    LocalList,
    LocalListEntry,
    LocalListRule,
    Order,
    Organization,
    Site,
    Station,
)
from holdfast.store.tables.local_lists import LIST_RULES

CHECK, SEND = "local_list_version", "local_list"
KINDS = (CHECK, SEND)
ACTOR = "system:local-lists"
VALID = timedelta(days=7)
GATHER = timedelta(seconds=2)  # changes within this go out together
RETRY = timedelta(minutes=2)
BEGUN_MAX = 500  # lists per round of upkeep
NO_LIST = -1  # OCPP 1.6 section 5.10: local lists are not supported, or switched off
UNSUPPORTED = frozenset({"NotSupported", "NotImplemented"})


async def set_rule(
    db: AsyncSession,
    organization_id: UUID,
    rule: str | None,
    *,
    actor: str,
    now: datetime,
    site_id: UUID | None = None,
    identity: str | None = None,
) -> None:
    """Say which tokens go on a station, a site's stations or all; None takes the rule away.

    Raises Invalid, NotFound.
    """
    if rule is not None and rule not in LIST_RULES:
        raise Invalid("rule", rule, f"use one of {', '.join(LIST_RULES)}")
    station_id, subject = None, "organization"
    if identity is not None:
        station_id = (await find_station(db, organization_id, identity)).id
        subject = f"station:{identity}"
    elif site_id is not None:
        await find(db, Site, organization_id, site_id, "site")
        subject = f"site:{site_id}"
    await db.execute(
        delete(LocalListRule).where(
            belongs(LocalListRule, organization_id),
            LocalListRule.site_id.is_not_distinct_from(None if identity else site_id),
            LocalListRule.station_id.is_not_distinct_from(station_id),
        )
    )
    if rule is not None:
        await db.execute(
            insert(LocalListRule).values(
                organization_id=organization_id,
                site_id=None if identity else site_id,
                station_id=station_id,
                rule=rule,
            )
        )
    await audit.record(
        db,
        organization_id,
        actor=actor,
        action="local_list.rule",
        subject=subject,
        details={"rule": rule},
    )
    await tokens_changed(db, organization_id, now)


async def tokens_changed(db: AsyncSession, organization_id: UUID, now: datetime) -> None:
    """Every list of the organization may have to change: those that are idle ask their station
    first, and go on from there."""
    ruled = await stations_with_rules(db, organization_id)
    if ruled:
        fresh = [{"id": station_id, "organization_id": organization_id} for station_id in ruled]
        await db.execute(postgresql.insert(LocalList).values(fresh).on_conflict_do_nothing())
    lists = await db.scalars(
        owned(LocalList, organization_id)
        .where(LocalList.state != "unsupported")
        .order_by(LocalList.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for row in lists.all():
        row.changed = True
        # One whose rule was taken away is emptied, once.
        held = row.wanted_count > 0 or (row.full_needed and row.confirmed_version > 0)
        if row.order_id is None and (row.id in ruled or held):
            await _check(db, row, now)
    await db.flush()


async def station_changed(
    db: AsyncSession, organization_id: UUID, identity: str, now: datetime
) -> None:
    """A station is new, was accepted, or stands at another site: its list may begin or change.
    Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    if station.retired_at is not None or station.registration != "accepted":
        return
    wanted = await rule_of(db, station) != "off"
    row = await _locked(db, station.id)
    if row is None and wanted:
        row = await _begun(db, station)
    if row is None or row.state == "unsupported":
        return
    row.changed = True
    if row.order_id is None and (wanted or row.wanted_count > 0):
        await _check(db, row, now)
    await db.flush()


async def begin_missing(db: AsyncSession, now: datetime) -> int:
    """Lists of stations that let themselves in, where a rule was there before them; how many."""
    ruled = select(LocalListRule.organization_id).where(LocalListRule.rule != "off").distinct()
    begun = 0
    for organization_id in (await db.scalars(ruled)).all():
        listed = select(LocalList.id).where(belongs(LocalList, organization_id))
        missing = await stations_with_rules(db, organization_id) - set(await db.scalars(listed))
        for station_id in sorted(missing)[: BEGUN_MAX - begun]:
            row = await _begun(db, await db.get_one(Station, station_id))
            await _check(db, row, now)
            begun += 1
    return begun


async def resync(
    db: AsyncSession, organization_id: UUID, identity: str, *, actor: str, now: datetime
) -> LocalList:
    """Send everything anew, also to a station that refused before. Raises NotFound, Conflict."""
    station = await find_station(db, organization_id, identity)
    rule = await rule_of(db, station)
    row = await _locked(db, station.id)
    if row is None and rule == "off":
        raise Conflict("the station has no local list: set a rule first")
    if row is None:
        row = await _begun(db, station)
    row.changed, row.full_needed, row.failures, row.state = True, True, 0, "pending"
    if row.order_id is None:
        await _check(db, row, now)
    await audit.record(
        db, organization_id, actor=actor, action="local_list.resync", subject=f"station:{identity}"
    )
    await db.flush()
    return row


async def order_ended(db: AsyncSession, order: Order, now: datetime) -> None:
    """An order of a list came to its end: note what it says, and place the next one if any.

    Called once or more per order, in the transaction that finishes it; orders of other kinds, and
    those that a person placed, are nobody's step here.
    """
    if order.kind not in KINDS:
        return
    row = await _locked(db, order.station_id)
    if row is None or row.order_id != order.id:
        return
    row.order_id, row.last_result_at = None, now
    word = _word(order)
    row.last_result = word if order.state in ("accepted", "rejected") else order.state
    if order.state == "accepted" and order.kind == CHECK:
        await _checked(db, row, order, now)
    elif order.state == "accepted":
        await _confirmed(db, row, order, now)
    elif order.state == "cancelled":
        pass  # a person did it; the next change or resync goes on
    elif order.state == "rejected" and word in UNSUPPORTED:
        row.state = "unsupported"
    else:
        await _failed(db, row, order, now)
    row.changed_at = now
    await db.flush()
    await notify(db, ["local_lists"])


async def _checked(db: AsyncSession, row: LocalList, order: Order, now: datetime) -> None:
    """The station told its version. MicroOcpp speaks 1.6's word in 2.0.1 too (quirk 15)."""
    response = (order.answer or {}).get("response") or {}
    told = response.get("versionNumber", response.get("listVersion"))
    version = told if isinstance(told, int) and not isinstance(told, bool) else None
    row.reported_version, row.reported_at = version, now
    if version == NO_LIST:
        row.state = "unsupported"
        return
    if version != row.confirmed_version:
        row.full_needed = True
    await _go_on(db, row, now)


async def _confirmed(db: AsyncSession, row: LocalList, order: Order, now: datetime) -> None:
    """The station took an update: from now on it holds these entries."""
    payload: Mapping[str, Any] = order.payload
    if payload.get("update") == "full":
        await db.execute(delete(LocalListEntry).where(LocalListEntry.list_id == row.id))
        row.full_needed = False
    digests: dict[str, str] = order.payload.get("digests") or {}
    told = [str(entry["uid"]) for entry in payload.get("entries", ())]
    await db.execute(
        delete(LocalListEntry).where(LocalListEntry.list_id == row.id, LocalListEntry.uid.in_(told))
    )
    held = [
        {
            "list_id": row.id,
            "uid": uid,
            "organization_id": row.organization_id,
            "digest": digests[uid],
        }
        for uid in told
        if uid in digests
    ]
    if held:
        await db.execute(insert(LocalListEntry), held)
    row.confirmed_version, row.failures = int(payload["version"]), 0
    await _go_on(db, row, now)


async def _failed(db: AsyncSession, row: LocalList, order: Order, now: datetime) -> None:
    """Refused, or nobody knows: what the station has is in doubt, so everything is sent anew. A
    station that was away too long has only missed its turn."""
    if order.state == "expired":
        await _check(db, row, now)
        return
    row.full_needed = row.full_needed or order.kind == SEND
    row.failures += 1
    if row.failures >= FAILURES_MAX:
        row.state = "failed"
        return
    await _check(db, row, now, after=RETRY if order.kind == CHECK else GATHER)


async def _go_on(db: AsyncSession, row: LocalList, now: datetime) -> None:
    """Place the next update, or be done."""
    station = await db.get_one(Station, row.id)
    wanted, left_out = await wanted_entries(db, station, now)
    kept, too_many = fitting(
        wanted.entries, protocol=station.protocol, entries_max=wanted.entries_max
    )
    row.wanted_count, row.left_out_count, row.changed = len(kept), left_out + too_many, False
    held = await db.execute(
        select(LocalListEntry.uid, LocalListEntry.digest).where(LocalListEntry.list_id == row.id)
    )
    confirmed = {uid: digest for uid, digest in held}
    # A list that nobody wants and that was never sent is not emptied either.
    full = row.full_needed and (bool(kept) or row.confirmed_version > 0 or bool(confirmed))
    step = next_update(kept, confirmed, full=full)
    if step is None:
        row.state, row.full_needed = "current", row.full_needed and not full
        return
    row.state = "pending"
    version = next_version(row.confirmed_version, row.sent_version, row.reported_version, step.size)
    digests = {entry.uid: entry.digest for entry in step.entries}
    await _place(db, row, station, SEND, step.to_json(version) | {"digests": digests}, now)
    row.sent_version = version


async def _check(
    db: AsyncSession, row: LocalList, now: datetime, *, after: timedelta = GATHER
) -> None:
    if row.state != "failed":
        row.state = "pending"
    station = await db.get_one(Station, row.id)
    if station.retired_at is not None:
        return
    await _place(db, row, station, CHECK, {}, now, after=after)


async def _place(
    db: AsyncSession,
    row: LocalList,
    station: Station,
    kind: str,
    payload: Mapping[str, Any],
    now: datetime,
    *,
    after: timedelta = timedelta(0),
) -> None:
    order = await place_order(
        db,
        organization=await db.get_one(Organization, row.organization_id),
        station=station,
        kind=kind,
        payload=payload,
        not_after=now + VALID,
        requested_by=ACTOR,
        relay_at=now + after if after else None,
    )
    row.order_id = order.id


async def _begun(db: AsyncSession, station: Station) -> LocalList:
    row = LocalList(id=station.id, organization_id=station.organization_id)
    db.add(row)
    await db.flush()
    await db.refresh(row)
    return row


async def _locked(db: AsyncSession, station_id: UUID) -> LocalList | None:
    return await db.scalar(
        select(LocalList)
        .where(LocalList.id == station_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _word(order: Order) -> str | None:
    """The station's own word for what became of it."""
    answer = order.answer or {}
    said = (answer.get("response") or {}).get("status") or (answer.get("error") or {}).get("code")
    return str(said)[:100] if said is not None else None
