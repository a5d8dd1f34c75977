"""What would this driver pay on this EVSE at this time, and why."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import Field, StringConstraints

from api.routes.fields import DurationS, EnergyWh, EvseNumber, Output, PriceInstant, TokenUid
from holdfast.domain.pricing.amount_text import exact_text
from holdfast.domain.tariff.shown import ShownChange, ShownLine, ShownPrice, UnitPrice
from holdfast.domain.time_zone import UnknownZone
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.principal import Reader
from holdfast.http.problems import Problem
from holdfast.http.wrong_values import Said
from holdfast.services import quotes
from holdfast.services.price_words.price_text import price_text
from holdfast.services.tariff_choice import Audience, Considered, Place

router = APIRouter(prefix="/quotes", tags=["tariffs"], route_class=IdempotentRoute)

Lang = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}$"),
    Said("use a BCP 47 language tag, such as en or de-AT"),
]


def asked_quote(
    *,
    station: Annotated[str, Query(max_length=48, description="The station's OCPP identity.")],
    evse: Annotated[EvseNumber, Query(description="Of the station.")] = 1,
    token: Annotated[TokenUid | None, Query(description="Its uid, in any case.")] = None,
    account: Annotated[UUID | None, Query(description="Its id.")] = None,
    ad_hoc: Annotated[bool, Query(description="Whoever pays without a contract.")] = False,
    at: Annotated[PriceInstant | None, Query(description="Now, where it is left out.")] = None,
    energy_wh: Annotated[EnergyWh | None, Query(description="Of a session to estimate.")] = None,
    charging_s: Annotated[DurationS, Query(description="How long it charges.")] = 0,
    idle_s: Annotated[DurationS, Query(description="How long it stands there after.")] = 0,
) -> quotes.QuoteAsked:
    """At most one of `token`, `account` and `ad_hoc`; none of them is anybody."""
    return quotes.QuoteAsked(
        station=station,
        evse=evse,
        at=at or datetime.now(UTC),
        token=token,
        account_id=account,
        ad_hoc=ad_hoc,
        energy_wh=energy_wh,
        charging_s=charging_s,
        idle_s=idle_s,
    )


class ConsideredShown(Output):
    """An assignment that was looked at. `lost`: why it does not apply; null: it was chosen."""

    assignment: UUID
    tariff: UUID
    tariff_name: str
    version: Annotated[int | None, Field(description="Its tariff's version in force then.")]
    audience: Audience
    place: Place
    lost: str | None


class QuoteRateShown(Output):
    """A price per unit, exact: decimal text, or a fraction such as "17/60".

    `kind`: energy, charging, occupancy, session, reservation, reservation_fee. `excl_vat` is null
    where the tariff does not state the rate of tax that its prices include.
    """

    kind: str
    per: str
    excl_vat: str | None
    incl_vat: str
    vat: str | None
    step: int
    grace_s: int
    market: Annotated[bool, Field(description="It follows a market.")]


class QuoteChangeShown(Output):
    """From `at` on, a session that starts then pays this; null prices: nothing for this kind."""

    at: datetime
    kind: str
    excl_vat: str | None
    incl_vat: str | None


class QuoteWordsShown(Output):
    """The price as a driver reads it, in the order that AFIR asks for."""

    language: Annotated[str, Field(description="A BCP 47 tag, such as de-AT.")]
    title: str
    lines: list[str]
    notes: list[str]
    changes: list[str]


class QuoteEstimate(Output):
    """The price of the imagined session, by the function that bills; it explains every cent."""

    currency: str
    excl_vat: str | None
    incl_vat: str
    breakdown: dict[str, Any]


class QuoteShown(Output):
    """The tariff that applies, and why. `tariff` null: nothing applies, charging is not priced.

    `considered`: every assignment for this driver there, in order of precedence (audience, then
    place). `for_others`: what holds there for groups and ad hoc, which this driver is not.
    `rates`: what a session that starts then pays at first. `next_change`: the first of them.
    """

    station: str
    evse: int
    at: datetime
    time_zone: str | None
    user_groups: list[str]
    tariff: UUID | None
    tariff_name: str | None
    version: Annotated[int | None, Field(description="The number of the version in force then.")]
    version_id: UUID | None
    currency: str | None
    audience: Audience | None
    place: Place | None
    considered: list[ConsideredShown]
    for_others: list[ConsideredShown]
    rates: list[QuoteRateShown]
    next_change: QuoteChangeShown | None
    words: QuoteWordsShown | None
    estimate: QuoteEstimate | None


@router.get("")
async def read_quote(
    asked: Annotated[quotes.QuoteAsked, Depends(asked_quote)],
    db: Db,
    reader: Reader,
    lang: Annotated[Lang, Query(description="Of `words`: a BCP 47 tag, such as de-AT.")] = "en",
) -> QuoteShown:
    """What would this token (or account, or whoever pays ad hoc) pay there then, and why.

    Name at most one of `token`, `account` and `ad_hoc`; none of them is anybody.
    """
    try:
        found = await quotes.quote(db, reader.organization_id, asked)
    except UnknownZone as error:
        raise Problem(409, "conflict", f"the site cannot be priced: {error}") from None
    return _shown(found, asked, lang)


def _shown(found: quotes.Quote, asked: quotes.QuoteAsked, lang: str) -> QuoteShown:
    choice, shown = found.choice, found.shown
    return QuoteShown(
        station=found.station.identity,
        evse=asked.evse,
        at=asked.at,
        time_zone=None if found.context is None else found.context.zone,
        user_groups=sorted(found.group_keys),
        tariff=None if choice is None else choice.tariff.id,
        tariff_name=None if choice is None else choice.tariff.name,
        version=None if choice is None else choice.version.number,
        version_id=None if choice is None else choice.version.id,
        currency=None if choice is None else choice.tariff.currency,
        audience=None if choice is None else choice.audience,
        place=None if choice is None else choice.place,
        considered=[_considered(item) for item in found.considered],
        for_others=[_considered(item) for item in found.elsewhere],
        rates=[] if shown is None else [_rate(line) for line in shown.lines if line.holds],
        next_change=_change(shown.changes[0]) if shown is not None and shown.changes else None,
        words=None if shown is None else _words(shown, lang),
        estimate=None if found.estimate is None else QuoteEstimate.model_validate(found.estimate),
    )


def _considered(item: Considered) -> ConsideredShown:
    return ConsideredShown(
        assignment=item.assignment.id,
        tariff=item.tariff.id,
        tariff_name=item.tariff.name,
        version=None if item.version is None else item.version.number,
        audience=item.audience,
        place=item.place,
        lost=item.lost,
    )


def _rate(line: ShownLine) -> QuoteRateShown:
    return QuoteRateShown(
        kind=line.kind.value,
        per=line.per.value,
        excl_vat=_net(line.price),
        incl_vat=exact_text(line.price.incl),
        vat=None if line.price.vat is None else str(line.price.vat),
        step=line.step,
        grace_s=line.grace_s,
        market=line.market,
    )


def _change(change: ShownChange) -> QuoteChangeShown:
    return QuoteChangeShown(
        at=change.at,
        kind=change.kind.value,
        excl_vat=None if change.price is None else _net(change.price),
        incl_vat=None if change.price is None else exact_text(change.price.incl),
    )


def _net(price: UnitPrice) -> str | None:
    return None if price.excl is None else exact_text(price.excl)


def _words(shown: ShownPrice, lang: str) -> QuoteWordsShown:
    text = price_text(shown, lang)
    return QuoteWordsShown(
        language=text.locale,
        title=text.title,
        lines=[line.text for line in text.lines],
        notes=list(text.notes),
        changes=list(text.changes),
    )
