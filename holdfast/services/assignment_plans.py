"""What assigning tariffs to places would change: one plan for one assignment or for hundreds.

A plan only reads, in a few queries however many places are named. It says of each place what holds
there for the same audience until now, and of each that cannot be what is wrong with it. What wins
where several assignments hold: `tariff_choice`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.refusal import Conflict, Invalid, NotFound, Refusal
from holdfast.services.scope import owned
from holdfast.store.tables import (
    Account,
    Evse,
    Site,
    Station,
    Table,
    Tariff,
    TariffAssignment,
    UserGroup,
)

EVSES_NAMED_MAX = 20
COLUMNS = ("site_id", "station_id", "evse", "account_id", "user_group_id", "ad_hoc")

Key = tuple[Any, ...]
Row = TypeVar("Row", bound=Table)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A tariff is to apply there."""

    tariff_id: UUID
    scope: Scope


class Outcome(StrEnum):
    """What the assignment does at its place for its audience."""

    NEW = "new"
    UNCHANGED = "unchanged"
    REPLACES = "replaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One that can be. `columns` are the place and the audience as a row has them; `before` is the
    assignment that holds there until now."""

    wanted: Wanted
    columns: Mapping[str, Any]
    before: TariffAssignment | None

    @property
    def outcome(self) -> Outcome:
        """Nothing held there, the same tariff did, or another one."""
        if self.before is None:
            return Outcome.NEW
        same = self.before.tariff_id == self.wanted.tariff_id
        return Outcome.UNCHANGED if same else Outcome.REPLACES

    @property
    def replaced(self) -> UUID | None:
        """The other tariff that ends there."""
        if self.before is None or self.outcome is Outcome.UNCHANGED:
            return None
        return self.before.tariff_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One that cannot be: which of those asked for, which value of it, and why."""

    index: int
    field: str
    value: object
    refusal: Refusal

    @property
    def expected(self) -> str:
        """What would be right."""
        return self.refusal.expected if isinstance(self.refusal, Invalid) else str(self.refusal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Those that can be, in the order asked for, and what is wrong with the others."""

    planned: tuple[Planned, ...]
    faults: tuple[Fault, ...]

    def count(self, outcome: Outcome) -> int:
        """How many have this outcome."""
        return sum(one.outcome is outcome for one in self.planned)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is named, as far as the organization has it."""

    tariffs: Mapping[UUID, Tariff]
    sites: Mapping[UUID, Site]
    stations: Mapping[str, Station]
    evses: Mapping[UUID, set[int]]
    accounts: Mapping[UUID, Account]
    groups: Mapping[UUID, UserGroup]


async def plan_assignments(
    db: AsyncSession, organization_id: UUID, wanted: Sequence[Wanted], *, lock: bool = False
) -> Plan:
    """What would change. With `lock`, the tariffs and what holds until now stay as they are read,
    until the end of the transaction."""
    known = await _known(db, organization_id, wanted, lock=lock)
    faults: list[Fault] = []
    sound: list[tuple[Wanted, dict[str, Any]]] = []
    first: dict[Key, int] = {}
    for index, one in enumerate(wanted):
        wrong = _wrong(one, known)
        if wrong is not None:
            field, value, refusal = wrong
            faults.append(Fault(index=index, field=field, value=value, refusal=refusal))
            continue
        columns = _columns(one.scope, known)
        earlier = first.setdefault(_key(columns), index)
        if earlier != index:
            field, value = _place(one.scope)
            refusal = Invalid(field, value, f"leave it out: number {earlier} of the list is that")
            faults.append(Fault(index=index, field=field, value=value, refusal=refusal))
            continue
        sound.append((one, columns))
    before = await _before(db, organization_id, [columns for _, columns in sound], lock=lock)
    planned = tuple(
        Planned(wanted=one, columns=columns, before=before.get(_key(columns)))
        for one, columns in sound
    )
    return Plan(planned=planned, faults=tuple(faults))


def key_of(row: TariffAssignment) -> Key:
    """The place and the audience of a row, to compare."""
    return tuple(getattr(row, name) for name in COLUMNS)


def _key(columns: Mapping[str, Any]) -> Key:
    return tuple(columns[name] for name in COLUMNS)


def _place(scope: Scope) -> tuple[str, object]:
    if scope.evse is not None:
        return "evse", scope.evse
    if scope.station is not None:
        return "station", scope.station
    return "site", scope.site_id


def _wrong(one: Wanted, known: _Known) -> tuple[str, object, Refusal] | None:
    """The first thing that stands in the way: the field, its value, the refusal."""
    tariff = known.tariffs.get(one.tariff_id)
    if tariff is None:
        return "tariff", one.tariff_id, NotFound("tariff", one.tariff_id)
    if tariff.retired_at is not None:
        return "tariff", one.tariff_id, Conflict("the tariff is retired")
    contradiction = _contradiction(one.scope)
    if contradiction is not None:
        return contradiction.field, contradiction.value, contradiction
    return _wrong_audience(one.scope, known) or _wrong_place(one.scope, tariff, known)


def _wrong_audience(scope: Scope, known: _Known) -> tuple[str, object, Refusal] | None:
    if scope.account_id is not None and scope.account_id not in known.accounts:
        return "account", scope.account_id, NotFound("account", scope.account_id)
    if scope.user_group_id is not None and scope.user_group_id not in known.groups:
        return "user_group", scope.user_group_id, NotFound("user group", scope.user_group_id)
    return None


def _wrong_place(scope: Scope, tariff: Tariff, known: _Known) -> tuple[str, object, Refusal] | None:
    field, value, site_id = "site", str(scope.site_id), scope.site_id
    if scope.station is not None:
        station = known.stations.get(scope.station)
        if station is None:
            return "station", scope.station, NotFound("station", scope.station)
        missing = _missing_evse(station, scope.evse, known)
        if missing is not None:
            return "evse", scope.evse, missing
        field, value, site_id = "station", scope.station, station.site_id
    if site_id is None:
        return None
    site = known.sites.get(site_id)
    if site is None:
        return field, value, NotFound("site", site_id)
    if site.currency != tariff.currency:
        said = f"the site's currency is {site.currency}, the tariff's {tariff.currency}"
        return field, value, Conflict(said)
    return None


def _contradiction(scope: Scope) -> Invalid | None:
    if scope.site_id is not None and scope.station is not None:
        return Invalid("site", scope.site_id, "name a site or a station, not both")
    if scope.evse is not None and scope.station is None:
        return Invalid("evse", scope.evse, "name its station too")
    audiences = [scope.account_id, scope.user_group_id, scope.ad_hoc or None]
    if sum(audience is not None for audience in audiences) > 1:
        return Invalid("ad_hoc", scope.ad_hoc, "name an account, a user group or ad hoc, one only")
    return None


def _missing_evse(station: Station, evse: int | None, known: _Known) -> Invalid | None:
    """A misspelt number would apply nowhere. A station that told nothing yet may have any."""
    numbers = known.evses.get(station.id, set())
    if evse is None or not numbers or evse in numbers:
        return None
    named = ", ".join(str(number) for number in sorted(numbers)[:EVSES_NAMED_MAX])
    return Invalid("evse", evse, f"the station {station.identity} has {named}")


def _columns(scope: Scope, known: _Known) -> dict[str, Any]:
    return {
        "site_id": scope.site_id,
        "station_id": None if scope.station is None else known.stations[scope.station].id,
        "evse": scope.evse,
        "account_id": scope.account_id,
        "user_group_id": scope.user_group_id,
        "ad_hoc": scope.ad_hoc,
    }


async def _known(
    db: AsyncSession, organization_id: UUID, wanted: Sequence[Wanted], *, lock: bool
) -> _Known:
    scopes = [one.scope for one in wanted]
    tariffs = owned(Tariff, organization_id).where(Tariff.id.in_({w.tariff_id for w in wanted}))
    if lock:
        # In one order, so that nobody waits in a circle; rows that name it may be written meanwhile
        tariffs = tariffs.order_by(Tariff.id).with_for_update(key_share=True)
        tariffs = tariffs.execution_options(populate_existing=True)
    identities = {scope.station for scope in scopes if scope.station is not None}
    stations: dict[str, Station] = {}
    evses: dict[UUID, set[int]] = {}
    if identities:
        found = await db.scalars(
            owned(Station, organization_id).where(Station.identity.in_(identities))
        )
        stations = {station.identity: station for station in found}
        asked = {stations[s.station].id for s in scopes if s.evse and s.station in stations}
        numbers = await db.execute(
            select(Evse.station_id, Evse.number).where(Evse.station_id.in_(asked))
        )
        for station_id, number in numbers:
            evses.setdefault(station_id, set()).add(number)
    sites = {scope.site_id for scope in scopes} | {row.site_id for row in stations.values()}
    groups = {scope.user_group_id for scope in scopes}
    return _Known(
        tariffs={row.id: row for row in await db.scalars(tariffs)},
        sites=await _by_id(db, Site, organization_id, sites),
        stations=stations,
        evses=evses,
        accounts=await _by_id(db, Account, organization_id, {s.account_id for s in scopes}),
        groups=await _by_id(db, UserGroup, organization_id, groups),
    )


async def _by_id(
    db: AsyncSession, table: type[Row], organization_id: UUID, ids: Iterable[UUID | None]
) -> dict[UUID, Row]:
    asked = [row_id for row_id in ids if row_id is not None]
    if not asked:
        return {}
    id_column = table.__table__.c["id"]
    found = await db.scalars(owned(table, organization_id).where(id_column.in_(asked)))
    rows: dict[UUID, Row] = {}
    for row in found:
        row_id: UUID = getattr(row, "id")  # noqa: B009 - every table asked for here has one
        rows[row_id] = row
    return rows


async def _before(
    db: AsyncSession, organization_id: UUID, places: Sequence[Mapping[str, Any]], *, lock: bool
) -> dict[Key, TariffAssignment]:
    """What holds at these places for these audiences."""
    keys = {_key(columns) for columns in places}
    rows = await db.scalars(
        owned(TariffAssignment, organization_id).where(
            TariffAssignment.until_at.is_(None),
            or_(
                TariffAssignment.site_id.in_({columns["site_id"] for columns in places} - {None}),
                TariffAssignment.station_id.in_(
                    {columns["station_id"] for columns in places} - {None}
                ),
                and_(TariffAssignment.site_id.is_(None), TariffAssignment.station_id.is_(None)),
            ),
        )
    )
    found = [row for row in rows if key_of(row) in keys]
    if lock and found:
        locked = await db.scalars(
            owned(TariffAssignment, organization_id)
            .where(
                TariffAssignment.id.in_([row.id for row in found]),
                TariffAssignment.until_at.is_(None),
            )
            .order_by(TariffAssignment.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        found = list(locked)
    return {key_of(row): row for row in found}
