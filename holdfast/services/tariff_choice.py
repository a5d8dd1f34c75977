"""Which tariff version applies to a driver at a place at an instant, and why.

One precedence. First by who: an assignment to the driver's account (a contract) wins over one to
their user group, that over one for whoever pays ad hoc, that over one for everybody. Among those of
the same audience by where: the EVSE, the station, the site, the organization. The first whose
tariff has a version in force at the instant wins; `domain.tariff.life` says what in force means.

An assignment holds from when it was made until it was ended, so an instant of the past is answered
with what held then. Before the first assignment of all, that one counts back, if its tariff was in
force: a station tells sessions of before it was known, or by a slow clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from holdfast.services.refusal import NotFound
from holdfast.services.scope import belongs, owned
from holdfast.services.version_spans import NEWEST_FIRST, covers
from holdfast.store.tables import Account, Tariff, TariffAssignment, TariffVersion, Token, UserGroup

CONSIDERED_MAX = 100
"""There are at most 16 kinds of assignment; overlaps at one instant are not, but a bound is."""


class Audience(StrEnum):
    """For whom an assignment is, the closest first."""

    ACCOUNT = "account"
    USER_GROUP = "user_group"
    AD_HOC = "ad_hoc"
    EVERYBODY = "everybody"


class Place(StrEnum):
    """Where an assignment applies, the closest first."""

    EVSE = "evse"
    STATION = "station"
    SITE = "site"
    ORGANIZATION = "organization"


AUDIENCES = tuple(Audience)
PLACES = tuple(Place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """Who charges, as far as prices go. `group_keys` are what `user_groups` of elements name."""

    token_id: UUID | None = None
    account_id: UUID | None = None
    user_group_id: UUID | None = None
    group_keys: frozenset[str] = frozenset()
    ad_hoc: bool = False


ANYBODY = Driver()
"""Of whom nothing is known: only what applies to everybody."""

PUBLIC = Driver(ad_hoc=True)
"""Whoever comes, and what a display speaks to: what applies ad hoc, else to everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """An assignment that was looked at. `lost` says why it does not apply; None: it was chosen."""

    assignment: TariffAssignment
    tariff: Tariff
    version: TariffVersion | None
    audience: Audience
    place: Place
    lost: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What applies, and all that was considered, in the order of precedence."""

    version: TariffVersion
    tariff: Tariff
    assignment: TariffAssignment
    audience: Audience
    place: Place
    reasons: tuple[Considered, ...]


async def driver_of(
    db: AsyncSession,
    organization_id: UUID,
    *,
    token_id: UUID | None = None,
    account_id: UUID | None = None,
    ad_hoc: bool = False,
) -> Driver:
    """The account is the one that is named, else the token's; the group the token's, else the
    account's. One query, none for whoever pays ad hoc, a second where another account is named than
    the token's. Raises NotFound."""
    if token_id is None and account_id is None:
        return Driver(ad_hoc=ad_hoc)
    if token_id is None:
        group_id, key = await _group_of_account(db, organization_id, account_id)
    else:
        token = await _token(db, organization_id, token_id)
        group_id, key = token.group_id, token.key
        if account_id not in (None, token.account_id) and token.own_group_id is None:
            group_id, key = await _group_of_account(db, organization_id, account_id)
        account_id = account_id or token.account_id
    return Driver(
        token_id=token_id,
        account_id=account_id,
        user_group_id=group_id,
        group_keys=frozenset() if key is None else frozenset({key}),
        ad_hoc=ad_hoc,
    )


async def choose(
    db: AsyncSession,
    *,
    organization_id: UUID,
    site_id: UUID | None,
    station_id: UUID,
    evse: int | None,
    driver: Driver,
    at: datetime,
) -> Choice | None:
    """The version that applies; None where nothing is assigned that has one. One query, a second
    where nothing held at the instant."""
    asked = (
        belongs(TariffAssignment, organization_id)
        & of_place(site_id, station_id, evse)
        & of_audience(driver)
    )
    considered = await consider(db, asked, at)
    if all(item.lost is not None for item in considered):
        considered = (*considered, *await _made_later(db, asked, at))
    return chosen(considered)


def chosen(considered: tuple[Considered, ...]) -> Choice | None:
    """The one of them that did not lose."""
    winner = next((item for item in considered if item.lost is None), None)
    if winner is None or winner.version is None:
        return None
    return Choice(
        version=winner.version,
        tariff=winner.tariff,
        assignment=winner.assignment,
        audience=winner.audience,
        place=winner.place,
        reasons=considered,
    )


async def version_for_anybody(
    db: AsyncSession,
    *,
    organization_id: UUID,
    site_id: UUID | None,
    station_id: UUID,
    at: datetime,
) -> TariffVersion | None:
    """What applies at a station to a driver of whom nothing is known; else None."""
    choice = await choose(
        db,
        organization_id=organization_id,
        site_id=site_id,
        station_id=station_id,
        evse=None,
        driver=ANYBODY,
        at=at,
    )
    return None if choice is None else choice.version


async def consider(
    db: AsyncSession, condition: ColumnElement[bool], at: datetime
) -> tuple[Considered, ...]:
    """Assignments that hold at `at`, each with its version in force, in order of precedence."""
    found = with_versions(condition & holds(at), at).order_by(TariffAssignment.id.desc())
    rows = (await db.execute(found)).all()
    return judged(sorted(rows, key=lambda row: rank(row[0])), at)


async def _made_later(
    db: AsyncSession, condition: ColumnElement[bool], at: datetime
) -> tuple[Considered, ...]:
    """Assignments that were made after an instant, the first first, if none was made before it:
    one that was ended left nothing behind on purpose."""
    before = await db.scalar(
        select(TariffAssignment.id).where(condition, TariffAssignment.created_at <= at).limit(1)
    )
    if before is not None:
        return ()
    found = with_versions(condition & (TariffAssignment.created_at > at), at)
    rows = (await db.execute(found.order_by(TariffAssignment.created_at))).all()
    return judged(rows, at, why_not="another one was made before it")


def with_versions(
    condition: ColumnElement[bool], at: datetime
) -> Select[TariffAssignment, Tariff, TariffVersion]:
    """Assignments with their tariff and its version in force."""
    newest = aliased(TariffVersion, _newest_version(at).lateral())
    return (
        select(TariffAssignment, Tariff, newest)
        .join(Tariff, Tariff.id == TariffAssignment.tariff_id)
        .outerjoin(newest, true())
        .where(condition)
        .limit(CONSIDERED_MAX)
    )


def holds(at: datetime) -> ColumnElement[bool]:
    """The assignment was there at that instant."""
    return and_(
        TariffAssignment.created_at <= at,
        or_(TariffAssignment.until_at.is_(None), TariffAssignment.until_at > at),
    )


def of_place(
    site_id: UUID | None, station_id: UUID | None, evse: int | None
) -> ColumnElement[bool]:
    """Assignments that cover a place, from the EVSE to the organization."""
    return or_(
        and_(
            TariffAssignment.station_id == station_id,
            or_(TariffAssignment.evse.is_(None), TariffAssignment.evse == evse),
        )
        if station_id is not None
        else false(),
        TariffAssignment.site_id == site_id if site_id is not None else false(),
        and_(TariffAssignment.station_id.is_(None), TariffAssignment.site_id.is_(None)),
    )


def rank(assignment: TariffAssignment) -> tuple[int, int]:
    """The precedence: smaller wins."""
    return AUDIENCES.index(audience_of(assignment)), PLACES.index(place_of(assignment))


def audience_of(assignment: TariffAssignment) -> Audience:
    """For whom it is."""
    if assignment.account_id is not None:
        return Audience.ACCOUNT
    if assignment.user_group_id is not None:
        return Audience.USER_GROUP
    return Audience.AD_HOC if assignment.ad_hoc else Audience.EVERYBODY


def place_of(assignment: TariffAssignment) -> Place:
    """Where it applies."""
    if assignment.evse is not None:
        return Place.EVSE
    if assignment.station_id is not None:
        return Place.STATION
    return Place.ORGANIZATION if assignment.site_id is None else Place.SITE


def of_audience(driver: Driver) -> ColumnElement[bool]:
    """Assignments that are for a driver, among others or alone."""
    everybody = and_(
        TariffAssignment.account_id.is_(None), TariffAssignment.user_group_id.is_(None)
    )
    audiences: list[ColumnElement[bool]] = [
        everybody if driver.ad_hoc else and_(everybody, TariffAssignment.ad_hoc.is_(False))
    ]
    if driver.account_id is not None:
        audiences.append(TariffAssignment.account_id == driver.account_id)
    if driver.user_group_id is not None:
        audiences.append(TariffAssignment.user_group_id == driver.user_group_id)
    return or_(*audiences)


def _newest_version(at: datetime) -> Any:
    """The newest version of the assignment's tariff that is valid at `at` and has not ended."""
    return (
        select(TariffVersion)
        .where(TariffVersion.tariff_id == Tariff.id, covers(at))
        .order_by(*NEWEST_FIRST)
        .limit(1)
        .correlate(Tariff)
    )


def judged(rows: Sequence[Any], at: datetime, why_not: str | None = None) -> tuple[Considered, ...]:
    """`why_not`: what those after the winner lost by, if not by who and where."""
    winner: Considered | None = None
    verdicts: list[Considered] = []
    for assignment, tariff, version in rows:
        lost = None
        if tariff.retired_at is not None and tariff.retired_at <= at:
            lost = "its tariff is retired"
        elif version is None:
            lost = "its tariff has no version in force then"
        elif winner is not None:
            lost = why_not or _why_it_lost(winner, audience_of(assignment))
        item = Considered(
            assignment=assignment,
            tariff=tariff,
            version=version,
            audience=audience_of(assignment),
            place=place_of(assignment),
            lost=lost,
        )
        winner = item if lost is None else winner
        verdicts.append(item)
    return tuple(verdicts)


def _why_it_lost(winner: Considered, audience: Audience) -> str:
    if winner.audience is not audience:
        first, then = AUDIENCE_WORDS[winner.audience], AUDIENCE_WORDS[audience]
        return f"a tariff {first} comes before one {then}"
    return f"a tariff of the {winner.place.value} is closer"


AUDIENCE_WORDS = {
    Audience.ACCOUNT: "for the driver's account",
    Audience.USER_GROUP: "for the driver's user group",
    Audience.AD_HOC: "for whoever pays ad hoc",
    Audience.EVERYBODY: "for everybody",
}


async def _token(db: AsyncSession, organization_id: UUID, token_id: UUID) -> Any:
    """A token's account, its own group, and the group that counts: its own, else its account's."""
    row = (
        await db.execute(
            owned(Token, organization_id)
            .with_only_columns(
                Token.account_id,
                Token.user_group_id.label("own_group_id"),
                UserGroup.id.label("group_id"),
                UserGroup.key,
                maintain_column_froms=True,
            )
            .outerjoin(Account, Account.id == Token.account_id)
            .outerjoin(
                UserGroup,
                UserGroup.id == func.coalesce(Token.user_group_id, Account.user_group_id),
            )
            .where(Token.id == token_id)
        )
    ).one_or_none()
    if row is None:
        raise NotFound("token", token_id)
    return row


async def _group_of_account(
    db: AsyncSession, organization_id: UUID, account_id: UUID | None
) -> tuple[UUID | None, str | None]:
    row = (
        await db.execute(
            owned(Account, organization_id)
            .with_only_columns(Account.user_group_id, UserGroup.key, maintain_column_froms=True)
            .outerjoin(UserGroup, UserGroup.id == Account.user_group_id)
            .where(Account.id == account_id)
        )
    ).one_or_none()
    if row is None:
        raise NotFound("account", account_id)
    return row.user_group_id, row.key
