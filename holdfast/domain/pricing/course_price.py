"""The price of a session as it went: cut where prices may change, then priced."""

from dataclasses import dataclass, replace

from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.periods import SessionCourse, cut_session
from holdfast.domain.pricing.price import price_compiled
from holdfast.domain.pricing.priced_session import PricedSession


@dataclass(frozen=True, slots=True, kw_only=True)
class CoursePrice:
    """A price, and the periods that it is of: `priced.lines` name them by number."""

    periods: tuple[ChargingPeriod, ...]
    priced: PricedSession


def price_course(
    tariff: CompiledTariff, course: SessionCourse, context: PriceContext
) -> CoursePrice:
    """By the one pricing function; its findings, then those of the cutting.

    Raises `UnknownZone`, `SessionTooLong`, `TooManyPeriods`.
    """
    cut = cut_session(course, tariff.tariff, context)
    priced = price_compiled(tariff, cut.periods, context)
    findings = (*priced.findings, *cut.findings)
    return CoursePrice(periods=cut.periods, priced=replace(priced, findings=findings))
