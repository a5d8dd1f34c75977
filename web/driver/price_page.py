"""The public price of a charge point, for whoever scanned the code on the station.

No sign-in, no cookie, no script, nothing personal: the same page for everybody who reads the same
language, so it may be cached for a minute. The estimate comes from the one pricing function.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import Response

from holdfast.domain.tariff.version import TariffInvalid
from holdfast.domain.time_zone import UnknownZone
from holdfast.http.rate_limit import RateLimit
from holdfast.services.estimates import Imagined
from holdfast.services.price_words import amounts
from holdfast.services.price_words.bill_text import BillText, bill_text
from holdfast.services.price_words.price_text import Line, PriceText
from holdfast.services.price_words.reader import LANGUAGES, Reader, negotiate
from holdfast.services.public_prices import (
    ChargePoint,
    PublicPrice,
    find_charge_point,
    note_page,
    public_price,
)
from holdfast.services.refusal import Invalid
from web.visit import Desk, desk_of

log = structlog.get_logger()

IDENTITY_LENGTH_MAX = 255
EVSE_MAX = 999
LANGUAGE_LENGTH_MAX = 20
KWH_MAX = 500
MINUTES_MAX = 2_880
LINES_AT_A_GLANCE = 3
MOST = {"kwh": KWH_MAX, "minutes": MINUTES_MAX, "parked": MINUTES_MAX}
NUMBER_LENGTH_MAX = 8
CACHED = "public, max-age=60"
USUAL = {"kwh": Decimal(20), "minutes": Decimal(40), "parked": Decimal(0)}

PER_ADDRESS_S = 2
BURST_PER_ADDRESS = 120
"""A car park behind one address, or a proxy that says no addresses, must not run out of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a session would be. `typed` is what stands in the fields, `wrong` the least and the
    greatest value of each that could not be read."""

    kwh: Decimal
    minutes: Decimal
    parked: Decimal
    given: bool
    typed: Mapping[str, str]
    wrong: Mapping[str, tuple[int, int]]

    @property
    def imagined(self) -> Imagined:
        """A session of that from now on."""
        return Imagined(
            started_at=datetime.now(UTC).replace(microsecond=0),
            energy_wh=int(self.kwh * 1_000),
            charging_s=int(self.minutes * 60),
            idle_s=int(self.parked * 60),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageLink:
    """The same page in another language."""

    code: str
    name: str
    url: str
    current: bool


class PricePage:
    """The page and its limit per address."""

    def __init__(self, limit: RateLimit | None = None) -> None:
        self._limit = limit or RateLimit(per_s=PER_ADDRESS_S, burst=BURST_PER_ADDRESS)

    async def show(self, request: Request) -> Response:
        """GET /p/{identity}/{evse}"""
        desk, reader = desk_of(request), _reader(request)
        address = request.client.host if request.client is not None else "unknown"
        if wait_s := self._limit.wait_s(address, time.monotonic()):
            words = reader.language.page
            refused = _problem(desk, request, reader, words.often, "", 429)
            refused.headers["Retry-After"] = str(wait_s)
            return refused
        point = await _find(desk, request)
        if point is None:
            words = reader.language.page
            return _problem(desk, request, reader, words.unknown, words.unknown_hint, 404)
        return await _price(desk, request, reader, point)


async def _find(desk: Desk, request: Request) -> ChargePoint | None:
    identity, evse = request.path_params["identity"], request.path_params["evse"]
    plain = evse.isascii() and evse.isdigit() and len(evse) <= len(str(EVSE_MAX))
    if not plain or len(identity) > IDENTITY_LENGTH_MAX or "\0" in identity:
        return None
    async with desk.sessions() as db:
        return await find_charge_point(db, identity, int(evse))


async def _price(desk: Desk, request: Request, reader: Reader, point: ChargePoint) -> Response:
    asked = _asked(request.query_params)
    price: PublicPrice | None = None
    words: PriceText | None = None
    bill: BillText | None = None
    async with desk.sessions.begin() as db:
        try:
            price = await public_price(db, point, datetime.now(UTC))
            if price is not None:
                words = price.words(reader)
                await note_page(db, point, price)
                bill = _bill(price, asked, reader)
        except (TariffInvalid, UnknownZone) as error:
            # A person must put the tariff or the site right; a driver reads that there is no price.
            log.warning("a public price cannot be shown", kind=type(error).__name__)
    values = {
        **_frame(request, reader),
        "point": point,
        "power": None
        if point.max_power_w is None
        else amounts.power(Decimal(point.max_power_w) / 1_000, reader),
        "price": words,
        "current": _current(words),
        "market": price is not None and any(line.market for line in price.shown.lines),
        "asked": asked,
        "bill": bill,
    }
    answer = desk.pages.page("driver/price.html", values, viewer=None)
    return _cacheable(answer, reader)


def _current(words: PriceText | None) -> tuple[Line, ...]:
    """What holds at this moment, for the top of a list that is too long to find it in."""
    if words is None or len(words.lines) <= LINES_AT_A_GLANCE:
        return ()
    return tuple(line for line in words.lines if line.now and line.varies)


def _bill(price: PublicPrice, asked: Asked, reader: Reader) -> BillText | None:
    if not asked.given or asked.wrong:
        return None
    try:
        return bill_text(price.estimate(asked.imagined), reader)
    except Invalid:  # under a tariff of very many steps; the price list stands
        return None


def _asked(parameters: Mapping[str, str]) -> Asked:
    read = {name: _number(parameters.get(name), name) for name in USUAL}
    wrong = {name: (0, MOST[name]) for name, value in read.items() if value is None}
    if read["kwh"] and read["minutes"] is not None and read["minutes"] * 60 < 1:
        wrong["minutes"] = (1, MOST["minutes"])  # energy takes time
    return Asked(
        **{name: USUAL[name] if value is None else value for name, value in read.items()},
        given=any(name in parameters for name in USUAL),
        typed={
            name: format(value.normalize(), "f")
            if value is not None
            else parameters[name].strip()[:NUMBER_LENGTH_MAX]
            for name, value in read.items()
        },
        wrong=wrong,
    )


def _number(text: str | None, name: str) -> Decimal | None:
    """As people type it, "7,5" too; the usual where nothing was typed, None where it is wrong."""
    if text is None or not text.strip():
        return USUAL[name]
    plain = text.strip().replace(",", ".")
    if len(plain) > NUMBER_LENGTH_MAX or not plain.isascii():
        return None
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value <= MOST[name] else None


def _reader(request: Request) -> Reader:
    wish = request.query_params.get("lang")
    return negotiate(
        request.headers.get("accept-language"),
        wish=None if wish is None else wish[:LANGUAGE_LENGTH_MAX],
    )


def _frame(request: Request, reader: Reader) -> dict[str, object]:
    """What every page of a driver has."""
    return {
        "reader": reader,
        "words": reader.language.page,
        "bill_words": reader.language.bill,
        "languages": _languages(request, reader),
    }


def _languages(request: Request, reader: Reader) -> list[LanguageLink]:
    kept = [
        (name, value[:NUMBER_LENGTH_MAX])
        for name, value in request.query_params.items()
        if name in USUAL
    ]
    return [
        LanguageLink(
            code=code,
            name=language.name,
            url="?" + urlencode([("lang", code), *kept]),
            current=code == reader.language.code,
        )
        for code, language in sorted(LANGUAGES.items(), key=lambda item: item[1].name)
    ]


def _problem(
    desk: Desk, request: Request, reader: Reader, title: str, detail: str, status: int
) -> Response:
    values = {**_frame(request, reader), "title": title, "detail": detail}
    answer = desk.pages.page("driver/problem.html", values, viewer=None, status_code=status)
    answer.headers["Content-Language"] = reader.tag
    return answer


def _cacheable(answer: Response, reader: Reader) -> Response:
    answer.headers["Cache-Control"] = CACHED
    answer.headers["Vary"] = "Accept-Language"
    answer.headers["Content-Language"] = reader.tag
    return answer
