"""Tariffs for lint, and what it says of them."""

from decimal import Decimal

from holdfast.domain.currency import Currency
from holdfast.domain.tariff.lint import lint_tariff
from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import (
    DayOfWeek,
    PriceLimit,
    Restrictions,
    TariffElement,
    TariffType,
    TariffVersion,
)

WEEKDAYS = tuple(DayOfWeek)[:5]
FAST = LintPlace(country="DE", currency="EUR", max_power_w=150_000, ad_hoc=True)
SLOW = LintPlace(country="DE", currency="EUR", max_power_w=22_000, ad_hoc=True)


def version(*elements: TariffElement, **more: object) -> TariffVersion:
    fields = {"id": "T1", "currency": Currency.of("EUR"), "type": TariffType.REGULAR, **more}
    return TariffVersion(elements=elements, **fields)  # type: ignore[arg-type]


def when(**limits: object) -> Restrictions:
    return Restrictions(**limits)  # type: ignore[arg-type]


def said(faulty: TariffVersion, code: str, place: LintPlace | None = None) -> list[str]:
    return [item.detail for item in lint_tariff(faulty, place) if item.code == code]


def codes(faulty: TariffVersion, place: LintPlace | None = None) -> set[str]:
    return {item.code for item in lint_tariff(faulty, place)}


def limit(excl: str | None, incl: str | None = None) -> PriceLimit:
    return PriceLimit(
        excl_vat=None if excl is None else Decimal(excl),
        incl_vat=None if incl is None else Decimal(incl),
    )
