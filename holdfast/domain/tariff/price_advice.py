"""Prices that look mistyped, begun blocks, limits that every session meets."""

from collections.abc import Iterator
from decimal import Decimal

from holdfast.domain.finding import Finding, note, review
from holdfast.domain.tariff.countries import PRICE_LEVEL
from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import DimensionType, PriceComponent, TariffVersion
from holdfast.domain.tariff.wording import UNIT_WORDS, plain

PLAUSIBLE = {
    DimensionType.ENERGY: (Decimal("0.03"), Decimal(2)),
    DimensionType.TIME: (Decimal("0.30"), Decimal(60)),
    DimensionType.PARKING_TIME: (Decimal("0.30"), Decimal(60)),
    DimensionType.FLAT: (Decimal("0.05"), Decimal(50)),
}
"""In euros per unit. Less or more is usually a price per Wh, per minute, or in cents."""


def price_findings(tariff: TariffVersion, place: LintPlace) -> Iterator[Finding]:
    """Advice; `place` may know the currency's level no better than the tariff."""
    for path, component in _components(tariff):
        yield from _plausible(tariff, path, component)
        if component.step_size > 1 and component.type is not DimensionType.FLAT:
            unit = "Wh" if component.type is DimensionType.ENERGY else "s"
            yield note(
                "step_size",
                f"{path}: a begun block of {component.step_size} {unit} is billed whole: use 1",
            )
        spot = component.spot
        if spot is not None and place.feeds is not None and spot.feed not in place.feeds:
            yield review(
                "spot_without_feed",
                f"{path}: no prices of {spot.feed!r} are received, so the fallback of"
                f" {plain(spot.fallback)} counts at all times",
            )
    yield from _limits(tariff)
    yield from _nothing(tariff)


def _nothing(tariff: TariffVersion) -> Iterator[Finding]:
    least = tariff.min_price
    charged = any(component.price or component.spot is not None for component in tariff.components)
    if not charged and not (least is not None and (least.excl_vat or least.incl_vat)):
        yield review("everything_is_free", "every price is 0, so sessions cost nothing")


def _plausible(tariff: TariffVersion, path: str, component: PriceComponent) -> Iterator[Finding]:
    level = PRICE_LEVEL.get(tariff.currency.code)
    if level is None or not component.price or component.spot is not None:
        return
    low, high = (bound * level for bound in PLAUSIBLE[component.type])
    unit = UNIT_WORDS[component.type]
    if component.price < low:
        hint = ""
        if component.type in (DimensionType.TIME, DimensionType.PARKING_TIME):
            hint = ": prices of time are per hour, was it meant per minute?"
        yield review(
            "price_implausible",
            f"{path}: {plain(component.price)} {tariff.currency} {unit} is very little{hint}",
        )
    elif component.price > high:
        yield review(
            "price_implausible",
            f"{path}: {plain(component.price)} {tariff.currency} {unit} is very much",
        )


def _limits(tariff: TariffVersion) -> Iterator[Finding]:
    fees = [
        component.price
        for element in tariff.elements
        for component in element.price_components
        if component.type is DimensionType.FLAT and element.restrictions is None
    ]
    fee = min(fees, default=Decimal(0))
    for name, limit in (("max_price", tariff.max_price), ("daily_cap", tariff.daily_cap)):
        if limit is None:
            continue
        known = [amount for amount in (limit.excl_vat, limit.incl_vat) if amount is not None]
        if fee and min(known) <= fee:
            yield review(
                f"{name}_below_fee",
                f"{name} of {plain(min(known))} is not above the fee of {plain(fee)} per session,"
                " so nothing else ever counts",
            )
        elif not min(known):
            yield review(f"{name}_zero", f"{name} is 0, so everything is free")
    if tariff.min_price is not None and not any(
        amount for amount in (tariff.min_price.excl_vat, tariff.min_price.incl_vat)
    ):
        yield note("min_price_zero", "min_price is 0 and changes nothing")


def _components(tariff: TariffVersion) -> Iterator[tuple[str, PriceComponent]]:
    for index, element in enumerate(tariff.elements):
        for number, component in enumerate(element.price_components):
            yield f"elements[{index}].price_components[{number}]", component
