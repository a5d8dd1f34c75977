"""What would this driver pay on this EVSE at this time, and why.

Asked in the very way that a session begins: a session that nobody stores is frozen (`price_terms`),
so a quote chooses, and prices, as the bill would.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import false, func
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.tariff.display import shown_price
from holdfast.domain.tariff.shown import ShownPrice
from holdfast.domain.tariff.version import TariffVersion as TariffTerms
from holdfast.services import estimates, price_terms
from holdfast.services.compiled_tariffs import compiled
from holdfast.services.refusal import Invalid, NotFound
from holdfast.services.scope import belongs, find
from holdfast.services.stations import find_station
from holdfast.services.tariff_choice import (
    Audience,
    Choice,
    Considered,
    consider,
    driver_of,
    of_audience,
    of_place,
)
from holdfast.services.tokens import find_token
from holdfast.store.tables import Account, Session, Station, TariffAssignment

NOBODYS = UUID(int=2**128 - 1)
"""The session that is not: after every other that began at its instant."""

ELSEWHERE_MAX = 20
OTHERS_WORDS = {
    Audience.USER_GROUP: "it is for the members of a group that this driver is not in",
    Audience.AD_HOC: "it is for whoever pays ad hoc",
}
AHEAD = timedelta(days=8)
"""How far a quote looks for what changes next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteAsked:
    """Who, where, when. At most one of token, account and ad hoc; none: anybody.

    `token` is a uid in any case. `energy_wh`, `charging_s` and `idle_s` imagine a session.
    """

    station: str
    evse: int
    at: datetime
    token: str | None = None
    account_id: UUID | None = None
    ad_hoc: bool = False
    energy_wh: int | None = None
    charging_s: int = 0
    idle_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """`choice` is None where nothing applies: then charging is not priced at all.

    `considered` is all that was looked at, the winner among it; `elsewhere` holds at the place for
    other drivers. `group_keys`: the driver's. `estimate`: the imagined session's price as JSON.
    """

    station: Station
    choice: Choice | None
    considered: tuple[Considered, ...]
    elsewhere: tuple[Considered, ...]
    group_keys: frozenset[str]
    terms: TariffTerms | None = None
    context: PriceContext | None = None
    shown: ShownPrice | None = None
    estimate: dict[str, object] | None = None


async def quote(db: AsyncSession, organization_id: UUID, asked: QuoteAsked) -> Quote:
    """Changes nothing. Raises NotFound, Invalid, UnknownZone."""
    if sum((asked.token is not None, asked.account_id is not None, asked.ad_hoc)) > 1:
        raise Invalid("ad_hoc", asked.ad_hoc, "name a token, an account or ad_hoc, one of them")
    station = await find_station(db, organization_id, asked.station)
    session = await _imagined_session(db, station, asked)
    choice = await price_terms.freeze(db, session, asked.at)
    driver = await driver_of(
        db,
        organization_id,
        token_id=session.token_id,
        account_id=session.account_id,
        ad_hoc=asked.ad_hoc,
    )
    place = belongs(TariffAssignment, organization_id) & of_place(
        station.site_id, station.id, asked.evse
    )
    # An account's own prices are nobody else's business, and there may be thousands.
    not_mine = ~func.coalesce(of_audience(driver), false())
    others = not_mine & TariffAssignment.account_id.is_(None)
    considered = (
        await consider(db, place & of_audience(driver), asked.at)
        if choice is None
        else choice.reasons
    )
    elsewhere = await consider(db, place & others, asked.at)
    found = Quote(
        station=station,
        choice=choice,
        considered=considered,
        elsewhere=tuple(
            replace(item, lost=OTHERS_WORDS[item.audience]) for item in elsewhere[:ELSEWHERE_MAX]
        ),
        group_keys=driver.group_keys,
    )
    return found if choice is None else await _priced(db, found, choice, session, asked)


async def _imagined_session(db: AsyncSession, station: Station, asked: QuoteAsked) -> Session:
    """Never added to the database session, so it is never stored."""
    token = None
    if asked.token is not None:
        token = await find_token(db, station.organization_id, asked.token)
        if token is None:
            raise NotFound("token", asked.token)
    if asked.account_id is not None:
        await find(db, Account, station.organization_id, asked.account_id, "account")
    ends_at = asked.at + timedelta(seconds=asked.charging_s + asked.idle_s)
    return Session(
        id=NOBODYS,
        organization_id=station.organization_id,
        station_id=station.id,
        site_id=station.site_id,
        evse=asked.evse,
        token_id=None if token is None else token.id,
        account_id=asked.account_id or (None if token is None else token.account_id),
        payment_id=NOBODYS if asked.ad_hoc else None,
        created_at=asked.at,
        started_at=asked.at,
        ended_at=max(ends_at, asked.at + AHEAD),
    )


async def _priced(
    db: AsyncSession, found: Quote, choice: Choice, session: Session, asked: QuoteAsked
) -> Quote:
    tariff = compiled(choice.version)
    context = await price_terms.context_of(db, session)
    estimate = None
    if asked.energy_wh is not None:
        imagined = estimates.Imagined(
            started_at=asked.at,
            energy_wh=asked.energy_wh,
            charging_s=asked.charging_s,
            idle_s=asked.idle_s,
        )
        estimate = estimates.estimate(tariff, imagined, context)
    return replace(
        found,
        terms=tariff.tariff,
        context=context,
        shown=shown_price(tariff, context, asked.at),
        estimate=estimate,
    )
