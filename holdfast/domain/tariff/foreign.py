"""A tariff of somebody else, read with patience: what we do not know becomes a finding.

OCPI's enums and objects are open: an unknown value or field must not be refused. But a price must
not silently come out of half a tariff either. So, by field: what cannot change a price is passed
over with a note; what would change it (an unknown restriction, a component of an unknown type)
sets the element or component aside, with a finding that blocks settling. What is known and wrong
(a time of 25:99) is refused, as in a tariff of our own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.tariff.form import DESCRIPTIVE, PRICED, RESTRICTIONS, tariff_from_json
from holdfast.domain.tariff.version import (
    DURATION_S_MAX,
    PRICE_DECIMALS_MAX,
    PRICE_MAX,
    VAT_DECIMALS_MAX,
    WRITTEN_ELEMENTS_MAX,
    DayOfWeek,
    DimensionType,
    Reservation,
    TariffInvalid,
    TariffType,
    TariffVersion,
    TaxIncluded,
)
from holdfast.domain.written_decimal import written_decimal

DIGITS_MAX = 40
"""A calculated number may have as many; of more nothing is read."""

_COMPONENT = ("type", "price", "vat", "step_size", "spot")
_ELEMENT = ("price_components", "restrictions")
_LIMITS = ("min_price", "max_price", "daily_cap")
_LIMIT = ("excl_vat", "incl_vat", "before_taxes", "after_taxes")
_DURATIONS = ("min_duration", "max_duration")
_WHOLE = re.compile(r"[0-9]{1,15}")
_WIDE = Context(prec=60)
_NOISE = Decimal("1e-12")
"""A float that was calculated is off by less; a price that was meant to be finer is off by more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignTariff:
    """`version` is None where no element of the tariff can be judged.

    It may be chosen for sessions that start from `valid_from` to before `valid_until` (UTC).
    """

    id: str
    version: TariffVersion | None
    findings: tuple[Finding, ...]
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def valid_at(self, at: datetime) -> bool:
        """Whether a session that starts then may have this tariff (OCPI mod_tariffs)."""
        return (self.valid_from is None or self.valid_from <= at) and (
            self.valid_until is None or at < self.valid_until
        )


def foreign_tariff(value: object, path: str = "tariff") -> ForeignTariff:
    """A tariff object of OCPI 2.2.1 or 2.3.0, also with our own fields.

    Raises `TariffInvalid`, its field under `path`.
    """
    if not isinstance(value, Mapping):
        raise TariffInvalid(path, value, "use a JSON object")
    reading = _Reading(path)
    data = reading.known(value, path, (*PRICED, *DESCRIPTIVE), Severity.NOTE)
    reading.choice(data, "type", TariffType, Severity.REVIEW, "so it fits any session")
    reading.choice(data, "tax_included", TaxIncluded, Severity.BLOCK, "prices are read before tax")
    if isinstance(currency := data.get("currency"), str):
        data["currency"] = currency.upper()
    for name in _LIMITS:
        written = data.get(name)
        if isinstance(written, Mapping):
            limit = reading.known(written, f"{path}.{name}", _LIMIT, Severity.REVIEW)
            if name == "max_price":
                reading.drop_endless(limit, f"{path}.{name}", _LIMIT, PRICE_MAX)
            data[name] = reading.rounded(limit, f"{path}.{name}", _LIMIT, PRICE_DECIMALS_MAX)
            if not data[name] and not written.keys() - set(_LIMIT):
                del data[name]
    elements = data.get("elements")
    if isinstance(elements, list) and 0 < len(elements) <= WRITTEN_ELEMENTS_MAX:
        data["elements"] = reading.elements(elements, f"{path}.elements")
    elif elements is None:
        raise TariffInvalid(f"{path}.elements", elements, "use a list with at least one element")
    start, end = data.pop("start_date_time", None), data.pop("end_date_time", None)
    try:
        version = (
            tariff_from_json(data, elements_max=WRITTEN_ELEMENTS_MAX)
            if data["elements"] or not elements
            else None
        )
    except TariffInvalid as error:
        place = error.field if error.field == "tariff" else f"{path}.{error.field}"
        raise TariffInvalid(place, error.value, error.expected) from None
    return ForeignTariff(
        id=str(data.get("id")),
        version=version,
        findings=tuple(reading.findings),
        valid_from=None if start is None else date_time(start, f"{path}.start_date_time"),
        valid_until=None if end is None else date_time(end, f"{path}.end_date_time"),
    )


def date_time(value: object, path: str) -> datetime:
    """An OCPI DateTime: RFC 3339, in UTC also where it has no zone. Raises `TariffInvalid`.

    Of any year, for tariffs are often valid until 9999.
    """
    expected = 'use an instant such as "2026-03-29T01:30:00Z"'
    if not isinstance(value, str) or not 16 <= len(value) <= 40 or value[10] not in "Tt ":
        raise TariffInvalid(path, value, expected)
    try:
        at = datetime.fromisoformat(value.upper())  # RFC 3339 allows a small t and z
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise TariffInvalid(path, value, expected) from None


@dataclass(slots=True)
class _Reading:
    """One tariff being read; what was noticed."""

    path: str
    findings: list[Finding] = field(default_factory=list)

    def note(self, code: str, detail: str, severity: Severity) -> None:
        self.findings.append(Finding(code=code, detail=detail, severity=severity))

    def known(
        self, value: Mapping[str, object], path: str, names: tuple[str, ...], severity: Severity
    ) -> dict[str, object]:
        """The fields that we know and that are set; a finding for each other one."""
        for name in value:
            if name not in names and value[name] is not None:
                self.note(
                    "unknown_field", f"{path}.{str(name)[:80]} is not known: passed over", severity
                )
        return {name: value[name] for name in names if value.get(name) is not None}

    def choice(
        self,
        data: dict[str, object],
        name: str,
        kind: type[StrEnum],
        severity: Severity,
        consequence: str,
    ) -> None:
        """Drop an enum's value that we do not know."""
        value = data.get(name)
        if isinstance(value, str) and member(kind, value) is None:
            self.note(
                "unknown_value",
                f"{self.path}.{name} is {value[:80]!r}, which is not known: {consequence}",
                severity,
            )
            del data[name]
        elif isinstance(value, str):
            data[name] = member(kind, value)

    def elements(self, values: list[object], path: str) -> list[dict[str, object]]:
        """Those that can be judged. A tariff of none is of no use, whatever the reason."""
        kept = [
            read
            for index, value in enumerate(values)
            if (read := self.element(value, f"{path}[{index}]")) is not None
        ]
        if not kept and all(item.severity is not Severity.BLOCK for item in self.findings):
            self.note("no_component", f"{path}: there is no price at all", Severity.BLOCK)
        return kept

    def element(self, value: object, path: str) -> dict[str, object] | None:
        """The element with what we know of it; None where it cannot be judged."""
        if not isinstance(value, Mapping):
            raise TariffInvalid(path, value, "use a JSON object")
        data = self.known(value, path, _ELEMENT, Severity.REVIEW)
        restrictions = data.get("restrictions")
        if restrictions == []:
            del data["restrictions"]  # how PHP writes an object without fields
        if isinstance(restrictions, Mapping):
            strange = [*_strange(restrictions)]
            if strange:
                self.note(
                    "unknown_restriction",
                    f"{path}.restrictions: {', '.join(strange)} is not known: when the element"
                    " applies cannot be judged, so it was left out and the price may be wrong",
                    Severity.BLOCK,
                )
                return None
            data["restrictions"] = self.restrictions(restrictions, f"{path}.restrictions")
        components = data.get("price_components")
        if isinstance(components, list):
            kept = [
                read
                for index, item in enumerate(components)
                if (read := self.component(item, f"{path}.price_components[{index}]")) is not None
            ]
            if not kept:
                self.note("no_component", f"{path} prices nothing", Severity.NOTE)
                return None
            data["price_components"] = kept
        return data

    def component(self, value: object, path: str) -> dict[str, object] | None:
        if not isinstance(value, Mapping):
            raise TariffInvalid(path, value, "use a JSON object")
        data = self.known(value, path, _COMPONENT, Severity.REVIEW)
        kind = data.get("type")
        if isinstance(kind, str):
            if (known := member(DimensionType, kind)) is None:
                self.note(
                    "unknown_dimension",
                    f"{path}.type is {kind[:80]!r}, which is not known: what it prices was left"
                    " out and the price may be wrong",
                    Severity.BLOCK,
                )
                return None
            data["type"] = known
        _read_whole(data, ("step_size",))
        data = self.rounded(data, path, ("price",), PRICE_DECIMALS_MAX)
        return self.rounded(data, path, ("vat",), VAT_DECIMALS_MAX)

    def restrictions(self, value: Mapping[str, object], path: str) -> dict[str, object]:
        data = {name: value[name] for name in RESTRICTIONS if value.get(name) is not None}
        days = data.get("day_of_week")
        if isinstance(days, list) and all(isinstance(day, str) for day in days):
            data["day_of_week"] = [*dict.fromkeys(member(DayOfWeek, day) for day in days)]
        if isinstance(data.get("reservation"), str):
            data["reservation"] = member(Reservation, str(data["reservation"]))
        for name in ("start_time", "end_time"):
            clock = data.get(name)
            if isinstance(clock, str) and len(clock) == 8 and clock.endswith(":00"):
                data[name] = clock[:5]
                self.note(
                    "odd_time",
                    f"{path}.{name} is {clock}: its seconds count for nothing",
                    Severity.NOTE,
                )
        if data.get("end_time") == "24:00":
            data["end_time"] = "00:00"
            self.note("odd_time", f"{path}.end_time is 24:00, read as 00:00", Severity.NOTE)
        _read_whole(data, _DURATIONS)
        self.drop_endless(data, path, ("max_duration",), Decimal(DURATION_S_MAX))
        self.drop_endless(data, path, ("max_kwh", "max_current", "max_power"), PRICE_MAX)
        quantities = tuple(name for name in data if name[4:] in ("kwh", "current", "power"))
        return self.rounded(data, path, quantities, PRICE_DECIMALS_MAX)

    def drop_endless(
        self, data: dict[str, object], path: str, names: tuple[str, ...], most: Decimal
    ) -> None:
        """An upper limit that nothing reaches is how some write that there is none."""
        for name in names:
            written = _number(data.get(name))
            if written is not None and written > most:
                del data[name]
                detail = f"{path}.{name} is greater than {most}: read as no limit"
                self.note("no_limit", detail, Severity.NOTE)

    def rounded(
        self, data: dict[str, object], path: str, names: tuple[str, ...], decimals: int
    ) -> dict[str, object]:
        """Finer numbers than we count with, half up; what is no number stays as it is."""
        for name in names:
            written = _number(data.get(name))
            if written is None or written.adjusted() > 20:
                continue
            nearest = written.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, _WIDE)
            if nearest == written:
                continue
            data[name] = nearest
            if abs(nearest - written) > _NOISE:
                self.note(
                    "finer_than_we_count",
                    f"{path}.{name} has more than {decimals} decimals: read as {nearest:f}",
                    Severity.REVIEW,
                )
        return data


def member(kind: type[StrEnum], value: str) -> StrEnum | None:
    """The enum's member of that name, in whatever case it is written."""
    for known in kind:
        if known.value == value.upper():
            return known
    return None


def _read_whole(data: dict[str, object], names: tuple[str, ...]) -> None:
    """Whole numbers that are written as texts. What is none stays, to be refused by its place."""
    for name in names:
        written = data.get(name)
        if isinstance(written, str) and _WHOLE.fullmatch(written):
            data[name] = int(written)


def _strange(restrictions: Mapping[str, object]) -> Iterator[str]:
    """What in the restrictions we do not know."""
    for name, value in restrictions.items():
        if name not in RESTRICTIONS and value is not None:
            yield str(name)[:80]
    days = restrictions.get("day_of_week")
    for day in days if isinstance(days, list) else ():
        if isinstance(day, str) and member(DayOfWeek, day) is None:
            yield f"day_of_week {day[:80]}"
    reservation = restrictions.get("reservation")
    if isinstance(reservation, str) and member(Reservation, reservation) is None:
        yield f"reservation {reservation[:80]}"


def _number(value: object) -> Decimal | None:
    number = written_decimal(value)
    return None if number is None or len(number.as_tuple().digits) > DIGITS_MAX else number
