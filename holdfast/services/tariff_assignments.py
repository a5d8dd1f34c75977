"""Where and for whom each tariff applies. What wins where several do: `tariff_choice`.

Assignments are ended, never deleted or rewritten: they answer what held at an instant of the past.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services import publications
from holdfast.services.refusal import Conflict, Invalid, NotFound
from holdfast.services.scope import find, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.stations import find_station
from holdfast.services.tariff_versions import locked_tariff
from holdfast.store.tables import Account, Evse, Site, Station, Tariff, TariffAssignment, UserGroup

EVSES_NAMED_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A place and an audience. `station` is an OCPP identity; no place: the whole organization.

    At most one of `site_id` and `station`, and one of account, group and ad hoc; none: everybody.
    """

    site_id: UUID | None = None
    station: str | None = None
    evse: int | None = None
    account_id: UUID | None = None
    user_group_id: UUID | None = None
    ad_hoc: bool = False


async def list_assignments(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    tariff_id: UUID | None = None,
    ended: bool = False,
) -> Slice[TariffAssignment]:
    """Oldest first; those that were ended only when asked for."""
    statement = owned(TariffAssignment, organization_id)
    if tariff_id is not None:
        statement = statement.where(TariffAssignment.tariff_id == tariff_id)
    if not ended:
        statement = statement.where(TariffAssignment.until_at.is_(None))
    return await take(db, statement, TariffAssignment.id, asked)


async def assign_tariff(
    db: AsyncSession, organization_id: UUID, tariff_id: UUID, scope: Scope, *, now: datetime
) -> TariffAssignment:
    """From now on, ending what was assigned to the same place for the same audience.

    A repeat changes nothing. Raises NotFound, Conflict (retired, or another currency than the
    site's), Invalid (no such EVSE, or a scope that contradicts itself).
    """
    tariff = await locked_tariff(db, organization_id, tariff_id)
    columns = await _columns(db, organization_id, tariff, scope)
    statement = owned(TariffAssignment, organization_id).where(
        TariffAssignment.until_at.is_(None),
        *(
            TariffAssignment.__table__.c[name].is_not_distinct_from(value)
            for name, value in columns.items()
        ),
    )
    before = await db.scalar(statement.with_for_update())
    if before is not None:
        if before.tariff_id == tariff_id:
            return before
        before.until_at = now
        await db.flush()
    rows = await db.scalars(
        insert(TariffAssignment)
        .values(organization_id=organization_id, tariff_id=tariff_id, created_at=now, **columns)
        .returning(TariffAssignment)
    )
    made = rows.one()
    changed = [tariff_id] if before is None else [tariff_id, before.tariff_id]
    await publications.refresh(db, organization_id, changed, now=now)
    return made


async def end_assignment(
    db: AsyncSession, organization_id: UUID, assignment_id: UUID, *, now: datetime
) -> TariffAssignment:
    """What applies there next is the wider assignment, if any. Raises NotFound, ended ones too."""
    row = await find(
        db, TariffAssignment, organization_id, assignment_id, "tariff assignment", lock=True
    )
    if row.until_at is not None:
        raise NotFound("tariff assignment", assignment_id)
    row.until_at = now
    await db.flush()
    await publications.refresh(db, organization_id, [row.tariff_id], now=now)
    return row


async def _columns(
    db: AsyncSession, organization_id: UUID, tariff: Tariff, scope: Scope
) -> dict[str, object]:
    if scope.site_id is not None and scope.station is not None:
        raise Invalid("site", scope.site_id, "name a site or a station, not both")
    if scope.evse is not None and scope.station is None:
        raise Invalid("evse", scope.evse, "name its station too")
    audiences = [scope.account_id, scope.user_group_id, scope.ad_hoc or None]
    if sum(audience is not None for audience in audiences) > 1:
        raise Invalid("ad_hoc", scope.ad_hoc, "name an account, a user group or ad hoc, one only")
    if scope.account_id is not None:
        await find(db, Account, organization_id, scope.account_id, "account")
    if scope.user_group_id is not None:
        await find(db, UserGroup, organization_id, scope.user_group_id, "user group")
    station = None
    if scope.station is not None:
        station = await find_station(db, organization_id, scope.station)
        await _has_evse(db, station, scope.evse)
    await _same_currency(db, tariff, scope.site_id if station is None else station.site_id)
    return {
        "site_id": scope.site_id,
        "station_id": None if station is None else station.id,
        "evse": scope.evse,
        "account_id": scope.account_id,
        "user_group_id": scope.user_group_id,
        "ad_hoc": scope.ad_hoc,
    }


async def _has_evse(db: AsyncSession, station: Station, evse: int | None) -> None:
    """A misspelt number would apply nowhere. A station that told nothing yet may have any."""
    if evse is None:
        return
    known = set(await db.scalars(select(Evse.number).where(Evse.station_id == station.id)))
    if known and evse not in known:
        named = ", ".join(str(number) for number in sorted(known)[:EVSES_NAMED_MAX])
        raise Invalid("evse", evse, f"the station {station.identity} has {named}")


async def _same_currency(db: AsyncSession, tariff: Tariff, site_id: UUID | None) -> None:
    if site_id is None:
        return
    site = await find(db, Site, tariff.organization_id, site_id, "site")
    if site.currency != tariff.currency:
        raise Conflict(f"the site's currency is {site.currency}, the tariff's {tariff.currency}")
