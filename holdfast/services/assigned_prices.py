"""All that an organization assigned, read at once: by place, and what of it prices, now and later.

For questions about every place at a time; `tariff_choice.choose` answers about one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.life import VersionSpan, in_force
from holdfast.services.scope import belongs, owned
from holdfast.services.tariff_choice import Audience, audience_of, holds, rank
from holdfast.store.tables import Site, Tariff, TariffAssignment, TariffVersion
from holdfast.store.tables.tariffs import TariffVersionEnd

AHEAD = timedelta(days=7)
"""How far ahead an end is told."""

INSTANTS_MAX = 100
"""Ends of versions that are looked at, the next first."""

ASSIGNMENTS_MAX = 100_000
PUBLIC = (Audience.AD_HOC, Audience.EVERYBODY)

_Place = tuple[UUID | None, int | None]
"""A site, a station, or a station and its EVSE."""

EVERYWHERE: _Place = (None, None)
_rank = attrgetter("rank")


class Assigned(NamedTuple):
    """An assignment, as far as precedence goes: `rank` is that of `tariff_choice`, smaller wins.

    `whom`: the account or group. A tuple, as there may be tens of thousands of them at once.
    """

    rank: tuple[int, int]
    tariff_id: UUID
    audience: Audience
    whom: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedPrices:
    """Assignments that hold, with their tariffs. `priced`: now and at each instant of the next
    days at which a version ends, the tariffs with a version in force from then on.

    Those to accounts and groups are there only where several currencies are in use: for nothing
    else do they matter here. `contracts`: those that hold everywhere, by their tariffs' currency,
    as far as they price now. There may be thousands, so they are kept apart.
    """

    tariffs: Mapping[UUID, Tariff]
    assignments: Mapping[_Place, Sequence[Assigned]]
    contracts: Mapping[str, Sequence[Assigned]]
    priced: Sequence[tuple[datetime, frozenset[UUID]]]

    def at(
        self, site_id: UUID | None, station_id: UUID | None, evse: int | None
    ) -> Sequence[Assigned]:
        """Those that cover a place, in the order of precedence, without the `contracts`.
        `station_id`, `evse`: None where no assignment names them."""
        keys: list[_Place] = [EVERYWHERE]
        if site_id is not None:
            keys.append((site_id, None))
        if station_id is not None:
            keys.append((station_id, None))
        if evse is not None:
            keys.append((station_id, evse))
        here = [row for key in keys for row in self.assignments.get(key, ())]
        return sorted(here, key=_rank)


async def read_assigned(db: AsyncSession, organization_id: UUID, now: datetime) -> AssignedPrices:
    """No tariffs: none is assigned."""
    tariffs = {
        tariff.id: tariff
        for tariff in await db.scalars(
            owned(Tariff, organization_id).where(
                Tariff.id.in_(
                    select(TariffAssignment.tariff_id).where(
                        belongs(TariffAssignment, organization_id), holds(now)
                    )
                )
            )
        )
    }
    if not tariffs:
        return AssignedPrices(tariffs={}, assignments={}, contracts={}, priced=())
    found = (
        owned(TariffAssignment, organization_id)
        .where(holds(now))
        .with_only_columns(
            TariffAssignment.tariff_id,
            TariffAssignment.site_id,
            TariffAssignment.station_id,
            TariffAssignment.evse,
            TariffAssignment.account_id,
            TariffAssignment.user_group_id,
            TariffAssignment.ad_hoc,
        )
        .order_by(TariffAssignment.id.desc())  # as `consider`: the newest of equals
        .limit(ASSIGNMENTS_MAX)
    )
    if not await _in_several_currencies(db, organization_id, tariffs):
        found = found.where(
            TariffAssignment.account_id.is_(None), TariffAssignment.user_group_id.is_(None)
        )
    priced = await _priced(db, organization_id, tariffs, now)
    assignments: dict[_Place, list[Assigned]] = defaultdict(list)
    contracts: dict[str, list[Assigned]] = defaultdict(list)
    for row in await db.execute(found):
        place, assigned = (row.station_id or row.site_id, row.evse), _assigned(row)
        if place != EVERYWHERE or assigned.audience in PUBLIC:
            assignments[place].append(assigned)
        elif row.tariff_id in priced[0][1]:
            contracts[tariffs[row.tariff_id].currency].append(assigned)
    return AssignedPrices(
        tariffs=tariffs, assignments=assignments, contracts=contracts, priced=priced
    )


def _assigned(row: Any) -> Assigned:
    """`row` has the columns of an assignment that its audience and place are told by."""
    return Assigned(rank(row), row.tariff_id, audience_of(row), row.account_id or row.user_group_id)


async def _in_several_currencies(
    db: AsyncSession, organization_id: UUID, tariffs: Mapping[UUID, Tariff]
) -> bool:
    of_sites = await db.scalars(
        select(Site.currency)
        .where(belongs(Site, organization_id), Site.retired_at.is_(None))
        .distinct()
    )
    return len({*of_sites, *(tariff.currency for tariff in tariffs.values())}) > 1


async def priced_now(
    db: AsyncSession, organization_id: UUID, tariffs: Mapping[UUID, Tariff], now: datetime
) -> frozenset[UUID]:
    """Those of these tariffs, by id, that have a version in force and are not retired."""
    (_, priced), *_ = await _priced(db, organization_id, tariffs, now)
    return priced


async def _priced(
    db: AsyncSession, organization_id: UUID, tariffs: Mapping[UUID, Tariff], now: datetime
) -> Sequence[tuple[datetime, frozenset[UUID]]]:
    spans = await _spans(db, organization_id, tariffs, now)
    ends = {
        at
        for of_tariff in spans.values()
        for at in (span.ends_at for span in of_tariff)
        if at is not None
    } | {tariff.retired_at for tariff in tariffs.values() if tariff.retired_at is not None}
    instants = sorted(at for at in ends if now < at <= now + AHEAD)[:INSTANTS_MAX]
    return [
        (
            at,
            frozenset(
                tariff_id
                for tariff_id, of_tariff in spans.items()
                if _prices(tariffs[tariff_id], of_tariff, at)
            ),
        )
        for at in (now, *instants)
    ]


def _prices(tariff: Tariff, spans: Sequence[VersionSpan], at: datetime) -> bool:
    retired = tariff.retired_at is not None and tariff.retired_at <= at
    return not retired and in_force(spans, at) is not None


async def _spans(
    db: AsyncSession, organization_id: UUID, tariffs: Mapping[UUID, Tariff], now: datetime
) -> Mapping[UUID, Sequence[VersionSpan]]:
    """Versions that are in force at some time of the next days, or could be."""
    ends_at = TariffVersionEnd.ends_at
    rows = await db.execute(
        select(TariffVersion.tariff_id, TariffVersion.number, TariffVersion.valid_from, ends_at)
        .outerjoin(TariffVersionEnd, TariffVersionEnd.version_id == TariffVersion.id)
        .where(
            belongs(TariffVersion, organization_id),
            TariffVersion.tariff_id.in_(tariffs),
            TariffVersion.valid_from <= now + AHEAD,
            or_(ends_at.is_(None), ends_at > now),
        )
    )
    spans: dict[UUID, list[VersionSpan]] = defaultdict(list)
    for tariff_id, number, valid_from, ended in rows:
        spans[tariff_id].append(VersionSpan(number=number, valid_from=valid_from, ends_at=ended))
    return spans
