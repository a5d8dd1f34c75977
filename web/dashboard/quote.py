"""What would this driver pay on this EVSE at this time, and why.

The answer is that of a session that begins there and then (`services.quotes`): the price in the
words that drivers read, every assignment that was looked at, and what a session would cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from sqlalchemy import select
from starlette.responses import Response

from holdfast.domain.tariff.version import TariffInvalid
from holdfast.domain.time_zone import UnknownZone
from holdfast.services.price_words.price_text import PriceText, price_text
from holdfast.services.price_words.reader import LANGUAGES, reader_of
from holdfast.services.quotes import Quote, QuoteAsked, quote
from holdfast.services.refusal import Invalid, Refusal
from holdfast.services.scope import belongs
from holdfast.services.tariff_choice import AUDIENCE_WORDS, Considered, Place
from holdfast.store.tables import Site, Station
from web.dashboard.price import Price, explain_estimate
from web.dashboard.tariff_suggestions import station_identities
from web.visit import Visit
from web.wording import words

TEXT_LENGTH_MAX = 255
EVSE_MAX = 999
KWH_MAX = Decimal(10_000)
MINUTES_MAX = Decimal(44_640)  # 31 days

WHO = {"anybody": "Anybody", "ad_hoc": "Ad hoc payment", "token": "This token"}
FIELDS = ("station", "evse", "who", "token", "at", "kwh", "minutes", "parked", "lang")
USUAL = {"evse": "1", "who": "ad_hoc", "kwh": "20", "minutes": "60", "parked": "0", "lang": "en"}
PLACES = {
    Place.EVSE: "this EVSE",
    Place.STATION: "this station",
    Place.SITE: "its site",
    Place.ORGANIZATION: "the whole organization",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """An assignment that was looked at. `lost` is None of the one that applies."""

    tariff: str
    tariff_id: str
    version: int | None
    whom: str
    where: str
    lost: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteView:
    """The answer. `zone` is the site's, in which `at` is told."""

    station: str
    at: datetime
    zone: str
    tariff: str | None
    version: int | None
    words: PriceText | None
    findings: tuple[str, ...]
    groups: tuple[str, ...]
    considered: tuple[Reason, ...]
    elsewhere: tuple[Reason, ...]
    estimate: Price | None


async def show_quote(visit: Visit) -> Response:
    """GET /tariffs/quote: the form, and the answer where a station is named."""
    typed = _typed(visit.request.query_params)
    view: QuoteView | None = None
    problem: str | None = None
    if typed["station"]:
        try:
            view = await _answer(visit, typed)
        except Invalid as error:
            problem = f"{words(error.field)}: {error.expected}."
        except (Refusal, TariffInvalid, UnknownZone) as error:
            problem = f"{str(error)[:1].upper()}{str(error)[1:]}."
    return visit.page(
        "tariff_quote.html",
        typed=typed,
        view=view,
        problem=problem,
        who=WHO,
        stations=await station_identities(visit.db, visit.viewer.organization_id),
        languages=[(code, language.name) for code, language in sorted(LANGUAGES.items())],
    )


def _typed(parameters: Mapping[str, str]) -> dict[str, str]:
    return {
        name: parameters.get(name, USUAL.get(name, "")).strip()[:TEXT_LENGTH_MAX] for name in FIELDS
    }


async def _answer(visit: Visit, typed: Mapping[str, str]) -> QuoteView:
    """Raises Refusal, TariffInvalid, UnknownZone."""
    organization_id = visit.viewer.organization_id
    zone = await visit.db.scalar(
        select(Site.time_zone)
        .join(Station, Station.site_id == Site.id)
        .where(belongs(Station, organization_id), Station.identity == typed["station"])
    )
    zone = zone or "UTC"
    at = _instant(typed["at"], zone) or visit.desk.pages.now()
    who = typed["who"]
    asked = QuoteAsked(
        station=typed["station"],
        evse=_whole("evse", typed["evse"], EVSE_MAX),
        at=at,
        token=_token(typed["token"]) if who == "token" else None,
        ad_hoc=who == "ad_hoc",
        energy_wh=int(_number("kwh", typed["kwh"], KWH_MAX) * 1_000),
        charging_s=int(_number("minutes", typed["minutes"], MINUTES_MAX) * 60),
        idle_s=int(_number("parked", typed["parked"], MINUTES_MAX) * 60),
    )
    return _view(await quote(visit.db, organization_id, asked), at, zone, typed["lang"])


def _view(found: Quote, at: datetime, zone: str, language: str) -> QuoteView:
    choice, shown = found.choice, found.shown
    return QuoteView(
        station=found.station.identity,
        at=at,
        zone=zone,
        tariff=None if choice is None else choice.tariff.name,
        version=None if choice is None else choice.version.number,
        words=None if shown is None else price_text(shown, reader_of(language)),
        findings=() if shown is None else tuple(item.detail for item in shown.findings),
        groups=tuple(sorted(found.group_keys)),
        considered=tuple(_reason(item) for item in found.considered),
        elsewhere=tuple(_reason(item) for item in found.elsewhere),
        estimate=None if found.estimate is None else explain_estimate(found.estimate, zone),
    )


def _reason(item: Considered) -> Reason:
    return Reason(
        tariff=item.tariff.name,
        tariff_id=str(item.tariff.id),
        version=None if item.version is None else item.version.number,
        whom=AUDIENCE_WORDS[item.audience],
        where=PLACES[item.place],
        lost=item.lost,
    )


def _token(text: str) -> str:
    if not text:
        raise Invalid("token", text, "type its uid")
    return text


def _instant(text: str, zone: str) -> datetime | None:
    """A local time of the site as browsers send it; None where nothing was typed."""
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("at", text, "use a date and a time") from None
    if not 2000 <= local.year <= 2999:
        raise Invalid("at", text, "use a year from 2000 to 2999")
    if local.tzinfo is None:
        local = local.replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC)


def _whole(field: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= most):
        raise Invalid(field, text, f"use a whole number from 1 to {most}")
    return int(text)


def _number(field: str, text: str, most: Decimal) -> Decimal:
    try:
        value = Decimal(text.replace(",", ".") or "0")
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value <= most:
        raise Invalid(field, text, f"use a number from 0 to {most}")
    return value
