"""Which past sessions a simulation is about: a span of time, a place, an audience, and how many."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Self
from uuid import UUID

from sqlalchemy import Select, any_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.pricing.record_values import YEAR_MIN
from holdfast.services.refusal import Invalid
from holdfast.services.scope import belongs, find, owned
from holdfast.services.slices import lowest_id
from holdfast.services.stations import find_station
from holdfast.store.tables import Account, Session, Site, TariffVersion, Token, UserGroup

DAYS_DEFAULT = 90
DAYS_MAX = 800
SESSIONS_DEFAULT = 20_000
SESSIONS_MAX = 200_000
# A remote start makes a session's row some minutes before it begins; ids sort by that.
MADE_BEFORE = timedelta(days=1)

Which = Literal["tariff", "place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationScope:
    """Ended sessions that began from `from_at` on, before `until_at`; the newest `sessions_max`.

    `which`: those priced by this tariff's versions, or all at the place. Without site and station
    the place is the whole organization. At most one of account, user group and ad hoc.
    """

    from_at: datetime
    until_at: datetime
    which: Which = "tariff"
    site_id: UUID | None = None
    station: str | None = None
    station_id: UUID | None = None
    account_id: UUID | None = None
    user_group: str | None = None
    ad_hoc: bool = False
    sessions_max: int = SESSIONS_DEFAULT

    def to_json(self) -> dict[str, Any]:
        """As the row keeps it, and the API shows it."""
        return {
            "from": self.from_at.isoformat(),
            "to": self.until_at.isoformat(),
            "sessions": self.which,
            "site": _text(self.site_id),
            "station": self.station,
            "station_id": _text(self.station_id),
            "account": _text(self.account_id),
            "user_group": self.user_group,
            "ad_hoc": self.ad_hoc,
            "sessions_max": self.sessions_max,
        }

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Self:
        """As `to_json` wrote it."""
        return cls(
            from_at=datetime.fromisoformat(form["from"]),
            until_at=datetime.fromisoformat(form["to"]),
            which=form["sessions"],
            site_id=_uuid(form["site"]),
            station=form["station"],
            station_id=_uuid(form["station_id"]),
            account_id=_uuid(form["account"]),
            user_group=form["user_group"],
            ad_hoc=form["ad_hoc"],
            sessions_max=form["sessions_max"],
        )


def default_span(now: datetime) -> tuple[datetime, datetime]:
    """The last ninety days."""
    return now - timedelta(days=DAYS_DEFAULT), now


async def check_scope(
    db: AsyncSession, organization_id: UUID, scope: SimulationScope, now: datetime
) -> SimulationScope:
    """With the station's id, and no later than now. Raises NotFound, Invalid."""
    scope = replace(scope, until_at=min(scope.until_at, now))
    _check_values(scope)
    if scope.site_id is not None:
        await find(db, Site, organization_id, scope.site_id, "site")
    if scope.account_id is not None:
        await find(db, Account, organization_id, scope.account_id, "account")
    if scope.user_group is not None:
        group = owned(UserGroup, organization_id).where(UserGroup.key == scope.user_group)
        if await db.scalar(group.with_only_columns(UserGroup.id)) is None:
            raise Invalid("user_group", scope.user_group, "use the key of a user group")
    if scope.station is None:
        return scope
    station = await find_station(db, organization_id, scope.station)
    return replace(scope, station_id=station.id)


def _check_values(scope: SimulationScope) -> None:
    """What needs no row to be seen. Raises Invalid."""
    if scope.from_at.year <= YEAR_MIN:
        raise Invalid("from", scope.from_at.isoformat(), f"use a time after {YEAR_MIN}")
    if not scope.from_at < scope.until_at:
        raise Invalid("from", scope.from_at.isoformat(), "use a time before `to`, in the past")
    if scope.until_at - scope.from_at > timedelta(days=DAYS_MAX):
        raise Invalid("from", scope.from_at.isoformat(), f"use at most {DAYS_MAX} days")
    if not 1 <= scope.sessions_max <= SESSIONS_MAX:
        raise Invalid("sessions_max", scope.sessions_max, f"use 1 to {SESSIONS_MAX}")
    if scope.site_id is not None and scope.station is not None:
        raise Invalid("station", scope.station, "name a site or a station, not both")
    if (scope.account_id is not None) + (scope.user_group is not None) + scope.ad_hoc > 1:
        raise Invalid("account", "", "name an account, a user group or ad_hoc: one of the three")


def sessions_in(organization_id: UUID, tariff_id: UUID, scope: SimulationScope) -> Select[Session]:
    """The sessions of a scope, in no order and without its limit on their number."""
    ended = or_(
        Session.ended_at <= scope.until_at,
        Session.ended_at.is_(None) & (Session.ended_by_us_at <= scope.until_at),
    )
    statement = owned(Session, organization_id).where(
        Session.id >= lowest_id(scope.from_at - MADE_BEFORE),
        Session.started_at >= scope.from_at,
        Session.started_at < scope.until_at,
        ended,
    )
    if scope.which == "tariff":
        versions = select(TariffVersion.id).where(
            belongs(TariffVersion, organization_id), TariffVersion.tariff_id == tariff_id
        )
        # As an array: joined, all of the span would be read and sorted for every portion.
        among = any_(func.array(versions.scalar_subquery()))
        statement = statement.where(Session.tariff_version_id == among)
    if scope.site_id is not None:
        statement = statement.where(Session.site_id == scope.site_id)
    if scope.station_id is not None:
        statement = statement.where(Session.station_id == scope.station_id)
    if scope.account_id is not None:
        statement = statement.where(Session.account_id == scope.account_id)
    if scope.ad_hoc:
        statement = statement.where(Session.payment_id.is_not(None))
    if scope.user_group is not None:
        statement = statement.where(_in_group(organization_id, scope.user_group))
    return statement


def _in_group(organization_id: UUID, key: str) -> Any:
    """By the driver's group as it is now: the token's own, else its account's."""
    group = (
        select(UserGroup.id)
        .where(belongs(UserGroup, organization_id), UserGroup.key == key)
        .scalar_subquery()
    )
    tokens = select(Token.id).where(belongs(Token, organization_id), Token.user_group_id == group)
    plain = select(Token.id).where(
        belongs(Token, organization_id), Token.user_group_id.is_not(None)
    )
    accounts = select(Account.id).where(
        belongs(Account, organization_id), Account.user_group_id == group
    )
    by_account = Session.account_id.in_(accounts) & or_(
        Session.token_id.is_(None), Session.token_id.not_in(plain)
    )
    return or_(Session.token_id.in_(tokens), by_account)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
