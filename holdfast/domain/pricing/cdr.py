"""A CDR of OCPI 2.2.1 or 2.3.0 as values that the pricing function takes.

What the CDR states as its cost is kept apart (`Record.stated`) and never priced from. The zone of
the site and whether a reservation expired unused are no fields of a CDR, so they come beside it.
Unknown fields and enum values are findings; a known field with an impossible value is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from holdfast.domain.finding import Finding, note, review
from holdfast.domain.money import round_half_up
from holdfast.domain.pricing.cdr_tariffs import chosen_tariffs
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.price import PERIODS_MAX, TARIFFS_MAX, TariffsUnfit, price
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.pricing.record import Record, RecordInvalid, StatedCdr, StatedCost
from holdfast.domain.pricing.record_context import context_of_record
from holdfast.domain.pricing.record_values import entries, instant, number
from holdfast.domain.tariff.foreign import ForeignTariff, foreign_tariff
from holdfast.domain.tariff.version import TariffInvalid

DIMENSIONS_MAX = 50
HOURS_MAX = 100_000
"""Of one kind in a period: eleven years, so that its end is still an instant."""

NAMES_SAID_MAX = 5
COSTS = (
    "total_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_fixed_cost",
    "total_reservation_cost",
)
_CDR = frozenset(
    {
        *COSTS,
        "auth_method",
        "authorization_reference",
        "cdr_location",
        "cdr_token",
        "charging_periods",
        "country_code",
        "credit",
        "credit_reference_id",
        "currency",
        "end_date_time",
        "home_charging_compensation",
        "id",
        "invoice_reference_id",
        "last_updated",
        "meter_id",
        "party_id",
        "remark",
        "session_id",
        "signed_data",
        "start_date_time",
        "tariffs",
        "total_energy",
        "total_parking_time",
        "total_time",
    }
)
_PERIOD = frozenset({"start_date_time", "dimensions", "tariff_id"})
_HOURS = ("TIME", "PARKING_TIME", "RESERVATION_TIME")
_PRICED = ("ENERGY", *_HOURS)
_LEAST = ("MIN_CURRENT", "MIN_POWER")
_MOST = ("MAX_CURRENT", "MAX_POWER")
_SHOWN_ONLY = ("CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE")


def read_record(value: object) -> Record:
    """A record from decoded JSON: `{tariff or tariffs, cdr, time_zone, context}`.

    Without tariffs of its own the record has those that the CDR embeds. Raises `RecordInvalid`.
    """
    if not isinstance(value, Mapping):
        raise RecordInvalid("record", value, "use a JSON object with tariff, cdr and time_zone")
    cdr = value.get("cdr")
    if not isinstance(cdr, Mapping):
        raise RecordInvalid("cdr", cdr, "use a CDR object of OCPI 2.2.1 or 2.3.0")
    try:
        record = _record(value, cdr)
        if record.tariffs:
            price(record.tariffs, (), record.context)  # refuses tariffs that do not go together
        return record
    except TariffsUnfit as error:
        raise RecordInvalid("tariffs", len(tariffs_of(value)), str(error)) from None
    except TariffInvalid as error:
        raise RecordInvalid(error.field, error.value, error.expected) from None


def price_record(record: Record) -> PricedSession | None:
    """What the CDR costs by its tariffs; None where it has none. Of a credit, the original's."""
    if not record.tariffs:
        return None
    return price(record.tariffs, record.periods, record.context)


def session_costs(
    record: Record, priced: PricedSession
) -> dict[str, tuple[Fraction | None, Fraction | None]]:
    """Our price by OCPI's names, exact, before and after tax.

    Of a credit only `total_cost` is negative; all else is the original's (mod_cdrs, Credit CDRs).
    """
    parts = priced.costs()
    sign = -1 if record.credit else 1
    excl = None if priced.exact_excl is None else sign * priced.exact_excl
    return {
        "total_cost": (excl, sign * priced.exact_incl),
        "total_energy_cost": (parts.energy.excl, parts.energy.incl),
        "total_time_cost": (parts.time.excl, parts.time.incl),
        "total_parking_cost": (parts.parking.excl, parts.parking.incl),
        "total_fixed_cost": (parts.fixed.excl, parts.fixed.incl),
        "total_reservation_cost": (parts.reservation.excl, parts.reservation.incl),
    }


def tariffs_of(value: Mapping[str, object]) -> list[ForeignTariff]:
    """The tariffs of a record, from the first place that has any. Raises `TariffInvalid`."""
    cdr = value.get("cdr")
    embedded = cdr.get("tariffs") if isinstance(cdr, Mapping) else None
    for path, raw in (
        ("tariffs", value.get("tariffs")),
        ("tariff", value.get("tariff")),
        ("cdr.tariffs", embedded),
    ):
        if raw is None or raw == []:
            continue
        if path == "tariff":
            return [foreign_tariff(raw, path)]
        if not isinstance(raw, list) or len(raw) > TARIFFS_MAX:
            shown = f"{len(raw)} tariffs" if isinstance(raw, list) else raw
            raise TariffInvalid(path, shown, f"use a list of at most {TARIFFS_MAX} tariffs")
        return [foreign_tariff(item, f"{path}[{index}]") for index, item in enumerate(raw)]
    return []


def _record(value: Mapping[str, object], cdr: Mapping[str, object]) -> Record:
    findings: list[Finding] = []
    context = context_of_record(value, findings)
    _pass_over([cdr], _CDR, "cdr", findings)
    credit = False if cdr.get("credit") is None else cdr["credit"]
    if not isinstance(credit, bool):
        raise RecordInvalid("cdr.credit", credit, "use true or false")
    stated = _stated(cdr)
    known = tariffs_of(value)
    periods = _periods(cdr.get("charging_periods"), findings, credit=credit)
    chosen = chosen_tariffs(
        known,
        periods,
        stated.started_at,
        ad_hoc=_is_ad_hoc(cdr.get("cdr_token")),
        embedded=_embedded(cdr, {period.tariff_id for period in periods}, known),
    )
    # A CDR of a reservation alone has no charging session that could have started then.
    if not all(period.reserves_only for period in chosen.periods):
        first = chosen.periods[0].started_at
        context = replace(context, session_started_at=min(stated.started_at, first))
    return Record(
        tariffs=chosen.tariffs,
        periods=chosen.periods,
        context=context,
        stated=stated,
        credit=credit,
        findings=(*findings, *chosen.findings),
    )


def _is_ad_hoc(token: object) -> bool:
    """Whether the driver has no contract, by the token's type."""
    kind = token.get("type") if isinstance(token, Mapping) else None
    return isinstance(kind, str) and kind.upper() == "AD_HOC_USER"


def _embedded(
    cdr: Mapping[str, object], named: set[str | None], known: list[ForeignTariff]
) -> list[ForeignTariff]:
    """The CDR's own tariffs that its periods name and that did not come beside it."""
    wanted = {name.casefold() for name in named if name} - {item.id.casefold() for item in known}
    if not wanted:
        return []
    return [item for item in tariffs_of({"cdr": cdr}) if item.id.casefold() in wanted]


def _periods(value: object, findings: list[Finding], *, credit: bool) -> list[ChargingPeriod]:
    """In order of time, whatever the order in the CDR."""
    if value is None:
        raise RecordInvalid("cdr.charging_periods", None, "use a list, [] for a CDR without any")
    raw = entries(value, "cdr.charging_periods", PERIODS_MAX)
    _pass_over(raw, _PERIOD, "cdr.charging_periods", findings)
    periods = [
        _period(item, f"cdr.charging_periods[{number}]", findings, credit=credit)
        for number, item in enumerate(raw)
    ]
    ordered = sorted(periods, key=lambda period: period.started_at)
    if ordered != periods:
        _notice(findings, "period_out_of_order", "periods are not in order of time: sorted first")
    return ordered


def _period(value: object, path: str, findings: list[Finding], *, credit: bool) -> ChargingPeriod:
    if not isinstance(value, Mapping):
        raise RecordInvalid(path, value, "use a JSON object")
    volumes = _volumes(value.get("dimensions"), f"{path}.dimensions", findings, credit=credit)
    tariff_id = value.get("tariff_id")
    if tariff_id is not None and not isinstance(tariff_id, str):
        raise RecordInvalid(f"{path}.tariff_id", tariff_id, "use a text")

    def seconds(name: str) -> int:
        """Hours are often rounded by who wrote them: 0.6667 h are 2400 s."""
        return round_half_up(volumes.get(name, Decimal(0)) * 3_600)

    return ChargingPeriod(
        started_at=instant(value.get("start_date_time"), f"{path}.start_date_time"),
        energy_mwh=round_half_up(volumes.get("ENERGY", Decimal(0)) * 1_000_000),
        time_s=seconds("TIME"),
        parking_s=seconds("PARKING_TIME"),
        reservation_s=seconds("RESERVATION_TIME"),
        min_current_a=volumes.get("MIN_CURRENT"),
        max_current_a=volumes.get("MAX_CURRENT"),
        min_power_kw=volumes.get("MIN_POWER"),
        max_power_kw=volumes.get("MAX_POWER"),
        tariff_id=tariff_id or None,  # some write "" for none
    )


def _volumes(
    value: object, path: str, findings: list[Finding], *, credit: bool
) -> dict[str, Decimal]:
    """The volume of each dimension that a price may depend on."""
    volumes: dict[str, Decimal] = {}
    for index, item in enumerate(entries(value, path, DIMENSIONS_MAX)):
        place = f"{path}[{index}]"
        kind = item.get("type") if isinstance(item, Mapping) else None
        if not isinstance(item, Mapping) or not isinstance(kind, str):
            raise RecordInvalid(place, item, "use an object with type and volume")
        kind = kind.upper()
        if kind not in (*_PRICED, *_LEAST, *_MOST):
            if kind not in _SHOWN_ONLY:
                detail = f"{place}.type is {kind[:80]!r}, which is not known: passed over"
                _notice(findings, "unknown_value", detail)
            continue
        volume = number(item.get("volume"), f"{place}.volume", "use a number such as 12.5")
        if kind in _HOURS and abs(volume) > HOURS_MAX:
            raise RecordInvalid(f"{place}.volume", volume, f"use at most {HOURS_MAX} hours")
        if volume < 0 and not credit and kind != "ENERGY":
            raise RecordInvalid(f"{place}.volume", volume, "use 0 or more")
        if volume < 0 and credit:
            # Some partners negate a credit's volumes too; OCPI wants those of the original.
            _notice(findings, "credit_volumes_negative", f"{place}.volume: read without its sign")
            volume = -volume
        before = volumes.get(kind)
        if before is None:
            volumes[kind] = volume
        else:
            _notice(findings, "dimension_twice", f"{place}: {kind} is there twice")
            combine = sum if kind in _PRICED else min if kind in _LEAST else max
            volumes[kind] = Decimal(combine((before, volume)))
    return volumes


def _pass_over(
    values: Iterable[object], known: frozenset[str], path: str, findings: list[Finding]
) -> None:
    """Partners add fields of their own; none that we do not know can enter a price."""
    strange: dict[str, None] = {}
    for value in values:
        if isinstance(value, Mapping) and not known.issuperset(value):
            strange |= dict.fromkeys(
                str(name)[:40] for name in value if name not in known and value[name] is not None
            )
    names = list(strange)
    if names:
        more = "" if len(names) <= NAMES_SAID_MAX else f" and {len(names) - NAMES_SAID_MAX} more"
        said = ", ".join(names[:NAMES_SAID_MAX]) + more
        findings.append(note("unknown_field", f"{path}: {said} not known: passed over"))


def _notice(findings: list[Finding], code: str, detail: str) -> None:
    """Once per code: the first place stands for all."""
    if not any(finding.code == code for finding in findings):
        findings.append(review(code, detail))


def _stated(cdr: Mapping[str, object]) -> StatedCdr:
    end, currency = cdr.get("end_date_time"), cdr.get("currency")
    if currency is not None and not isinstance(currency, str):
        raise RecordInvalid("cdr.currency", currency, "use an ISO 4217 code such as EUR")

    def quantity(name: str) -> Decimal | None:
        raw = cdr.get(name)
        return None if raw is None else number(raw, f"cdr.{name}", "use a number such as 12.5")

    return StatedCdr(
        started_at=instant(cdr.get("start_date_time"), "cdr.start_date_time"),
        ended_at=None if end is None else instant(end, "cdr.end_date_time"),
        currency=currency,
        energy_kwh=quantity("total_energy"),
        time_h=quantity("total_time"),
        parking_h=quantity("total_parking_time"),
        costs={
            name: _cost(cdr[name], f"cdr.{name}") for name in COSTS if cdr.get(name) is not None
        },
    )


def _cost(value: object, path: str) -> StatedCost:
    """2.2.1 states both sides of tax, 2.3.0 the one before it and each tax."""
    if not isinstance(value, Mapping):
        raise RecordInvalid(path, value, "use an object with excl_vat, or with before_taxes")
    expected = "use an amount such as 4.20"

    def amount(name: str) -> Decimal | None:
        raw = value.get(name)
        return None if raw is None else number(raw, f"{path}.{name}", expected)

    if "before_taxes" not in value:
        return StatedCost(excl=amount("excl_vat"), incl=amount("incl_vat"))
    before, taxes = amount("before_taxes"), value.get("taxes")
    if before is None or taxes is None:
        return StatedCost(excl=before, incl=None)
    after = before
    for index, tax in enumerate(entries(taxes, f"{path}.taxes", DIMENSIONS_MAX)):
        raw = tax.get("amount") if isinstance(tax, Mapping) else None
        after += number(raw, f"{path}.taxes[{index}].amount", expected)
    return StatedCost(excl=before, incl=after)
