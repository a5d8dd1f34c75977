"""The walk along a session: every period in its place, under its tariff, billed and looked at."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from holdfast.domain.finding import Severity
from holdfast.domain.pricing.bill import Bill, Place
from holdfast.domain.pricing.boundary_crossing import Looks, crosses_boundary
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.conditions import Instant, local_instant
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.oddities import Oddities
from holdfast.domain.tariff.version import DimensionType

_MICROSECOND = timedelta(microseconds=1)
_SECOND_US = 1_000_000


class SessionWalk:
    """Walks once. Afterwards `bill` has the lines, `odd` the findings, `days` the local day of each
    period (an ordinal; 0 where nothing asks for it), `used` the tariffs that priced one.

    `tariffs` are those of the driver. OCPI's ids are caseless; a period that names no tariff has
    the first.
    """

    def __init__(
        self, tariffs: Sequence[CompiledTariff], context: PriceContext, zone: ZoneInfo
    ) -> None:
        self.odd = Oddities()
        self.bill = Bill(context, self.odd)
        self.days: list[int] = []
        self.used: dict[str, CompiledTariff] = {}
        self._context = context
        self._looks = Looks()
        self._first = tariffs[0]
        self._by_id = {one.tariff.id.lower(): one for one in reversed(tariffs)}
        self._zone = zone if any(one.by_clock for one in tariffs) else None

    def walk(self, periods: Sequence[ChargingPeriod]) -> None:
        """Energy and seconds count from the first period on, also where it is a reservation's, or
        from the session's start, where that is earlier."""
        if not periods:
            return
        starts = [period.started_at.astimezone(UTC) for period in periods]
        origin = min(starts[0], self._context.session_started_at or starts[0]).astimezone(UTC)
        starts_us = [(start - origin) // _MICROSECOND for start in starts]
        energy_mwh, last = 0, len(periods) - 1
        following = local_instant(starts[0], starts_us[0] // _SECOND_US, 0, self._zone)
        for number, period in enumerate(periods):
            at, used_us = following, period.used_s * _SECOND_US
            self.days.append(at.day)
            if period.energy_mwh > 0:
                energy_mwh += period.energy_mwh
            # Seconds are rounded, so of the last period nothing is said of its last one.
            ended_us, next_us = starts_us[number] + used_us - _SECOND_US, None
            if number < last:
                ended_us = next_us = starts_us[number + 1]
                following = local_instant(
                    starts[number + 1], next_us // _SECOND_US, energy_mwh, self._zone
                )
                gone_us = next_us - starts_us[number]
                if gone_us != used_us:
                    self.odd.check_order(number + 1, used_us, gone_us)
                    # Some give no times: such a one lasts until the next.
                    ended_us = starts_us[number] + min(used_us or gone_us, gone_us)
            tariff = self._tariff_of(number, period)
            if tariff is None:
                continue
            self.used[tariff.tariff.id] = tariff
            place = Place(number, period, tariff, at)
            fee_open = not self.bill.charging.flat_billed
            self.bill.add(place)
            if tariff.by_measurement:
                self._look_for_measurements(place, fee_open=fee_open)
            # A period that was made to keep its price says so itself.
            if tariff.by_edge and not period.boundary_moved:
                end = following
                if ended_us != next_us:
                    ended_at = origin + ended_us * _MICROSECOND
                    end = local_instant(ended_at, ended_us // _SECOND_US, energy_mwh, self._zone)
                self._look_for_edges(place, end)

    def _tariff_of(self, number: int, period: ChargingPeriod) -> CompiledTariff | None:
        found: CompiledTariff | None = self._first
        if period.tariff_id is not None:
            found = self._by_id.get(period.tariff_id.lower())
        elif len(self._by_id) > 1:
            detail = f"period {number} names none of the session's tariffs: the first one counts"
            self.odd.add("tariff_unnamed", detail)
        if found is None:
            named = period.tariff_id or ""
            detail = f"period {number} has tariff {named[:64]!r}, which is not there"
            self.odd.add("tariff_missing", detail, Severity.BLOCK)
            return None
        return found

    def _look_for_measurements(self, place: Place, *, fee_open: bool) -> None:
        period, tariff = place.period, place.tariff
        used = _used_kinds(period, fee_open=fee_open)
        for what, kinds, least, most in (
            ("current", tariff.kinds_by_current, period.min_current_a, period.max_current_a),
            ("power", tariff.kinds_by_power, period.min_power_kw, period.max_power_kw),
        ):
            if least is None and most is None and not used.isdisjoint(kinds):
                detail = f"period {place.number} has no measured {what}, so no limit on it matched"
                self.odd.add("not_measured", detail)

    def _look_for_edges(self, place: Place, end: Instant) -> None:
        fee_open = not self.bill.charging.flat_billed
        looks, number = self._looks, place.number
        left_out = looks.left_out
        if crosses_boundary(place, end, self._context, fee_open=fee_open, looks=looks):
            detail = f"period {number} runs past a change of its price, and is priced by its start"
            self.odd.add("boundary_crossed", detail)
        if looks.left_out > left_out:
            detail = f"period {number}: too many edges of the tariff to look for one inside"
            self.odd.add("boundaries_not_checked", detail)


def _used_kinds(period: ChargingPeriod, *, fee_open: bool) -> set[DimensionType]:
    """What of a period may have a price. A car that charges may take energy at any moment."""
    used = {DimensionType.FLAT} if fee_open else set()
    if period.energy_mwh > 0 or period.time_s:
        used.add(DimensionType.ENERGY)
    if period.time_s or period.reservation_s:
        used.add(DimensionType.TIME)
    if period.parking_s:
        used.add(DimensionType.PARKING_TIME)
    return used
