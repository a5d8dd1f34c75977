"""Which of a CDR's tariffs prices which period (OCPI mod_cdrs, ChargingPeriod.tariff_id).

By the period's tariff id; of several versions with that id, the one that was valid as the session
started. Without an id, by validity and type. What had to be guessed is a finding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from holdfast.domain.finding import Finding, Severity, block
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.tariff.foreign import ForeignTariff
from holdfast.domain.tariff.version import TariffType, TariffVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenTariffs:
    """The tariffs in the order in which the periods need them; the periods name them by id."""

    tariffs: tuple[TariffVersion, ...]
    periods: tuple[ChargingPeriod, ...]
    findings: tuple[Finding, ...]


def chosen_tariffs(
    known: Sequence[ForeignTariff],
    periods: Sequence[ChargingPeriod],
    started_at: datetime,
    *,
    ad_hoc: bool,
    embedded: Sequence[ForeignTariff] = (),
) -> ChosenTariffs:
    """`ad_hoc`: the driver has no contract, which decides between tariffs of two types.

    `embedded`: those that count only for a period that names one, and none of `known`.
    """
    findings: dict[Finding, None] = {}
    # A CDR may have thousands of periods, and they name few tariffs.
    by_id = {
        tariff_id: _of_id(known, embedded, tariff_id, started_at, ad_hoc=ad_hoc)
        for tariff_id in {period.tariff_id for period in periods} or {None}
    }
    some_named = by_id.keys() != {None}
    chosen: dict[str, TariffVersion] = {}
    used: set[int] = set()
    named: list[ChargingPeriod] = []
    for number, period in enumerate(periods):
        place = f"cdr.charging_periods[{number}]"
        tariff, noticed = by_id[period.tariff_id]
        if some_named and period.tariff_id is None and tariff is not None and not noticed:
            noticed.append(_unnamed(tariff))
        for code, detail, severity in noticed:
            # One sentence for all periods with the same trouble, with the first one's place.
            if not any(code == item.code for item in findings):
                findings[Finding(code=code, detail=f"{place}: {detail}", severity=severity)] = None
        if tariff is None or tariff.version is None:
            named.append(period)
            continue
        used.add(id(tariff))
        chosen.setdefault(tariff.version.id, tariff.version)
        named.append(replace(period, tariff_id=tariff.version.id))
    if not periods and known:
        tariff, _ = by_id[None]
        if tariff is not None and tariff.version is not None:
            used.add(id(tariff))
            chosen[tariff.version.id] = tariff.version
    counted = [item for item in (*known, *embedded) if id(item) in used] or known
    read = [finding for item in counted for finding in item.findings]
    if not known:
        findings[_missing("the record has no tariff")] = None
    elif not chosen:
        findings[_missing("no element of the tariff can be judged")] = None
    return ChosenTariffs(
        tariffs=tuple(chosen.values()), periods=tuple(named), findings=(*read, *findings)
    )


_Noticed = list[tuple[str, str, Severity]]


def _offered(
    known: Sequence[ForeignTariff], embedded: Sequence[ForeignTariff], tariff_id: str | None
) -> Sequence[ForeignTariff]:
    if tariff_id is None or _with_id(known, tariff_id):
        return known
    return _with_id(embedded, tariff_id) or known


def _with_id(tariffs: Sequence[ForeignTariff], tariff_id: str) -> list[ForeignTariff]:
    return [item for item in tariffs if item.id.casefold() == tariff_id.casefold()]


def _unnamed(tariff: ForeignTariff) -> tuple[str, str, Severity]:
    """By the letter of mod_cdrs no tariff is relevant then; most who leave it out mean another."""
    detail = f"names no tariff, though others do: priced by {tariff.id[:80]!r}"
    return "tariff_unnamed", detail, Severity.REVIEW


def _of_id(
    known: Sequence[ForeignTariff],
    embedded: Sequence[ForeignTariff],
    tariff_id: str | None,
    at: datetime,
    *,
    ad_hoc: bool,
) -> tuple[ForeignTariff | None, _Noticed]:
    """The tariff of the periods that name this one, or none."""
    offered = _offered(known, embedded, tariff_id)
    usable = [item for item in offered if item.version is not None]
    if not usable:
        return None, []
    noticed: _Noticed = []
    candidates = usable
    if tariff_id is not None:
        candidates = _with_id(usable, tariff_id)
        if not candidates:
            detail = f"tariff {tariff_id[:80]!r} is not in the record: priced by another one"
            noticed.append(("missing_tariff", detail, Severity.BLOCK))
            candidates = usable
    valid = [item for item in candidates if item.valid_at(at)]
    if not valid:
        detail = f"tariff {candidates[-1].id[:80]!r} was not valid as the session started"
        noticed.append(("tariff_not_valid", detail, Severity.REVIEW))
        valid = candidates
    # Of two versions of one tariff the later one counts; it was made to replace the other.
    latest = {item.id.casefold(): item for item in sorted(valid, key=_valid_from)}
    fitting = _fitting([*latest.values()], ad_hoc=ad_hoc)
    if len(fitting) > 1:
        names = ", ".join(repr(item.id[:80]) for item in fitting[:5])
        detail = f"no tariff is named and {names} fit: priced by the first"
        noticed.append(("tariff_ambiguous", detail, Severity.REVIEW))
    return fitting[0], noticed


def _valid_from(tariff: ForeignTariff) -> datetime:
    return tariff.valid_from or datetime.min.replace(tzinfo=UTC)


def _fitting(tariffs: list[ForeignTariff], *, ad_hoc: bool) -> list[ForeignTariff]:
    """Those of the driver's type, else those of none, else all. In the record's order."""
    wanted = TariffType.AD_HOC_PAYMENT if ad_hoc else TariffType.REGULAR
    for kind in (wanted, None):
        of_kind = [item for item in tariffs if item.version and item.version.type is kind]
        if of_kind:
            return of_kind
    return tariffs


def _missing(detail: str) -> Finding:
    return block("missing_tariff", detail)
