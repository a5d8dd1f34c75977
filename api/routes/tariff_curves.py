"""The prices of a body from an instant on, for charts: those of a session that starts then."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.routes.clocks import zone_of
from api.routes.fields import Line, Output, PriceInstant
from api.routes.tariff_previews import BodyForm
from holdfast.domain.pricing.amount_text import exact_text
from holdfast.domain.pricing.boundaries import boundaries_of
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.rates import RatePrice, RateStep, TooManySteps, rate_steps
from holdfast.domain.tariff.version import USER_GROUPS_MAX, DimensionType
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.principal import Reader
from holdfast.http.problems import invalid
from holdfast.services import tariff_bodies, tariffs
from holdfast.services.spot_prices import curves

router = APIRouter(prefix="/tariffs", tags=["tariffs"], route_class=IdempotentRoute)

DAYS_MAX = 31
PER = {
    DimensionType.ENERGY: "kwh",
    DimensionType.TIME: "hour",
    DimensionType.PARKING_TIME: "hour",
    DimensionType.FLAT: "session",
}


class PreviewForm(BodyForm):
    """A body as in a draft, of a tariff or in a currency, in the zone of a site or a named one."""

    from_at: Annotated[
        PriceInstant | None, Field(alias="from", description="Now, where it is left out.")
    ] = None
    days: Annotated[int, Field(ge=1, le=DAYS_MAX)] = 7
    site: Annotated[UUID | None, Field(description="Whose clock counts.")] = None
    time_zone: Annotated[Line | None, Field(description="Where there is no site.")] = None
    user_groups: Annotated[
        list[Line],
        Field(
            default_factory=list,
            max_length=USER_GROUPS_MAX,
            description="Keys of the driver's groups.",
        ),
    ]


class UnitPriceShown(Output):
    """Per kWh, hour or session, exact: decimal text, or a fraction such as "17/60".

    `estimated`: the market's price is not known, the tariff's fallback stands for it.
    """

    type: DimensionType
    per: str
    excl_vat: str | None
    incl_vat: str
    vat: str | None
    market: Annotated[str | None, Field(description="The market's price per kWh.")]
    estimated: bool


class PriceStepShown(Output):
    """Prices of a session that starts from `from_at` up to and without `until_at`. A type that is
    not in `prices` costs nothing."""

    from_at: datetime
    until_at: datetime
    prices: list[UnitPriceShown]


class PreviewShown(Output):
    """The steps follow each other without a gap."""

    currency: str
    time_zone: str
    steps: list[PriceStepShown]


@router.post("/preview")
async def preview_prices(form: PreviewForm, db: Db, reader: Reader) -> PreviewShown:
    """The prices over some days, one step per change. Nothing is stored."""
    now = datetime.now(UTC)
    currency = form.currency or ""
    if form.tariff is not None:
        currency = (await tariffs.get_tariff(db, reader.organization_id, form.tariff)).currency
    zone = await zone_of(db, reader.organization_id, form.site, form.time_zone)
    version = tariff_bodies.read_body(form.body, currency=currency, now=now)
    from_at = form.from_at or now
    until_at = from_at + timedelta(days=form.days)
    groups = frozenset(form.user_groups)
    feeds = boundaries_of(version, groups).feeds
    spot = await curves(db, reader.organization_id, feeds, from_at, until_at)
    context = PriceContext(zone=zone, user_groups=groups, spot=spot)
    try:
        steps = rate_steps(compile_tariff(version), context, from_at, until_at)
    except TooManySteps as error:
        raise invalid("days", form.days, f"use fewer: {error}") from None
    return PreviewShown(currency=currency, time_zone=zone, steps=[_step(step) for step in steps])


def _step(step: RateStep) -> PriceStepShown:
    return PriceStepShown(
        from_at=step.from_at,
        until_at=step.until_at,
        prices=[_price(kind, price) for kind, price in step.prices.items()],
    )


def _price(kind: DimensionType, price: RatePrice) -> UnitPriceShown:
    return UnitPriceShown(
        type=kind,
        per=PER[kind],
        excl_vat=None if price.excl is None else exact_text(price.excl),
        incl_vat=exact_text(price.incl),
        vat=None if price.vat is None else str(price.vat),
        market=None if price.market_price is None else str(price.market_price),
        estimated=price.estimated,
    )
