"""What a session's price depends on besides its tariff and its course: frozen as it begins, read
back whenever it is priced.

As a session begins, the version that applies is chosen (`tariff_choice`) and written down with why,
with the driver's groups and with the site's zone: what a person changes later counts for sessions
that begin later. The rest is looked up when it is priced, and only where the tariff asks for it:
the market's prices, and what the same driver used and spent before under the same tariff.

Earlier sessions are those under any version of the tariff that are settled by now; a waived one
took nothing from an allowance or a cap. For an allowance only those count that *started* before
this one, so that what its driver was shown at the start holds: two that run at the same time may
both find it untouched. For a cap all count, whichever started first: the day costs no more.
What a settlement found is written into its breakdown (`context`), and a repricing takes it from
there, as long as the session lies inside what was asked for then.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.pricing.boundaries import boundaries_of
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import Earlier, PriceContext
from holdfast.domain.pricing.context_form import context_from_json, context_to_json
from holdfast.domain.pricing.day_totals import (
    day_totals,
    earlier_of,
    totals_from_json,
    totals_to_json,
)
from holdfast.domain.pricing.periods import SessionCourse
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.tariff.version import AllowancePer
from holdfast.domain.time_zone import UnknownZone, time_zone
from holdfast.services.compiled_tariffs import compiled_version
from holdfast.services.scope import belongs, owned
from holdfast.services.session_course import end_of
from holdfast.services.session_terms import terms_of
from holdfast.services.spot_prices import curves
from holdfast.services.tariff_choice import Choice, Driver, choose, driver_of
from holdfast.store.tables import Session, Settlement, Site, TariffVersion

EARLIER_MAX = 5_000
SPOT_RECORDED_MAX = 5_000
"""Market prices that a settlement keeps: seven weeks of quarter hours. Beyond, they are looked up
again: what a feed said once stays."""

SPOT_LEFT_OUT = "spot_left_out"

LONGEST = timedelta(days=31)
"""A session that started longer before a span than this counts for nothing in it."""

CONSIDERED_MAX = 20
_DAY = timedelta(days=1)


async def choose_for(
    db: AsyncSession, session: Session, at: datetime, *, ad_hoc: bool
) -> tuple[Driver, Choice | None]:
    """Who charges in a session, and as `choose` for it where it is; `ad_hoc`: from a hold."""
    driver = await driver_of(
        db,
        session.organization_id,
        token_id=session.token_id,
        account_id=session.account_id,
        ad_hoc=ad_hoc,
    )
    choice = await choose(
        db,
        organization_id=session.organization_id,
        site_id=session.site_id,
        station_id=session.station_id,
        evse=session.evse,
        driver=driver,
        at=at,
    )
    return driver, choice


async def freeze(db: AsyncSession, session: Session, at: datetime) -> Choice | None:
    """Choose the version for a session that begins at an instant, and write down what it is priced
    by. None where nothing applies: then it is asked again."""
    driver, choice = await choose_for(db, session, at, ad_hoc=session.payment_id is not None)
    site = await _of_site(db, session, None if choice is None else choice.tariff.currency)
    # Both after the last query: it would write the one before the other.
    session.tariff_version_id = None if choice is None else choice.version.id
    session.price_terms = {
        "groups": sorted(driver.group_keys),
        **site,
        **({} if choice is None else _why(choice)),
    }
    return choice


async def context_of(
    db: AsyncSession,
    session: Session,
    *,
    until_at: datetime | None = None,
    recorded: Mapping[str, Any] | None = None,
) -> PriceContext:
    """The context of a session until it ended or, where it goes on, until `until_at`.

    `recorded`: the breakdown of its settlement. It is priced by that context again, if it still
    lies within the local days of it. Raises `UnknownZone`, TariffInvalid.
    """
    terms = await terms_of(db, session)
    known = (recorded or {}).get("context")
    zone = terms.zone if known is None else str(known["time_zone"])
    days = local_days(session, zone, until_at)
    if known is not None and known["local_days"][0] <= days[0] <= days[1] <= known["local_days"][1]:
        context = context_from_json(known)
        if not known.get(SPOT_LEFT_OUT):
            return context
        return await _with_market(db, session, context, tuple(known["local_days"]))
    context = PriceContext(zone=zone, user_groups=terms.groups)
    if session.tariff_version_id is None:
        return context
    context = await _with_market(db, session, context, days)
    tariff = await compiled_version(db, session.tariff_version_id)
    if counts_days(tariff):
        earlier = await earlier_sessions(db, session, _midnight(_counted_from(tariff, days), zone))
        context = replace(context, earlier=earlier)
    return context


async def _with_market(
    db: AsyncSession, session: Session, context: PriceContext, days: tuple[str, str]
) -> PriceContext:
    """With the market's prices of those local days, where the tariff asks for them."""
    if session.tariff_version_id is None:
        return context
    tariff = await compiled_version(db, session.tariff_version_id)
    feeds = boundaries_of(tariff.tariff, context.user_groups).feeds
    if not feeds:
        return context
    midnights = _midnight(days[0], context.zone), _midnight(days[1], context.zone, 1)
    return replace(context, spot=await curves(db, session.organization_id, feeds, *midnights))


def record_of(
    session: Session,
    course: SessionCourse,
    context: PriceContext,
    priced: PricedSession,
    until_at: datetime | None = None,
) -> dict[str, Any]:
    """The context that a session was priced with, how much was known of its course, and what it
    used on which day: for its settlement's breakdown."""
    left_out = sum(len(curve.starts) for curve in context.spot.values()) > SPOT_RECORDED_MAX
    if left_out:
        context = replace(context, spot={})
    return {
        **context_to_json(context),
        **({SPOT_LEFT_OUT: True} if left_out else {}),
        "local_days": list(local_days(session, context.zone, until_at)),
        "days": totals_to_json(day_totals(priced, context.zone)),
        "known": known_of(course),
    }


def known_of(course: SessionCourse) -> dict[str, int]:
    """How much a price was made of: where it is still the same, so is the price."""
    return {
        "points": len(course.measurement.curve),
        "flow": len(course.flow),
        "pauses": len(course.suspended),
        "signed": len(course.signed or ()),
    }


def counts_days(tariff: CompiledTariff) -> bool:
    """Whether what a driver did earlier on the day or in the month changes the price."""
    return tariff.tariff.daily_cap is not None or any(
        allowance.per is not AllowancePer.SESSION for allowance in tariff.tariff.allowances
    )


async def earlier_sessions(db: AsyncSession, session: Session, from_at: datetime) -> Earlier:
    """What the driver of a session had under its tariff since an instant: used before it began,
    spent before it is settled."""
    if session.account_id is not None:
        driver: ColumnElement[bool] = Session.account_id == session.account_id
    elif session.token_id is not None:
        driver = Session.account_id.is_(None) & (Session.token_id == session.token_id)
    else:
        return Earlier()
    began_at = session.started_at or session.created_at
    tariff_id = (
        select(TariffVersion.tariff_id)
        .where(TariffVersion.id == session.tariff_version_id)
        .scalar_subquery()
    )
    # Those that were settled after this one counted it: it must not count them in its turn.
    priced_at = (
        select(Settlement.priced_at).where(Settlement.session_id == session.id).scalar_subquery()
    )
    began_before = tuple_(Session.started_at, Session.id) < tuple_(began_at, session.id)
    settled_before = func.coalesce(Settlement.priced_at < priced_at, true())
    rows = await db.execute(
        owned(Session, session.organization_id)
        .with_only_columns(
            Settlement.breakdown["context"]["days"],
            began_before,
            settled_before,
            maintain_column_froms=True,
        )
        .join(Settlement, Settlement.session_id == Session.id)
        .join(TariffVersion, TariffVersion.id == Session.tariff_version_id)
        .where(
            driver,
            Session.id != session.id,
            Session.started_at > from_at - LONGEST,
            or_(began_before, settled_before),
            func.coalesce(Session.ended_at, Session.ended_by_us_at) >= from_at,
            TariffVersion.tariff_id == tariff_id,
            Settlement.outcome.is_distinct_from("waived"),
        )
        .order_by(Session.started_at.desc())
        .limit(EARLIER_MAX)
    )
    found = [(totals_from_json(days), began, settled) for days, began, settled in rows if days]
    return Earlier(
        used=earlier_of(totals for totals, began, _ in found if began).used,
        spent=earlier_of(totals for totals, _, settled in found if settled).spent,
    )


async def in_line(db: AsyncSession, session: Session) -> None:
    """Sessions of a driver whose prices depend on each other are settled one after the other: the
    second waits here until the first is written down. Raises TariffInvalid."""
    driver = session.account_id or session.token_id
    if driver is None or session.tariff_version_id is None:
        return
    if counts_days(await compiled_version(db, session.tariff_version_id)):
        lock = func.hashtextextended(f"earlier_sessions:{driver}", 0)
        await db.execute(select(func.pg_advisory_xact_lock(lock)))


def local_days(session: Session, zone: str, until_at: datetime | None = None) -> tuple[str, str]:
    """The first and the last local day of a session, ISO 8601. Raises `UnknownZone`."""
    place = time_zone(zone)
    ended_at = end_of(session) or until_at or session.last_seen_at or session.created_at
    started_at = session.started_at or ended_at
    first, last = started_at.astimezone(place).date(), ended_at.astimezone(place).date()
    return first.isoformat(), max(first, last).isoformat()


def _counted_from(tariff: CompiledTariff, days: tuple[str, str]) -> str:
    """The first day whose use counts."""
    monthly = any(allowance.per is AllowancePer.MONTH for allowance in tariff.tariff.allowances)
    return f"{days[0][:-2]}01" if monthly else days[0]


def _midnight(day: str, zone: str, days_later: int = 0) -> datetime:
    local = datetime.combine(date.fromisoformat(day) + days_later * _DAY, time(), time_zone(zone))
    return local.astimezone(UTC)


async def _of_site(db: AsyncSession, session: Session, currency: str | None) -> dict[str, Any]:
    """The zone is frozen only if it is one: an impossible one is the site's to put right. The
    site's currency only where the tariff's is another."""
    if session.site_id is None:
        return {}
    site = (
        await db.execute(
            select(Site.time_zone, Site.calibration_law, Site.currency).where(
                belongs(Site, session.organization_id), Site.id == session.site_id
            )
        )
    ).one()
    foreign = {} if currency in (None, site.currency) else {"site_currency": site.currency}
    try:
        time_zone(site.time_zone)
    except UnknownZone:
        return foreign
    return {"zone": site.time_zone, "calibration_law": site.calibration_law, **foreign}


def _why(choice: Choice) -> dict[str, Any]:
    return {
        "tariff": str(choice.tariff.id),
        "assignment": str(choice.assignment.id),
        "audience": choice.audience.value,
        "place": choice.place.value,
        "considered": [
            {
                "assignment": str(item.assignment.id),
                "tariff": str(item.tariff.id),
                "lost": item.lost,
            }
            for item in choice.reasons[:CONSIDERED_MAX]
            if item.lost is not None
        ],
    }
