"""The check of a partner's CDR: by our own pricing function, and by its own arithmetic.

A CDR may lawfully cost something else than its tariff says (a discount, OCPI issue #543), and two
systems may round differently: so whatever is unlike is a finding, never an error, and a person
decides. The stated totals are compared with the price and never enter it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from holdfast.domain.finding import Finding, block, note, review
from holdfast.domain.money import round_half_up
from holdfast.domain.pricing.amount_text import exact_text
from holdfast.domain.pricing.cdr import COSTS, session_costs
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.period_edges import edges_inside
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.pricing.record import Record

ENERGY_SLACK_MWH = 1_000
"""Totals are often stated in whole watt-hours."""

HOURS_SLACK_S = 36
"""Hours are often stated with two decimals, rounded or cut."""

STATED_DECIMALS_MAX = 6
FINDINGS_MAX = 20
"""Of one kind; a hundred periods with the same trouble are one trouble."""

_SECOND = timedelta(seconds=1)


def check_cdr(record: Record, priced: PricedSession | None) -> tuple[Finding, ...]:
    """What is odd about the CDR itself and what is unlike `priced`, beside their own findings."""
    checks = [_span(record), _quantities(record)]
    if priced is not None:
        checks += [_currency(record, priced), edges_inside(record, priced), _totals(record, priced)]
    return tuple(
        finding for check in checks for _, finding in zip(range(FINDINGS_MAX), check, strict=False)
    )


def _span(record: Record) -> Iterator[Finding]:
    """Periods outside the session; a session that ends before it starts."""
    stated, periods = record.stated, record.periods
    if not periods:
        yield review("no_periods", "the CDR has no charging periods: nothing was priced")
    if stated.ended_at is None:
        yield review("no_end", "the CDR states no end of the session")
    elif stated.ended_at < stated.started_at:
        yield review("ends_before_start", "the session ends before it starts")
    for number, period in enumerate(periods):
        if period.started_at < stated.started_at:
            yield review(
                "period_before_start",
                f"period {number} starts {_ago(stated.started_at, period.started_at)} before the"
                " session",
            )
        elif stated.ended_at is not None and period.started_at > stated.ended_at:
            yield review(
                "period_after_end",
                f"period {number} starts {_ago(period.started_at, stated.ended_at)} after the"
                " session's end",
            )
    if periods and periods[0].started_at - stated.started_at >= _SECOND:
        yield review(
            "periods_gap",
            f"{_ago(periods[0].started_at, stated.started_at)} at the start of the session belong"
            " to no period",
        )


def _quantities(record: Record) -> Iterator[Finding]:
    """The sums of the periods beside the stated totals and the length of the session."""
    stated, periods = record.stated, record.periods
    energy = sum(period.energy_mwh for period in periods)
    # A reservation is part of the CDR's time from its start on (mod_cdrs, total_time).
    timed = [period for period in periods if _timed_s(period)]
    used_s = sum(_timed_s(period) for period in periods)
    slack_s = 1 + len(timed)
    if stated.energy_kwh is not None:
        said = round_half_up(abs(stated.energy_kwh) * 1_000_000)
        if abs(said - abs(energy)) > ENERGY_SLACK_MWH:
            yield review(
                "energy_unlike_total",
                f"the periods have {_kwh(energy)} kWh, total_energy is {stated.energy_kwh:f}",
            )
    length_s = None
    if stated.ended_at is not None:
        length_s = (stated.ended_at - stated.started_at) // _SECOND
    if stated.time_h is not None and length_s is not None:
        said = round_half_up(abs(stated.time_h) * 3_600)
        if abs(said - length_s) > max(slack_s, HOURS_SLACK_S):
            yield review(
                "time_unlike_total",
                f"the session took {length_s} s, total_time says {said} s",
            )
    # A source may report energy alone; then it says nothing about the times of that period.
    untimed = any(period.energy_mwh and not _timed_s(period) for period in periods)
    if timed and not untimed and length_s is not None and abs(used_s - length_s) > slack_s:
        yield review(
            "time_unlike_duration",
            f"charging, parking and reservation are {used_s} s together, the session took"
            f" {length_s} s",
        )
    parked = sum(period.parking_s for period in periods)
    if stated.parking_h is not None:
        said = round_half_up(abs(stated.parking_h) * 3_600)
        if abs(said - parked) > max(slack_s, HOURS_SLACK_S):
            yield review(
                "parking_unlike_total",
                f"the periods have {parked} s of parking, total_parking_time says {said} s",
            )


def _currency(record: Record, priced: PricedSession) -> Iterator[Finding]:
    stated = record.stated.currency
    if stated is not None and stated.upper() != priced.currency.code:
        yield block(
            "currency_unlike_tariff",
            f"the CDR is in {stated[:10]!r}, its tariff in {priced.currency}",
        )


def _totals(record: Record, priced: PricedSession) -> Iterator[Finding]:
    """Each stated total beside ours, at the decimals at which it was stated."""
    stated = record.stated.costs
    if "total_cost" not in stated:
        yield note("no_total", "the CDR states no total_cost")
    ours = session_costs(record, priced)
    for name in COSTS:
        if name not in stated:
            continue
        for side, said, exact in (
            ("excl_vat", stated[name].excl, ours[name][0]),
            ("incl_vat", stated[name].incl, ours[name][1]),
        ):
            if said is None or exact is None or _same(said, exact, priced.currency.exponent):
                continue
            if name == "total_cost" and record.credit and _same(-said, exact, 2):
                yield review("credit_sign", f"{name}.{side} of a credit is not negative: {said:f}")
                continue
            if record.credit and name != "total_cost" and _same(-said, exact, 2):
                continue  # some partners negate every total of a credit
            yield review(
                f"{name}_unlike_ours",
                f"{name}.{side} is stated as {said:f}, by the tariff it is {_amount(exact)}",
            )


def _same(said: Decimal, exact: Fraction, exponent: int) -> bool:
    """10.0 is ten and no cents: JSON drops the zeros. More decimals are compared as stated."""
    written = said.normalize().as_tuple().exponent
    finer = -written if isinstance(written, int) else 0
    scale = 10 ** min(max(finer, exponent), STATED_DECIMALS_MAX)
    return round_half_up(exact * scale) == round_half_up(said * scale)


def _timed_s(period: ChargingPeriod) -> int:
    return period.time_s + period.parking_s + period.reservation_s


def _ago(later: datetime, earlier: datetime) -> str:
    return f"{(later - earlier) // _SECOND} s"


def _amount(exact: Fraction) -> str:
    """To six decimals: enough to see where an amount without an end is unlike another."""
    micro = round_half_up(exact * 10**STATED_DECIMALS_MAX)
    return exact_text(Fraction(micro, 10**STATED_DECIMALS_MAX))


def _kwh(energy_mwh: int) -> str:
    return exact_text(Fraction(energy_mwh, 1_000_000))
