"""What a session that did not happen would cost, by the one pricing function (M4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.compiled_tariff import CompiledTariff, compile_tariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.course_price import price_course
from holdfast.domain.pricing.periods import Interval, SessionCourse
from holdfast.domain.pricing.price import TooManyPeriods
from holdfast.domain.quality import MeterEnds, RegisterReading, measure
from holdfast.domain.tariff.version import TariffVersion
from holdfast.services.refusal import Invalid

MWH_PER_WH = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Imagined:
    """A session that did not happen: charging evenly first, then standing there."""

    started_at: datetime
    energy_wh: int
    charging_s: int
    idle_s: int = 0


def estimate(
    tariff: TariffVersion | CompiledTariff, imagined: Imagined, context: PriceContext
) -> dict[str, object]:
    """The price of an imagined session, as `price_to_json` writes it: cut and priced as a real one
    is, so that it says too where the tariff's own limits would fall between two readings.

    Raises Invalid (energy that takes no time, or a price that changes too often), UnknownZone.
    """
    if imagined.energy_wh and not imagined.charging_s:
        raise Invalid("charging_s", 0, "use at least 1: energy takes time")
    charged_at = imagined.started_at + timedelta(seconds=imagined.charging_s)
    ended_at = charged_at + timedelta(seconds=imagined.idle_s)
    readings = [
        RegisterReading(at=imagined.started_at, register_mwh=0),
        RegisterReading(at=charged_at, register_mwh=imagined.energy_wh * MWH_PER_WH),
    ]
    measured = measure(
        readings,
        MeterEnds(start_mwh=0, stop_mwh=imagined.energy_wh * MWH_PER_WH),
        started_at=imagined.started_at,
        ended_at=ended_at,
    )
    standing = (Interval(started_at=charged_at, ended_at=ended_at),) if imagined.idle_s else ()
    course = SessionCourse(
        started_at=imagined.started_at,
        ended_at=ended_at,
        measurement=measured,
        suspended=standing,
    )
    compiled = tariff if isinstance(tariff, CompiledTariff) else compile_tariff(tariff)
    try:
        return price_to_json(price_course(compiled, course, context).priced)
    except TooManyPeriods as error:
        took_s = imagined.charging_s + imagined.idle_s
        raise Invalid("charging_s", took_s, f"imagine a shorter session: {error}") from None
