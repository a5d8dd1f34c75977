"""What is wrong or unwise in a tariff of our own, before anybody charges under it.

A partner's tariff is priced as it is; a tariff that we publish must be one that we can meter, that
means one thing, and that has no gap by mistake. What contradicts itself or cannot be metered is a
`BLOCK`; all else is advice, however strong, for a person may have a reason.
"""

from collections.abc import Iterator
from decimal import Decimal

from holdfast.domain.finding import Finding, block, note, review
from holdfast.domain.tariff.afir import afir_findings
from holdfast.domain.tariff.extension_advice import extension_findings
from holdfast.domain.tariff.gaps import coverage_findings
from holdfast.domain.tariff.lint_place import ANYWHERE, LintPlace
from holdfast.domain.tariff.price_advice import price_findings
from holdfast.domain.tariff.tax_advice import tax_findings
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceLimit,
    Restrictions,
    TariffVersion,
    TaxIncluded,
)

QUARTER_MINUTES = 15


def lint_tariff(tariff: TariffVersion, place: LintPlace | None = None) -> tuple[Finding, ...]:
    """`BLOCK` findings forbid publishing the tariff; the others are advice.

    `place` is where it will count; without one, only the tariff itself is looked at.
    """
    where = place or ANYWHERE
    return tuple(
        dict.fromkeys(
            (
                *_contradictions(tariff),
                *_limits(tariff),
                *coverage_findings(tariff, where),
                *_reservations(tariff),
                *price_findings(tariff, where),
                *tax_findings(tariff, where),
                *extension_findings(tariff, where),
                *_signed_readings(tariff, where),
                *afir_findings(tariff, where),
                *_type(tariff),
            )
        )
    )


def _contradictions(tariff: TariffVersion) -> Iterator[Finding]:
    for path, limits in _restrictions(tariff):
        for field in ("kwh", "duration", "current", "power"):
            low, high = getattr(limits, f"min_{field}"), getattr(limits, f"max_{field}")
            if low is not None and high is not None and low >= high:
                yield _block(f"{path}: min_{field} {low} is not below max_{field} {high}")
            elif high == 0:
                yield _block(f"{path}: nothing is below a max_{field} of 0")
        start, end = limits.start_date, limits.end_date
        if start is not None and end is not None and start >= end:
            yield _block(f"{path}: start_date {start} is not before end_date {end}, which is open")
        if limits.start_time and limits.start_time == limits.end_time:
            yield review(
                "equal_times", f"{path}: start_time equals end_time, which is read as the whole day"
            )
        if limits.end_time and (limits.end_time.hour, limits.end_time.minute) == (23, 59):
            yield review(
                "last_minute", f"{path}: end_time 23:59 leaves out the day's last minute: use 00:00"
            )


def _limits(tariff: TariffVersion) -> Iterator[Finding]:
    taxed = tariff.tax_included is not TaxIncluded.NOT_APPLICABLE and any(
        component.vat for component in tariff.components
    )
    limits = (
        ("min_price", tariff.min_price),
        ("max_price", tariff.max_price),
        ("daily_cap", tariff.daily_cap),
    )
    for name, limit in limits:
        if limit is None:
            continue
        net, gross = limit.excl_vat, limit.incl_vat
        if net is None or gross is None:
            if taxed:
                yield _block(f"{name}: prices are taxed, so state it before and after tax")
        elif net > gross:
            yield _block(f"{name}: {net} before tax exceeds {gross} after")
    yield from _ordered("min_price", tariff.min_price, "max_price", tariff.max_price)
    yield from _ordered("min_price", tariff.min_price, "daily_cap", tariff.daily_cap)


def _ordered(
    low_name: str, low: PriceLimit | None, high_name: str, high: PriceLimit | None
) -> Iterator[Finding]:
    if low is None or high is None:
        return
    for side in ("excl_vat", "incl_vat"):
        least, most = getattr(low, side), getattr(high, side)
        if least is not None and most is not None and least > most:
            yield _block(f"{low_name}.{side} {least} exceeds {high_name}.{side} {most}")


def _reservations(tariff: TariffVersion) -> Iterator[Finding]:
    """Elements for reservations price time and a fee; the rest of them never counts."""
    priced = {DimensionType.TIME, DimensionType.FLAT}
    for number, element in enumerate(tariff.elements):
        if element.reservation is None:
            continue
        path = f"elements[{number}]"
        kinds = {component.type for component in element.price_components}
        if not kinds & priced:
            yield review(
                "reservation_unpriced",
                f"{path} is for reservations and has no price of TIME or FLAT for them",
            )
        for kind in sorted(kinds - priced):
            yield review(
                "unreachable",
                f"{path}: {kind} never applies: a reservation costs TIME or FLAT only",
            )
        yield review(
            "reservation_not_sold",
            f"{path} is for reservations: no session of ours has one yet, so it counts in"
            " CDRs only",
        )


def _signed_readings(tariff: TariffVersion, place: LintPlace) -> Iterator[Finding]:
    """Where calibration law counts, a price may change at a signed reading only."""
    if not place.calibration_law:
        return
    for path, limits in _restrictions(tariff):
        for field in ("start_time", "end_time"):
            clock = getattr(limits, field)
            if clock is not None and clock.minute % QUARTER_MINUTES:
                yield _unsigned(f"{path}.{field} is {clock:%H:%M}: use a quarter of an hour")
        named = [
            field
            for field in ("min_kwh", "max_kwh", "min_duration", "max_duration", "min_current",
                          "max_current", "min_power", "max_power")
            if getattr(limits, field) not in (None, 0, Decimal(0))
        ]  # fmt: skip
        if named:
            yield _unsigned(f"{path}.{named[0]} is reached between two signed readings")
    if any(item.type is DimensionType.ENERGY and item.quantity for item in tariff.allowances):
        yield _unsigned("free energy ends between two signed readings")


def _type(tariff: TariffVersion) -> Iterator[Finding]:
    if tariff.type is None:
        yield note(
            "type_missing",
            "the tariff has no type, so partners take it for every driver: use REGULAR or"
            " AD_HOC_PAYMENT",
        )


def _restrictions(tariff: TariffVersion) -> Iterator[tuple[str, Restrictions]]:
    for index, element in enumerate(tariff.elements):
        if element.restrictions is not None:
            yield f"elements[{index}].restrictions", element.restrictions


def _unsigned(detail: str) -> Finding:
    return review(
        "not_on_signed_reading",
        f"{detail}, so the split of the energy is calculated and not metered",
    )


def _block(detail: str) -> Finding:
    return block("contradiction", detail)
