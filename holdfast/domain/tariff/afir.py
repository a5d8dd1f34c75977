"""Which ad hoc tariffs the AFIR admits (Regulation (EU) 2023/1804, Article 5).

From 50 kW on, what drivers without a contract pay must rest on a price per kWh, to which a fee
per minute for occupying the place may be added, and nothing else. Below 50 kW prices are shown
per kWh, per minute, per session, others: an element is best written in that order.
"""

from collections.abc import Iterator

from holdfast.domain.finding import Finding, note, review
from holdfast.domain.tariff.countries import AFIR_COUNTRIES
from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    Restrictions,
    TariffElement,
    TariffType,
    TariffVersion,
)

FAST_POWER_W = 50_000
MINUTE_S = 60

_ORDER = {
    DimensionType.ENERGY: 0,
    DimensionType.TIME: 1,
    DimensionType.PARKING_TIME: 1,
    DimensionType.FLAT: 2,
}


def afir_findings(tariff: TariffVersion, place: LintPlace) -> Iterator[Finding]:
    """Of tariffs that drivers without a contract pay; where the power is not known, nothing."""
    if not place.ad_hoc and tariff.type is not TariffType.AD_HOC_PAYMENT:
        return
    if place.country is not None and place.country not in AFIR_COUNTRIES:
        return
    if place.max_power_w is None:
        return
    if place.max_power_w >= FAST_POWER_W:
        yield from _fast(tariff)
    else:
        yield from _slow(tariff)


def _fast(tariff: TariffVersion) -> Iterator[Finding]:
    charging = [
        (number, element)
        for number, element in enumerate(tariff.elements)
        if element.reservation is None
    ]
    if not any(
        item.type is DimensionType.ENERGY and (item.price or item.spot)
        for _, element in charging
        for item in element.price_components
    ):
        yield _inadmissible("there is no price per kWh, on which the price must rest")
    for number, element in charging:
        for component in element.price_components:
            if wrong := _wrong(component, element):
                yield _inadmissible(f"elements[{number}]: {wrong}")
    if tariff.min_price is not None:
        yield _inadmissible("min_price is a price beside those per kWh and per minute")


def _wrong(component: PriceComponent, element: TariffElement) -> str | None:
    if not component.price:
        return None
    if component.type is DimensionType.FLAT:
        return "a fee per session is not allowed"
    limits = element.restrictions or Restrictions()
    if component.type is DimensionType.TIME and not limits.min_duration:
        return (
            "a price for charging time is not allowed: only occupying the place may cost,"
            " as PARKING_TIME or from a min_duration on"
        )
    if component.type is DimensionType.ENERGY:
        return None
    if component.step_size > MINUTE_S:
        return f"the fee for occupying is per minute: a step of {component.step_size} s is more"
    return None


def _slow(tariff: TariffVersion) -> Iterator[Finding]:
    for number, element in enumerate(tariff.elements):
        ranks = [_ORDER[component.type] for component in element.price_components]
        if ranks != sorted(ranks):
            yield note(
                "afir_order",
                f"elements[{number}]: below 50 kW prices are shown per kWh, per minute, per"
                " session: write them in that order",
            )


def _inadmissible(detail: str) -> Finding:
    return review("afir_inadmissible", f"ad hoc at 50 kW and above: {detail} (AFIR, Article 5)")
