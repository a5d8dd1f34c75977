"""A tariff in OCPP 2.1's words (TariffType; part 2, use cases I07 to I12), for a station to price
by itself.

What a station adds up must come to what we bill. So a tariff that OCPP cannot say is not said
nearly: `prices_alike` is false, and the caller leaves the station without it (it is told costs as
they accrue instead). What makes no difference in money is noted only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any

from holdfast.domain.finding import Finding, Severity, block, note
from holdfast.domain.money import round_half_up
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    TariffVersion,
    TaxIncluded,
)

Json = dict[str, Any]

TARIFF_ID_LENGTH_MAX = 60
DESCRIPTIONS_MAX = 10
CONTENT_LENGTH_MAX = 1024
PRICE_PLACES = 8
MINUTES_PER_HOUR = 60
MIDNIGHT = time(0, 0)

_SECTIONS = {
    DimensionType.ENERGY: ("energy", "priceKwh"),
    DimensionType.TIME: ("chargingTime", "priceMinute"),
    DimensionType.PARKING_TIME: ("idleTime", "priceMinute"),
    DimensionType.FLAT: ("fixedFee", "priceFixed"),
}
_RESERVED = {
    DimensionType.TIME: ("reservationTime", "priceMinute"),
    DimensionType.FLAT: ("reservationFixed", "priceFixed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The price in a language (RFC 5646), for people."""

    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationTariff:
    """A TariffType, and what it does not say. Blocking findings are differences in money."""

    tariff: Json
    losses: tuple[Finding, ...]

    @property
    def prices_alike(self) -> bool:
        """Whether a station that prices by it comes to what we bill."""
        return not any(loss.severity is Severity.BLOCK for loss in self.losses)


def station_tariff(
    version: TariffVersion,
    *,
    tariff_id: str,
    valid_from: datetime | None = None,
    descriptions: tuple[Words, ...] = (),
) -> StationTariff:
    """The TariffType for a driver of whom nothing is known. Elements for user groups are left out.

    Raises ValueError for an id over 60 characters.
    """
    if not 1 <= len(tariff_id) <= TARIFF_ID_LENGTH_MAX:
        raise ValueError(f"a tariff's id at the station has 1 to {TARIFF_ID_LENGTH_MAX} characters")
    found = list(_unsayable(version))
    written: Json = {"tariffId": tariff_id, "currency": version.currency.code}
    if descriptions:
        written["description"] = [_content(words) for words in descriptions[:DESCRIPTIONS_MAX]]
    if valid_from is not None:
        written["validFrom"] = valid_from.strftime("%Y-%m-%dT%H:%M:%SZ")
    for section, entries in _sections(version, found).items():
        written[section] = entries
    for name, limit in (("minCost", version.min_price), ("maxCost", version.max_price)):
        if limit is not None:
            written[name] = _limit(limit)
    return StationTariff(tariff=written, losses=tuple(dict.fromkeys(found)))


def _unsayable(version: TariffVersion) -> Iterator[Finding]:
    if version.allowances:
        yield _differs("allowances", "OCPP has no free allowance")
    if version.daily_cap is not None:
        yield _differs("daily_cap", "OCPP has no cap per day")


def _sections(version: TariffVersion, found: list[Finding]) -> dict[str, Json]:
    prices: dict[str, list[Json]] = {}
    taxes: dict[str, set[Decimal | None]] = {}
    for element in version.elements:
        restrictions = element.restrictions or Restrictions()
        if restrictions.user_groups:
            continue
        seen: set[DimensionType] = set()
        for component in element.price_components:
            if component.type in seen:
                continue  # the first of a kind counts (OCPI 2.2.1 mod_tariffs)
            seen.add(component.type)
            place = _place(component, restrictions, found)
            if place is None:
                continue
            section, field = place
            entry: Json = {field: _price(component, version.tax_included, found)}
            fixed = component.type is DimensionType.FLAT
            conditions = _when(restrictions)
            if not fixed:
                conditions |= _while(restrictions)
            if component.type is DimensionType.PARKING_TIME and version.idle_grace_s:
                conditions["minIdleTime"] = version.idle_grace_s
            if conditions:
                entry["conditions"] = conditions
            if fixed:
                _check_fixed(restrictions, found)
            prices.setdefault(section, []).append(entry)
            taxes.setdefault(section, set()).add(component.vat)
    _check_fallback(prices.get("fixedFee", []), found)
    return {section: _with_tax(section, entries, taxes[section], found)
            for section, entries in prices.items()}  # fmt: skip


def _place(
    component: PriceComponent, restrictions: Restrictions, found: list[Finding]
) -> tuple[str, str] | None:
    """The section and the field of a price; None where OCPP has none."""
    if component.spot is not None:
        found.append(_differs("spot", "OCPP has no price that follows a market"))
        return None
    if restrictions.holiday is not None:
        found.append(_differs("holiday", "OCPP knows weekdays, not holidays"))
        return None
    if component.step_size > 1:
        found.append(_differs("step_size", "OCPP bills every watt-hour and second"))
    if restrictions.reservation is None:
        return _SECTIONS[component.type]
    if restrictions.reservation is Reservation.RESERVATION_EXPIRES:
        found.append(_differs("reservation_expires", "OCPP prices every reservation alike"))
        return None
    place = _RESERVED.get(component.type)
    if place is None and component.price:
        found.append(_differs("reservation", f"OCPP has no {component.type} of a reservation"))
    return place


def _price(
    component: PriceComponent, tax_included: TaxIncluded | None, found: list[Finding]
) -> int | float:
    """Before tax, per kWh, per minute or once."""
    price = Fraction(component.price)
    if tax_included is TaxIncluded.YES and component.vat is not None:
        price /= 1 + Fraction(component.vat) / 100
    if component.type in (DimensionType.TIME, DimensionType.PARKING_TIME):
        price /= MINUTES_PER_HOUR
    scaled = price * 10**PRICE_PLACES
    digits = round_half_up(scaled)
    if digits != scaled:
        found.append(
            note(
                "price_rounded", f"a price before tax per unit was rounded to {PRICE_PLACES} places"
            )
        )
    return _number(Decimal(digits).scaleb(-PRICE_PLACES))


def _number(value: Decimal) -> int | float:
    """A JSON number of the same digits: it is only written, nobody reckons with it."""
    return int(value) if value == value.to_integral_value() else float(value)


def _when(restrictions: Restrictions) -> Json:
    """What the clock and the calendar of the site say."""
    said: Json = {}
    start, end = restrictions.start_time or MIDNIGHT, restrictions.end_time or MIDNIGHT
    if start != end:
        said |= {"startTimeOfDay": f"{start:%H:%M}", "endTimeOfDay": f"{end:%H:%M}"}
    if restrictions.day_of_week:
        said["dayOfWeek"] = [day.value.capitalize() for day in restrictions.day_of_week]
    for name, day in (
        ("validFromDate", restrictions.start_date),
        ("validToDate", restrictions.end_date),
    ):
        if day is not None:
            said[name] = day.isoformat()
    return said


def _while(restrictions: Restrictions) -> Json:
    """What the meter and the duration of the transaction say. Wh, A, W and seconds."""
    said: Json = {}
    for name, quantity, factor in (
        ("minEnergy", restrictions.min_kwh, 1000),
        ("maxEnergy", restrictions.max_kwh, 1000),
        ("minCurrent", restrictions.min_current, 1),
        ("maxCurrent", restrictions.max_current, 1),
        ("minPower", restrictions.min_power, 1000),
        ("maxPower", restrictions.max_power, 1000),
    ):
        if quantity is not None:
            said[name] = _number(quantity * factor)
    for name, seconds in (
        ("minTime", restrictions.min_duration),
        ("maxTime", restrictions.max_duration),
    ):
        if seconds is not None:
            said[name] = seconds
    return said


def _check_fixed(restrictions: Restrictions, found: list[Finding]) -> None:
    """TariffConditionsFixedType knows only what is known when the transaction starts."""
    while_running = (
        restrictions.min_kwh,
        restrictions.max_kwh,
        restrictions.min_duration,
        restrictions.max_duration,
        restrictions.min_current,
        restrictions.max_current,
        restrictions.min_power,
        restrictions.max_power,
    )
    if any(value is not None for value in while_running):
        found.append(_differs("fixed_conditions", "OCPP decides a fixed fee at the start alone"))


def _check_fallback(fees: list[Json], found: list[Finding]) -> None:
    """A fee that does not hold at the start may hold later: OCPI then charges it, OCPP does not."""
    if fees and all("conditions" in fee for fee in fees):
        found.append(_differs("fixed_later", "OCPP charges no fixed fee that begins to hold later"))


def _with_tax(
    section: str, entries: list[Json], rates: set[Decimal | None], found: list[Finding]
) -> Json:
    said: Json = {"prices": entries}
    if len(rates) > 1:
        found.append(_differs("tax_mixed", f"OCPP has one tax for all of {section}"))
    for rate in rates:
        if rate is not None:
            said["taxRates"] = [{"type": "VAT", "tax": _number(rate)}]
    return said


def _limit(limit: PriceLimit) -> Json:
    said: Json = {}
    if limit.excl_vat is not None:
        said["exclTax"] = _number(limit.excl_vat)
    if limit.incl_vat is not None:
        said["inclTax"] = _number(limit.incl_vat)
    return said


def _content(words: Words) -> Json:
    said: Json = {"format": "UTF8", "content": words.text[:CONTENT_LENGTH_MAX]}
    if words.language:
        said["language"] = words.language[:8]
    return said


def _differs(code: str, detail: str) -> Finding:
    return block(code, detail)
