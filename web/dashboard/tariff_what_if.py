"""What a draft would mean, as it is typed: findings, the price over a week, an imagined session.

Everything is asked of the one pricing function, with what the draft says now; nothing is stored.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.finding import Severity
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.tariff.templates import TariffTemplate, fitted
from holdfast.domain.tariff.version import TariffVersion
from holdfast.services.estimates import Imagined, estimate
from holdfast.services.scope import owned
from holdfast.services.spot_prices import curves
from holdfast.services.tariff_bodies import lint_for
from holdfast.store.tables import Site, SpotFeed, Station, Tariff, TariffAssignment, UserGroup
from web.dashboard.price import Price, explain_estimate
from web.dashboard.tariff_curve import WeekCurve, week_curve
from web.dashboard.tariff_problems import SEVERITIES, Said, findings_said, problem_said, problems_of
from web.dashboard.tariff_quantities import duration_s, plain
from web.dashboard.tariff_suggestions import holiday_calendars
from web.live_page import uuid_or_none
from web.wording import Tone

CHOICES_MAX = 500
ENERGY_KWH_MAX = Decimal(10_000)
SESSION_S_MAX = 31 * 86_400
WEEK = timedelta(days=7)
MARKET_SPAN_MAX = timedelta(days=92)

TONES: Mapping[Severity, Tone] = {
    Severity.BLOCK: "bad",
    Severity.REVIEW: "wait",
    Severity.NOTE: "calm",
}
SEVERITY_WORDS = {
    Severity.BLOCK: "Must be changed",
    Severity.REVIEW: "Look at this",
    Severity.NOTE: "Note",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All findings, and how many of them matter how much."""

    items: tuple[Said, ...]

    @property
    def blocking(self) -> int:
        return sum(one.severity is Severity.BLOCK for one in self.items)

    @property
    def review(self) -> int:
        return sum(one.severity is Severity.REVIEW for one in self.items)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is looked at: fields as typed."""

    week: str
    site: str
    group: str
    start: str
    energy: str
    charging: str
    idle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What one may choose from. `sites`: id, name and zone; `groups`: key and name.

    `home`: a site where the tariff applies, None where it applies nowhere or everywhere.
    """

    home: UUID | None
    sites: tuple[tuple[UUID, str, str], ...]
    groups: tuple[tuple[str, str], ...]
    feeds: tuple[tuple[str, str], ...]
    calendars: tuple[str, ...]

    @property
    def zone(self) -> str:
        """The usual site's, else UTC."""
        return next((zone for id_, _, zone in self.sites if str(id_) == self.usual_site), "UTC")

    @property
    def usual_site(self) -> str:
        """Where the tariff applies, else the first; empty without a site."""
        known = [id_ for id_, _, _ in self.sites]
        if self.home in known:
            return str(self.home)
        return str(known[0]) if known else ""

    def begun_with(self, template: TariffTemplate) -> dict[str, Any]:
        """The body of a template, with the organization's own market and user group in it."""
        feeds, groups = ([key for key, _ in pairs] for pairs in (self.feeds, self.groups))
        return fitted(template, feeds=feeds, groups=groups)

    @property
    def zones(self) -> tuple[tuple[str, str], ...]:
        """Zones of the sites, and UTC."""
        names = dict.fromkeys([*(zone for _, _, zone in self.sites), "UTC"])
        return tuple((name, name) for name in names)

    @property
    def site_choices(self) -> tuple[tuple[str, str], ...]:
        """To choose a place from."""
        known = tuple((str(id_), name) for id_, name, _ in self.sites)
        return known or (("", "No site: UTC"),)

    @property
    def drivers(self) -> tuple[tuple[str, str], ...]:
        """To choose whose price it is."""
        return (("", "Anybody"), *self.groups)

    def zone_of(self, site: str) -> str:
        """The zone of a chosen site."""
        chosen = uuid_or_none(site or None)
        return next((zone for id_, _, zone in self.sites if id_ == chosen), self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the draft means. `curve` and `estimate` are None where it says why they cannot be."""

    summary: Summary
    slots: Mapping[str, tuple[Said, ...]]
    tariff: TariffVersion | None
    curve: WeekCurve | None = None
    no_curve: str = "The week appears when the draft can be read."
    estimate: Price | None = None
    no_estimate: str = "The price appears when the draft can be read."


async def surroundings_of(db: AsyncSession, organization_id: UUID, tariff_id: UUID) -> Surroundings:
    """Sites, user groups and market prices of an organization, around one of its tariffs."""
    sites = await db.execute(
        owned(Site, organization_id)
        .where(Site.retired_at.is_(None))
        .with_only_columns(Site.id, Site.name, Site.time_zone)
        .order_by(Site.name)
        .limit(CHOICES_MAX)
    )
    groups = await db.execute(
        owned(UserGroup, organization_id)
        .with_only_columns(UserGroup.key, UserGroup.name)
        .order_by(UserGroup.name)
        .limit(CHOICES_MAX)
    )
    feeds = await db.execute(
        owned(SpotFeed, organization_id)
        .where(SpotFeed.retired_at.is_(None))
        .with_only_columns(SpotFeed.key, SpotFeed.name)
        .order_by(SpotFeed.key)
        .limit(CHOICES_MAX)
    )
    return Surroundings(
        home=await _home(db, organization_id, tariff_id),
        sites=tuple((id_, name, zone) for id_, name, zone in sites),
        groups=tuple((key, name) for key, name in groups),
        feeds=tuple((key, f"{name} ({key})") for key, name in feeds),
        calendars=await holiday_calendars(db, organization_id),
    )


async def _home(db: AsyncSession, organization_id: UUID, tariff_id: UUID) -> UUID | None:
    """The site of the tariff's oldest assignment that holds and has a place."""
    site = func.coalesce(TariffAssignment.site_id, Station.site_id)
    found: UUID | None = await db.scalar(
        owned(TariffAssignment, organization_id)
        .outerjoin(Station, Station.id == TariffAssignment.station_id)
        .where(
            TariffAssignment.tariff_id == tariff_id,
            TariffAssignment.until_at.is_(None),
            site.is_not(None),
        )
        .with_only_columns(site)
        .order_by(TariffAssignment.id)
        .limit(1)
    )
    return found


def read_asked(form: Mapping[str, str], surroundings: Surroundings, now: datetime) -> Asked:
    """The fields of the form, with what stands in them when the page opens."""
    today = now.astimezone(ZoneInfo(surroundings.zone_of(form.get("site", ""))))
    return Asked(
        week=form.get("week", today.date().isoformat()).strip(),
        site=form.get("site", surroundings.usual_site).strip(),
        group=form.get("group", "").strip(),
        start=form.get("start", f"{today.date().isoformat()}T18:00").strip(),
        energy=form.get("energy", "32").strip(),
        charging=form.get("charging", "2 h").strip(),
        idle=form.get("idle", "1 h").strip(),
    )


async def meaning_of(
    db: AsyncSession,
    tariff: Tariff,
    body: Mapping[str, object] | None,
    asked: Asked,
    *,
    problem: Said | None,
    surroundings: Surroundings,
    now: datetime,
    json: bool = False,
) -> Meaning:
    """All that a body means. `json`: there is one place for findings, the text's."""
    if body is None:
        return _unread(() if problem is None else (problem,), json=json)
    problems, _ = problems_of(body, tariff.currency)
    if problems:
        return _unread(problems, json=json)
    linted = await lint_for(db, tariff, body, now=now)
    if linted.tariff is None:
        unread = () if linted.problem is None else (problem_said(linted.problem),)
        return _unread(unread, json=json)
    items = findings_said(linted.findings)
    zone = surroundings.zone_of(asked.site)
    first_day = first_day_of(asked, zone, now)
    imagined = read_imagined(asked, zone)
    context = await context_of(db, tariff, linted.tariff, asked, surroundings, now)
    curve = week_curve(linted.tariff, context, first_day)
    price, no_price = None, imagined if isinstance(imagined, str) else ""
    if isinstance(imagined, Imagined):
        price = explain_estimate(estimate(linted.tariff, imagined, context), zone)
    return Meaning(
        summary=Summary(items=items),
        slots=_slots(items, json=json),
        tariff=linted.tariff,
        curve=curve,
        estimate=price,
        no_estimate=no_price,
    )


async def context_of(
    db: AsyncSession,
    tariff: Tariff,
    version: TariffVersion,
    asked: Asked,
    surroundings: Surroundings,
    now: datetime,
) -> PriceContext:
    """The zone of the site, the driver's group, and the market over the week and the session."""
    zone = surroundings.zone_of(asked.site)
    first_day = first_day_of(asked, zone, now)
    from_at, until_at = midnight(first_day, zone), midnight(first_day + WEEK, zone)
    imagined = read_imagined(asked, zone)
    if isinstance(imagined, Imagined):
        length = timedelta(seconds=imagined.charging_s + imagined.idle_s)
        if abs(imagined.started_at - from_at) <= MARKET_SPAN_MAX:  # else it takes the fallback
            from_at = min(from_at, imagined.started_at)
            until_at = max(until_at, imagined.started_at + length)
    feeds = {
        component.spot.feed
        for element in version.elements
        for component in element.price_components
        if component.spot is not None
    }
    spot = await curves(db, tariff.organization_id, feeds, from_at, until_at)
    groups: frozenset[str] = frozenset({asked.group}) if asked.group else frozenset()
    return PriceContext(zone=zone, user_groups=groups, spot=spot)


def first_day_of(asked: Asked, zone: str, now: datetime) -> date:
    """The first of the seven days that are looked at."""
    return day_or_today(asked.week, now.astimezone(ZoneInfo(zone)).date())


def day_or_today(text: str, today: date) -> date:
    """The date; today where it cannot be read. Not its Monday: a Sunday asks about tomorrow."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return today
    return day if 2000 <= day.year <= 2200 else today


def midnight(day: date, zone: str) -> datetime:
    """The start of a local day, as an instant."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def read_imagined(asked: Asked, zone: str) -> Imagined | str:
    """The session to price, or what is wrong with it."""
    try:
        start = datetime.fromisoformat(asked.start)
        kwh = Decimal(plain(asked.energy) or "0")
    except (ValueError, InvalidOperation):
        return "Give a start, and an energy such as 32 or 7.5."
    charging, idle = duration_s(asked.charging or "0"), duration_s(asked.idle or "0")
    if start.tzinfo or not 2000 <= start.year <= 2200:
        return "Give a start."
    if not kwh.is_finite() or not 0 <= kwh <= ENERGY_KWH_MAX:
        return f"Give an energy of at most {ENERGY_KWH_MAX} kWh."
    if isinstance(charging, str) or isinstance(idle, str) or charging + idle > SESSION_S_MAX:
        return "Give durations such as 30 min or 2 h, a month at most together."
    if not charging and (kwh or not idle):
        return "Give a charging time."
    return Imagined(
        started_at=start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC),
        energy_wh=int(kwh * 1_000),
        charging_s=charging,
        idle_s=idle,
    )


def _unread(items: tuple[Said, ...], *, json: bool) -> Meaning:
    return Meaning(summary=Summary(items=items), slots=_slots(items, json=json), tariff=None)


def _slots(items: Iterable[Said], *, json: bool) -> Mapping[str, tuple[Said, ...]]:
    slots: dict[str, tuple[Said, ...]] = {}
    for one in sorted(items, key=lambda one: SEVERITIES.index(one.severity)):
        slot = "said-tariff" if json else one.slot
        if one.field or json:  # what is about no field stands in the summary alone
            slots[slot] = (*slots.get(slot, ()), one)
    return slots
