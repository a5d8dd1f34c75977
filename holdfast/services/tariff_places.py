"""Where a tariff counts, as far as lint must know: countries, powers, who pays it there.

What is assigned more closely to the same audience is left out: a tariff for the whole organization
is not judged by the fast chargers that have one of their own.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.services.scope import belongs
from holdfast.store.tables import Evse, Site, SpotFeed, Station, Tariff, TariffAssignment

PLACES_MAX = 20
"""Kinds of place of one tariff: country, currency and law; more of them add nothing new."""


async def lint_places(db: AsyncSession, tariff: Tariff, now: datetime) -> tuple[LintPlace, ...]:
    """The kinds of place where the tariff is assigned; one of which nothing is known if nowhere."""
    nowhere = await no_place(db, tariff.organization_id, now)
    mine, station, evse = TariffAssignment, Station, Evse
    pays_ad_hoc = or_(
        mine.ad_hoc,
        and_(_for_everybody(mine), ~_exists_other(mine, station, _ad_hoc_instead)),
    )
    rows = await db.execute(
        select(
            Site.country,
            Site.currency,
            Site.calibration_law,
            func.max(evse.max_power_w),
            func.bool_or(pays_ad_hoc),
        )
        .select_from(mine)
        .join(station, covers(mine, station))
        .outerjoin(Site, Site.id == station.site_id)
        .outerjoin(
            evse,
            and_(evse.station_id == station.id, or_(mine.evse.is_(None), mine.evse == evse.number)),
        )
        .where(
            belongs(mine, tariff.organization_id),
            mine.tariff_id == tariff.id,
            mine.until_at.is_(None),
            station.retired_at.is_(None),
            ~_exists_other(mine, station, _closer),
        )
        .group_by(Site.country, Site.currency, Site.calibration_law)
        .order_by(Site.country, Site.currency, Site.calibration_law)
        .limit(PLACES_MAX)
    )
    found = tuple(
        LintPlace(
            country=country,
            currency=currency,
            max_power_w=power_w,
            ad_hoc=ad_hoc,
            calibration_law=bool(law),
            feeds=nowhere.feeds,
            today=nowhere.today,
        )
        for country, currency, law, power_w, ad_hoc in rows
    )
    return found or (nowhere,)


async def no_place(db: AsyncSession, organization_id: UUID, now: datetime) -> LintPlace:
    """What is known of a tariff that is assigned nowhere: the markets that we hear of."""
    keys = await db.scalars(
        select(SpotFeed.key).where(
            belongs(SpotFeed, organization_id), SpotFeed.retired_at.is_(None)
        )
    )
    return LintPlace(feeds=frozenset(keys), today=now.date())


def covers(assignment: type[TariffAssignment], station: type[Station]) -> ColumnElement[bool]:
    """The assignment is for the station, or for an EVSE of it."""
    return and_(
        station.organization_id == assignment.organization_id,
        or_(
            assignment.station_id == station.id,
            assignment.site_id == station.site_id,
            and_(assignment.station_id.is_(None), assignment.site_id.is_(None)),
        ),
    )


def _for_everybody(assignment: type[TariffAssignment]) -> ColumnElement[bool]:
    return and_(
        assignment.account_id.is_(None),
        assignment.user_group_id.is_(None),
        assignment.ad_hoc.is_(False),
    )


def _closer(mine: type[TariffAssignment], other: type[TariffAssignment]) -> ColumnElement[bool]:
    """The same audience, a narrower place; a single EVSE leaves its station the rest."""
    return and_(
        other.account_id.is_not_distinct_from(mine.account_id),
        other.user_group_id.is_not_distinct_from(mine.user_group_id),
        other.ad_hoc == mine.ad_hoc,
        other.evse.is_(None),
        mine.station_id.is_(None),
        or_(
            other.station_id.is_not(None),
            and_(other.site_id.is_not(None), mine.site_id.is_(None)),
        ),
    )


def _ad_hoc_instead(
    _mine: type[TariffAssignment], other: type[TariffAssignment]
) -> ColumnElement[bool]:
    """Whoever pays ad hoc there has a tariff of their own."""
    return and_(other.ad_hoc, other.evse.is_(None))


def _exists_other(
    mine: type[TariffAssignment],
    station: type[Station],
    condition: Callable[[type[TariffAssignment], type[TariffAssignment]], ColumnElement[bool]],
) -> ColumnElement[bool]:
    other = aliased(TariffAssignment)
    return (
        select(other.id)
        .where(
            other.organization_id == mine.organization_id,
            other.until_at.is_(None),
            covers(other, station),
            condition(mine, other),
        )
        .correlate(mine, station)
        .exists()
    )
