"""A tariff version from JSON, in OCPI's field names (`canonical` writes it).

A restriction that is misspelt and ignored would misprice every session, so inside elements
nothing unknown is let through; of the tariff object the fields of OCPI that no price depends on
are ignored. Every refusal names the path of the field, its value and what would be right.
"""

from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from holdfast.domain.currency import Currency, UnknownCurrency
from holdfast.domain.tariff.version import (
    ELEMENTS_MAX,
    Allowance,
    AllowancePer,
    DayOfWeek,
    DimensionType,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    SpotPrice,
    TariffElement,
    TariffInvalid,
    TariffType,
    TariffVersion,
    TaxIncluded,
)
from holdfast.domain.written_decimal import written_decimal

Choice = TypeVar("Choice", bound=StrEnum)
Value = TypeVar("Value")

FLOAT_DIGITS_MAX = 15
"""A binary float keeps what was written up to this many digits, and no longer beyond."""

LIST_LENGTH_MAX = 1_000
WHOLE_DIGITS_MAX = 15
ZERO_EXPONENT_MIN = -12

PRICED = (
    "id",
    "currency",
    "type",
    "elements",
    "min_price",
    "max_price",
    "idle_grace_s",
    "tax_included",
    "allowances",
    "daily_cap",
    "holiday_calendar",
    "holidays",
)
DESCRIPTIVE = (
    "country_code",
    "party_id",
    "tariff_alt_text",
    "tariff_alt_url",
    "start_date_time",
    "end_date_time",
    "preauthorize_amount",
    "energy_mix",
    "last_updated",
)
# What is shown to who wrote something else; a test reads each of them.
LIMIT_EXAMPLE = '{"excl_vat": "10", "incl_vat": "11.9"}'
SPOT_EXAMPLE = '{"feed": "DE-LU", "fallback": "0.1"}'
COMPONENT_EXAMPLE = '{"type": "ENERGY", "price": "0.39"}'
ELEMENT_EXAMPLE = f'{{"price_components": [{COMPONENT_EXAMPLE}]}}'
RESTRICTIONS_EXAMPLE = '{"start_time": "07:30", "end_time": "22:00"}'
ALLOWANCE_EXAMPLE = '{"type": "ENERGY", "quantity": "10", "per": "session"}'

_PERCENTAGE = 'use a percentage such as "19"'
_QUANTITIES = ("min_kwh", "max_kwh", "min_current", "max_current", "min_power", "max_power")
RESTRICTIONS = (
    "start_time",
    "end_time",
    "start_date",
    "end_date",
    "day_of_week",
    *_QUANTITIES,
    "min_duration",
    "max_duration",
    "reservation",
    "holiday",
    "user_groups",
)


def tariff_from_json(value: object, *, elements_max: int = ELEMENTS_MAX) -> TariffVersion:
    """A tariff from decoded JSON. Decimals may be strings or numbers. Raises `TariffInvalid`.

    `elements_max` is greater for tariffs that a program wrote: a partner's, or our own in OCPI's
    words, where each holiday is an element.
    """
    data = _object(value, "tariff", (*PRICED, *DESCRIPTIVE))
    elements = _list(data.get("elements"), "elements")
    if not 1 <= len(elements) <= elements_max:
        raise TariffInvalid("elements", f"{len(elements)} elements", f"use 1 to {elements_max}")
    tax_included, type_ = data.get("tax_included"), data.get("type")
    calendar = data.get("holiday_calendar")
    return _located(
        "",
        lambda: TariffVersion(
            id=_text(data.get("id"), "id"),
            currency=_currency(data.get("currency")),
            elements=tuple(
                _element(item, f"elements[{index}]") for index, item in enumerate(elements)
            ),
            min_price=_limit(data.get("min_price"), "min_price"),
            max_price=_limit(data.get("max_price"), "max_price"),
            idle_grace_s=_whole(data.get("idle_grace_s", 0), "idle_grace_s"),
            tax_included=None
            if tax_included is None
            else _choice(TaxIncluded, tax_included, "tax_included"),
            type=None if type_ is None else _choice(TariffType, type_, "type"),
            allowances=tuple(
                _allowance(item, f"allowances[{index}]")
                for index, item in enumerate(_list(data.get("allowances") or [], "allowances"))
            ),
            daily_cap=_limit(data.get("daily_cap"), "daily_cap"),
            holiday_calendar=None if calendar is None else _text(calendar, "holiday_calendar"),
            holidays=tuple(
                _date(item, f"holidays[{index}]")
                for index, item in enumerate(_list(data.get("holidays") or [], "holidays"))
            ),
        ),
    )


def _allowance(value: object, path: str) -> Allowance:
    data = _object(value, path, ("type", "quantity", "per"), ALLOWANCE_EXAMPLE)
    return _located(
        path,
        lambda: Allowance(
            type=_choice(DimensionType, data.get("type"), f"{path}.type"),
            quantity=_decimal(data.get("quantity"), f"{path}.quantity"),
            per=_choice(AllowancePer, data.get("per", "session"), f"{path}.per"),
        ),
    )


def _element(value: object, path: str) -> TariffElement:
    data = _object(value, path, ("price_components", "restrictions"), ELEMENT_EXAMPLE)
    components_path = f"{path}.price_components"
    restrictions = data.get("restrictions")
    return _located(
        path,
        lambda: TariffElement(
            price_components=tuple(
                _component(item, f"{components_path}[{index}]")
                for index, item in enumerate(_list(data.get("price_components"), components_path))
            ),
            restrictions=None
            if restrictions is None
            else _restrictions(restrictions, f"{path}.restrictions"),
        ),
    )


def _component(value: object, path: str) -> PriceComponent:
    data = _object(value, path, ("type", "price", "vat", "step_size", "spot"), COMPONENT_EXAMPLE)
    vat, spot = data.get("vat"), data.get("spot")
    return _located(
        path,
        lambda: PriceComponent(
            type=_choice(DimensionType, data.get("type"), f"{path}.type"),
            price=_decimal(data.get("price"), f"{path}.price"),
            vat=None if vat is None else _decimal(vat, f"{path}.vat", _PERCENTAGE),
            step_size=_whole(data.get("step_size", 1), f"{path}.step_size"),
            spot=None if spot is None else _spot(spot, f"{path}.spot"),
        ),
    )


def _spot(value: object, path: str) -> SpotPrice:
    data = _object(value, path, ("feed", "fallback", "factor", "floor", "ceiling"), SPOT_EXAMPLE)
    ceiling = data.get("ceiling")
    return _located(
        path,
        lambda: SpotPrice(
            feed=_text(data.get("feed"), f"{path}.feed"),
            fallback=_decimal(data.get("fallback"), f"{path}.fallback"),
            factor=_decimal(data.get("factor", 1), f"{path}.factor"),
            floor=_decimal(data.get("floor", 0), f"{path}.floor"),
            ceiling=None if ceiling is None else _decimal(ceiling, f"{path}.ceiling"),
        ),
    )


def _restrictions(value: object, path: str) -> Restrictions:
    data = _object(value, path, RESTRICTIONS, RESTRICTIONS_EXAMPLE)

    def read(field: str, parse: Callable[[object, str], Value]) -> Value | None:
        raw = data.get(field)
        return None if raw is None else parse(raw, f"{path}.{field}")

    days = _list(data.get("day_of_week") or [], f"{path}.day_of_week")
    return _located(
        path,
        lambda: Restrictions(
            start_time=read("start_time", _time),
            end_time=read("end_time", _time),
            start_date=read("start_date", _date),
            end_date=read("end_date", _date),
            day_of_week=tuple(
                _choice(DayOfWeek, day, f"{path}.day_of_week[{index}]")
                for index, day in enumerate(days)
            ),
            min_duration=read("min_duration", _whole),
            max_duration=read("max_duration", _whole),
            reservation=read("reservation", lambda raw, at: _choice(Reservation, raw, at)),
            holiday=read("holiday", _truth),
            user_groups=tuple(
                _text(group, f"{path}.user_groups[{index}]")
                for index, group in enumerate(
                    _list(data.get("user_groups") or [], f"{path}.user_groups")
                )
            ),
            **{field: read(field, _decimal) for field in _QUANTITIES},
        ),
    )


def _limit(value: object, path: str) -> PriceLimit | None:
    if value is None:
        return None
    data = _object(
        value, path, ("excl_vat", "incl_vat", "before_taxes", "after_taxes"), LIMIT_EXAMPLE
    )

    def read(*names: str) -> Decimal | None:
        """2.2.1 and 2.3.0 name the same two amounts differently."""
        for name in names:
            if data.get(name) is not None:
                return _decimal(data[name], f"{path}.{name}")
        return None

    return _located(
        path,
        lambda: PriceLimit(
            excl_vat=read("excl_vat", "before_taxes"), incl_vat=read("incl_vat", "after_taxes")
        ),
    )


def _located(path: str, build: Callable[[], Value]) -> Value:
    """Give an error of a value's own check the path of the value."""
    try:
        return build()
    except TariffInvalid as error:
        if not path or error.field.startswith(path):
            raise
        raise TariffInvalid(f"{path}.{error.field}", error.value, error.expected) from None


def _object(
    value: object, path: str, known: tuple[str, ...], example: str | None = None
) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        expected = "use a JSON object" if example is None else f"use an object such as {example}"
        raise TariffInvalid(path, value, expected)
    for name in value:
        if name not in known:
            place = str(name) if path == "tariff" else f"{path}.{name}"
            raise TariffInvalid(place, value[name], f"unknown field: use {', '.join(known)}")
    return value


def _list(value: object, path: str) -> list[object]:
    if not isinstance(value, list) or len(value) > LIST_LENGTH_MAX:
        shown = f"{len(value)} entries" if isinstance(value, list) else value
        raise TariffInvalid(path, shown, f"use a list of at most {LIST_LENGTH_MAX} entries")
    return value


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise TariffInvalid(path, value, "use a text")
    return value


def _currency(value: object) -> Currency:
    try:
        return Currency.of(_text(value, "currency"))
    except UnknownCurrency:
        raise TariffInvalid("currency", value, "use an ISO 4217 code such as EUR") from None


def _choice(kind: type[Choice], value: object, path: str) -> Choice:
    for member in kind:
        if member.value == value:
            return member
    names = ", ".join(member.value for member in kind)
    raise TariffInvalid(path, value, f"use one of {names}")


def _whole(value: object, path: str) -> int:
    if type(value) is int:
        return value
    # Some JSON libraries write 1 as 1.0. 1E+999999999 would take all memory as a whole number.
    written = written_decimal(value) if isinstance(value, (float, Decimal)) else None
    if written is not None and written.adjusted() < WHOLE_DIGITS_MAX and written == int(written):
        return int(written)
    raise TariffInvalid(path, value, "use a whole number")


def _decimal(value: object, path: str, expected: str = 'use a decimal such as "0.25"') -> Decimal:
    decimal = written_decimal(value)
    if decimal is None or len(decimal.as_tuple().digits) > FLOAT_DIGITS_MAX:
        raise TariffInvalid(path, value, expected)
    if not decimal and decimal.as_tuple().exponent < ZERO_EXPONENT_MIN:  # type: ignore[operator]
        return Decimal(0)  # 0E-999999999 would be written out with all its zeros
    return decimal


def _truth(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise TariffInvalid(path, value, "use true or false")
    return value


def _time(value: object, path: str) -> time:
    expected = 'use a local time of day such as "07:30", to "23:59"'
    text = _text(value, path)
    if len(text) != 5 or text[2] != ":" or not (text[:2] + text[3:]).isdecimal():
        raise TariffInvalid(path, value, expected)
    try:
        return time(int(text[:2]), int(text[3:]))
    except ValueError:
        raise TariffInvalid(path, value, expected) from None


def _date(value: object, path: str) -> date:
    expected = 'use a local date such as "2026-03-29"'
    text = _text(value, path)
    if len(text) != 10:
        raise TariffInvalid(path, value, expected)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise TariffInvalid(path, value, expected) from None
