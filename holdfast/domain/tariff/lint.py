"""What is wrong or unwise in a tariff of our own, before anybody charges under it.

A partner's tariff is priced as it is; a tariff that we publish must be one that we can meter, that
means one thing, and that has no gap by mistake: in OCPI, what matches no element is free.
"""

from collections.abc import Iterator

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    Restrictions,
    TariffVersion,
    TaxIncluded,
)


def lint_tariff(tariff: TariffVersion, place: LintPlace | None = None) -> tuple[Finding, ...]:
    """`BLOCK` findings forbid publishing the tariff; the others are advice."""
    return (*_unsupported(tariff), *_contradictions(tariff), *_limits(tariff), *_advice(tariff))


def _unsupported(tariff: TariffVersion) -> Iterator[Finding]:
    for path, restrictions in _restrictions(tariff):
        for field in ("min_current", "max_current", "min_power", "max_power", "reservation"):
            if getattr(restrictions, field) is not None:
                yield Finding(
                    code="unsupported",
                    detail=f"{path}.{field}: sessions cannot be priced by it yet: leave it out",
                    severity=Severity.BLOCK,
                )


def _contradictions(tariff: TariffVersion) -> Iterator[Finding]:
    for path, restrictions in _restrictions(tariff):
        for low, high, field in (
            (restrictions.min_kwh, restrictions.max_kwh, "kwh"),
            (restrictions.min_duration, restrictions.max_duration, "duration"),
        ):
            if low is not None and high is not None and low >= high:
                yield _block(f"{path}: min_{field} {low} is not below max_{field} {high}")
        start, end = restrictions.start_date, restrictions.end_date
        if start is not None and end is not None and start >= end:
            yield _block(f"{path}: start_date {start} is not before end_date {end}, which is open")
        if restrictions.start_time and restrictions.start_time == restrictions.end_time:
            yield Finding(
                code="equal_times",
                detail=f"{path}: start_time equals end_time, which is read as the whole day",
                severity=Severity.REVIEW,
            )


def _limits(tariff: TariffVersion) -> Iterator[Finding]:
    taxed = tariff.tax_included is not TaxIncluded.NOT_APPLICABLE and any(
        component.vat for _, component in _components(tariff)
    )
    for name, limit in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if limit is None:
            continue
        net, gross = limit.excl_vat, limit.incl_vat
        if net is None or gross is None:
            if taxed:
                yield _block(f"{name}: prices are taxed, so state it before and after tax")
        elif net > gross:
            yield _block(f"{name}: {net} before tax exceeds {gross} after")
    least, most = tariff.min_price, tariff.max_price
    if least is None or most is None:
        return
    for side in ("excl_vat", "incl_vat"):
        low, high = getattr(least, side), getattr(most, side)
        if low is not None and high is not None and low > high:
            yield _block(f"min_price.{side} {low} exceeds max_price.{side} {high}")


def _advice(tariff: TariffVersion) -> Iterator[Finding]:
    always: set[DimensionType] = set()
    for index, element in enumerate(tariff.elements):
        path = f"elements[{index}]"
        named: set[DimensionType] = set()
        for component in element.price_components:
            if component.type in always or component.type in named:
                yield Finding(
                    code="unreachable",
                    detail=f"{path}: {component.type} never applies: an earlier price always does",
                    severity=Severity.REVIEW,
                )
            named.add(component.type)
        if element.restrictions in (None, Restrictions()):
            always |= named
    for kind in sorted({component.type for _, component in _components(tariff)} - always):
        yield Finding(
            code="gap_is_free",
            detail=f"{kind} is free where no element matches: add one without restrictions",
            severity=Severity.REVIEW,
        )
    for path, component in _components(tariff):
        if component.step_size > 1 and component.type is not DimensionType.FLAT:
            yield Finding(
                code="step_size",
                detail=f"{path}: a begun block of {component.step_size} is billed whole: use 1",
            )
    rates = {component.vat is None for _, component in _components(tariff)}
    if len(rates) > 1:
        yield Finding(
            code="mixed_tax",
            detail="some prices have a rate of VAT and some have none",
            severity=Severity.REVIEW,
        )


def _restrictions(tariff: TariffVersion) -> Iterator[tuple[str, Restrictions]]:
    for index, element in enumerate(tariff.elements):
        if element.restrictions is not None:
            yield f"elements[{index}].restrictions", element.restrictions


def _components(tariff: TariffVersion) -> Iterator[tuple[str, PriceComponent]]:
    for index, element in enumerate(tariff.elements):
        for number, component in enumerate(element.price_components):
            yield f"elements[{index}].price_components[{number}]", component


def _block(detail: str) -> Finding:
    return Finding(code="contradiction", detail=detail, severity=Severity.BLOCK)
