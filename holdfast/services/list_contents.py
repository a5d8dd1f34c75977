"""Which tokens belong on a station's local list: by rule, by token, by what the station holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.local_list import ListEntry
from holdfast.services.scope import belongs
from holdfast.store.tables import Account, LocalListRule, Station, StationVariable, Token

TOKENS_MAX = 50_000
# What tells how long a list may be: OCPP 1.6 section 9.2, 2.0.1 part 2 LocalAuthListCtrlr.
_LENGTHS = (("", "LocalAuthListMaxLength"), ("LocalAuthListCtrlr", "Entries"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Entries, and how many the station says that it holds; None where it does not say."""

    entries: Sequence[ListEntry]
    entries_max: int | None


async def rule_of(db: AsyncSession, station: Station) -> str:
    """The narrowest rule: the station's, its site's, the organization's; else "off"."""
    rules = await db.execute(
        select(LocalListRule.station_id, LocalListRule.site_id, LocalListRule.rule).where(
            belongs(LocalListRule, station.organization_id), _applies(station)
        )
    )
    found = {
        ("station" if station_id else "site" if site_id else "organization"): rule
        for station_id, site_id, rule in rules
    }
    return next((found[at] for at in ("station", "site", "organization") if at in found), "off")


async def stations_with_rules(db: AsyncSession, organization_id: UUID) -> set[UUID]:
    """Stations whose narrowest rule is not "off"."""
    rows = await db.execute(
        select(LocalListRule.station_id, LocalListRule.site_id, LocalListRule.rule).where(
            belongs(LocalListRule, organization_id)
        )
    )
    by_station: dict[UUID, str] = {}
    by_site: dict[UUID, str] = {}
    usual = "off"
    for station_id, site_id, rule in rows:
        if station_id is not None:
            by_station[station_id] = rule
        elif site_id is not None:
            by_site[site_id] = rule
        else:
            usual = rule
    if {usual, *by_station.values(), *by_site.values()} == {"off"}:
        return set()
    stations = await db.execute(
        select(Station.id, Station.site_id).where(
            belongs(Station, organization_id),
            Station.retired_at.is_(None),
            Station.registration == "accepted",
        )
    )
    return {
        station_id
        for station_id, site_id in stations
        if by_station.get(station_id, by_site.get(site_id, usual) if site_id else usual) != "off"
    }


async def wanted_entries(db: AsyncSession, station: Station, now: datetime) -> tuple[Wanted, int]:
    """What belongs on the station's list, and how many tokens cannot be told by a list.

    A token that may not charge at this site, or only at one kind of current, is not accepted by a
    list that knows neither: it is left out, and asked about. So is one that has expired.
    """
    rule = await rule_of(db, station)
    if rule == "off":
        return Wanted((), None), 0
    statement = (
        select(Token, Account.blocked_at.is_not(None))
        .outerjoin(Account, Account.id == Token.account_id)
        .where(
            belongs(Token, station.organization_id),
            Token.status.in_(("accepted", "blocked")),
            or_(Token.valid_until.is_(None), Token.valid_until > now),
        )
        .order_by(Token.id)
        .limit(TOKENS_MAX)
    )
    if rule == "own":
        statement = statement.where(Token.account_id.is_not(None))
    entries: list[ListEntry] = []
    left_out = 0
    for token, account_blocked in await db.execute(statement):
        blocked = account_blocked or token.status == "blocked"
        elsewhere = token.site_ids is not None and str(station.site_id) not in token.site_ids
        if not blocked and (elsewhere or token.current_type is not None):
            left_out += 1
            continue
        entries.append(
            ListEntry(
                uid=token.uid.upper(),
                type=token.type,
                status="blocked" if blocked else "accepted",
                expires_at=token.valid_until,
                group_id=token.group_id,
            )
        )
    return Wanted(entries, await _length_max(db, station)), left_out


async def _length_max(db: AsyncSession, station: Station) -> int | None:
    rows = await db.execute(
        select(StationVariable.component, StationVariable.value, StationVariable.max_limit).where(
            StationVariable.station_id == station.id,
            StationVariable.attribute == "actual",
            StationVariable.gone_at.is_(None),
            func.lower(StationVariable.variable).in_([name.lower() for _, name in _LENGTHS]),
        )
    )
    for component, value, max_limit in rows:
        # 2.x tells how many there are, and as the limit how many there may be.
        written = (max_limit if component else value) or ""
        number = written.partition(".")[0]
        if number.isdecimal() and len(number) < 10:
            return int(number)
    return None


def _applies(station: Station) -> ColumnElement[bool]:
    nowhere = LocalListRule.site_id.is_(None) & LocalListRule.station_id.is_(None)
    places = [nowhere, LocalListRule.station_id == station.id]
    if station.site_id is not None:
        places.append(LocalListRule.site_id == station.site_id)
    return or_(*places)
