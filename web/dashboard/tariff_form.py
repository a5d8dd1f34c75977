"""The editor's form: a tariff body as text fields, and the fields as a body. Pure.

A field's name is the path of the value in the body with dots for brackets, so that whatever reads
the body (`domain.tariff.form`, lint) names a field of the page. Text that is no number stays as
it was typed, in the fields and in the body: the reader of the body refuses it by its path.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.domain.tariff.version import (
    COMPONENTS_MAX,
    ELEMENTS_MAX,
    DayOfWeek,
    DimensionType,
    TariffInvalid,
)
from web.dashboard.tariff_quantities import duration_s, duration_text, plain

ALLOWANCES_MAX = 10
OPEN_MAX = 3
"""Of more elements only the first is shown whole at first, the others by their words."""
JSON_LENGTH_MAX = 200_000
WHOLE_DIGITS_MAX = 15

LIMITS = ("min_price", "max_price", "daily_cap")
SIDES = ("excl_vat", "incl_vat")
TOP = ("type", "tax_included", "idle_grace_s", "holiday_calendar", "holidays")
COMPONENT = ("type", "price", "vat", "step_size")
SPOT = ("feed", "fallback", "factor", "floor", "ceiling")
ALLOWANCE = ("type", "quantity", "per")
QUANTITIES = ("min_kwh", "max_kwh", "min_power", "max_power", "min_current", "max_current")
DURATIONS = ("min_duration", "max_duration")
WORDS = ("start_time", "end_time", "start_date", "end_date", "reservation", "holiday")
RESTRICTIONS = (*WORDS, *QUANTITIES, *DURATIONS)
DAYS = tuple(day.value for day in DayOfWeek)
HOLIDAY = {"true": True, "false": False}
KNOWN = frozenset(
    {
        "id",
        "currency",
        "elements",
        "allowances",
        *TOP,
        *LIMITS,
    }
)

_COMPONENT_NAME = re.compile(r"elements\.(\d{1,3})\.price_components\.(\d{1,2})\.([a-z_.]+)")
_SHUT_NAME = re.compile(r"elements\.(\d{1,3})\.shut")
_RESTRICTION_NAME = re.compile(r"elements\.(\d{1,3})\.restrictions\.(\w+)(?:\.(.+))?")
_ALLOWANCE_NAME = re.compile(r"allowances\.(\d{1,2})\.(\w+)")

Texts = dict[str, str]


@dataclass(slots=True, kw_only=True)
class ElementFields:
    """An element as typed. A component's market price is under `spot.feed` and so on. `shut`: the
    page shows its words alone."""

    components: list[Texts] = field(default_factory=list)
    restrictions: Texts = field(default_factory=dict)
    days: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    shut: bool = False

    @property
    def restricted(self) -> bool:
        """Whether anything stands in its restrictions."""
        return bool(self.days or self.groups or any(self.restrictions.values()))


@dataclass(slots=True, kw_only=True)
class TariffFields:
    """A whole tariff as typed. `rest` is JSON of what the form has no field for."""

    top: Texts = field(default_factory=dict)
    elements: list[ElementFields] = field(default_factory=list)
    allowances: list[Texts] = field(default_factory=list)
    rest: str = ""


def read_fields(form: Mapping[str, str]) -> TariffFields:
    """The fields of a posted form. Rows come in the order of their numbers; gaps close."""
    elements: dict[int, ElementFields] = {}
    components: dict[int, dict[int, Texts]] = {}
    allowances: dict[int, Texts] = {}
    shut: set[int] = set()
    for name, raw in form.items():
        value = raw.strip()
        if match := _COMPONENT_NAME.fullmatch(name):
            row = components.setdefault(int(match[1]), {}).setdefault(int(match[2]), {})
            row[match[3]] = value
            elements.setdefault(int(match[1]), ElementFields())
        elif match := _RESTRICTION_NAME.fullmatch(name):
            _restriction(elements.setdefault(int(match[1]), ElementFields()), match, value)
        elif (match := _SHUT_NAME.fullmatch(name)) and value:
            shut.add(int(match[1]))
        elif match := _ALLOWANCE_NAME.fullmatch(name):
            allowances.setdefault(int(match[1]), {})[match[2]] = value
    for number, rows in components.items():
        elements[number].components = [rows[key] for key in sorted(rows)][:COMPONENTS_MAX]
    for number, element in elements.items():
        element.shut = number in shut
    limits = [f"{limit}.{side}" for limit in LIMITS for side in SIDES]
    return TariffFields(
        top={name: form.get(name, "").strip() for name in (*TOP, *limits)},
        elements=[elements[number] for number in sorted(elements)][:ELEMENTS_MAX],
        allowances=[allowances[number] for number in sorted(allowances)][:ALLOWANCES_MAX],
        rest=form.get("rest", ""),
    )


def _restriction(element: ElementFields, match: re.Match[str], value: str) -> None:
    name, member = match[2], match[3]
    if name == "day_of_week" and member in DAYS:
        element.days.append(member)
    elif name == "user_groups" and member:
        element.groups.append(member)
    elif member is None and name in RESTRICTIONS:
        element.restrictions[name] = value


def body_of(fields: TariffFields) -> dict[str, object]:
    """The body in JSON. Empty fields are left out; what cannot be read stays as it was typed."""
    body: dict[str, object] = dict(_rest(fields.rest))
    body["elements"] = [_element(element) for element in fields.elements]
    for limit in LIMITS:
        sides = {side: plain(fields.top.get(f"{limit}.{side}", "")) for side in SIDES}
        if any(sides.values()):
            body[limit] = {side: value for side, value in sides.items() if value}
    if grace := fields.top.get("idle_grace_s"):
        body["idle_grace_s"] = duration_s(grace)
    for name in ("tax_included", "type", "holiday_calendar"):
        if fields.top.get(name):
            body[name] = fields.top[name]
    if fields.allowances:
        body["allowances"] = [_allowance(row) for row in fields.allowances]
    if holidays := fields.top.get("holidays"):
        body["holidays"] = holidays.replace(",", " ").split()
    return body


def _element(element: ElementFields) -> dict[str, object]:
    data: dict[str, object] = {"price_components": [_component(row) for row in element.components]}
    restrictions: dict[str, object] = {}
    for name in RESTRICTIONS:
        if value := element.restrictions.get(name):
            restrictions[name] = _restricted(name, value)
    if element.days:
        restrictions["day_of_week"] = [day for day in DAYS if day in element.days]
    if element.groups:
        restrictions["user_groups"] = list(element.groups)
    if restrictions:
        data["restrictions"] = restrictions
    return data


def _restricted(name: str, value: str) -> object:
    if name in QUANTITIES:
        return plain(value)
    if name in DURATIONS:
        return duration_s(value)
    if name == "holiday":
        return HOLIDAY.get(value, value)
    return value


def _component(row: Mapping[str, str]) -> dict[str, object]:
    data: dict[str, object] = {"type": row.get("type", ""), "price": plain(row.get("price", ""))}
    if vat := row.get("vat"):
        data["vat"] = plain(vat)
    if step := row.get("step_size"):
        data["step_size"] = _whole(step) if step.isascii() and step.isdigit() else step
    if row.get("spot.feed"):
        texts = {name: row.get(f"spot.{name}", "") for name in SPOT}
        data["spot"] = {"feed": texts.pop("feed"), "fallback": plain(texts.pop("fallback"))} | {
            name: plain(text) for name, text in texts.items() if text
        }
    return data


def _allowance(row: Mapping[str, str]) -> dict[str, object]:
    quantity = row.get("quantity", "")
    of_energy = row.get("type") == DimensionType.ENERGY
    return {
        "type": row.get("type", ""),
        "quantity": plain(quantity) if of_energy else duration_s(quantity),
        "per": row.get("per") or "session",
    }


def fields_of(body: Mapping[str, Any]) -> TariffFields:
    """The fields of a body. Raises `TariffInvalid` where its shape has no place in the form."""
    top = {name: _text(body.get(name)) for name in ("type", "tax_included", "holiday_calendar")}
    top["idle_grace_s"] = duration_text(body.get("idle_grace_s") or None)
    top["holidays"] = " ".join(_text(day) for day in _items(body, "holidays"))
    for limit in LIMITS:
        sides = body.get(limit) or {}
        named = {"before_taxes": "excl_vat", "after_taxes": "incl_vat"}
        for name, value in _object(sides, limit).items():
            top[f"{limit}.{named.get(name, name)}"] = _text(value)
    elements = [
        _element_fields(_object(element, f"elements[{index}]"), f"elements[{index}]")
        for index, element in enumerate(_items(body, "elements"))
    ]
    for element in elements[1:] if len(elements) > OPEN_MAX else ():
        element.shut = True
    return TariffFields(
        top=top,
        elements=elements,
        allowances=[
            _allowance_fields(_object(row, f"allowances[{index}]"))
            for index, row in enumerate(_items(body, "allowances"))
        ],
        rest=_rest_text(body),
    )


def _element_fields(element: Mapping[str, Any], path: str) -> ElementFields:
    restrictions = _object(element.get("restrictions") or {}, f"{path}.restrictions")
    texts: Texts = {}
    for name in RESTRICTIONS:
        value = restrictions.get(name)
        if value is not None:
            texts[name] = duration_text(value) if name in DURATIONS else _text(value)
    unknown = set(restrictions) - {*RESTRICTIONS, "day_of_week", "user_groups"}
    for name in sorted(unknown):
        raise TariffInvalid(f"{path}.restrictions.{name}", restrictions[name], "unknown field")
    return ElementFields(
        components=[
            _component_fields(_object(row, f"{path}.price_components[{number}]"))
            for number, row in enumerate(_items(element, "price_components"))
        ],
        restrictions=texts,
        days=[_text(day) for day in _items(restrictions, "day_of_week")],
        groups=[_text(group) for group in _items(restrictions, "user_groups")],
    )


def _component_fields(row: Mapping[str, Any]) -> Texts:
    texts = {name: _text(row.get(name)) for name in COMPONENT}
    spot = row.get("spot")
    if isinstance(spot, Mapping):
        texts |= {f"spot.{name}": _text(spot.get(name)) for name in SPOT}
    return texts


def _allowance_fields(row: Mapping[str, Any]) -> Texts:
    texts = {name: _text(row.get(name)) for name in ALLOWANCE}
    if row.get("type") != DimensionType.ENERGY:
        texts["quantity"] = duration_text(row.get("quantity"))
    return texts


def names_of(fields: TariffFields) -> Iterator[tuple[str, str]]:
    """The form's fields by name: what a browser would post."""
    yield from fields.top.items()
    for index, element in enumerate(fields.elements):
        path = f"elements.{index}"
        yield f"{path}.shut", "1" if element.shut else ""
        for number, row in enumerate(element.components):
            for name, value in row.items():
                yield f"{path}.price_components.{number}.{name}", value
        for name, value in element.restrictions.items():
            yield f"{path}.restrictions.{name}", value
        for day in element.days:
            yield f"{path}.restrictions.day_of_week.{day}", "on"
        for group in element.groups:
            yield f"{path}.restrictions.user_groups.{group}", "on"
    for index, row in enumerate(fields.allowances):
        for name, value in row.items():
            yield f"allowances.{index}.{name}", value
    if fields.rest:
        yield "rest", fields.rest


def body_text(body: Mapping[str, object]) -> str:
    """The body as the expert's text."""
    return json.dumps(body, indent=2, ensure_ascii=False)


def read_body_text(text: str) -> dict[str, object]:
    """The expert's text as a body. Raises `TariffInvalid` where it is no JSON object."""
    if len(text) > JSON_LENGTH_MAX:
        raise TariffInvalid("json", f"{len(text)} characters", f"use at most {JSON_LENGTH_MAX}")
    try:
        # Numbers stay as they were written: a price never goes through binary floating point.
        body = json.loads(text, parse_float=str, parse_constant=str, parse_int=_whole)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise TariffInvalid("json", where, f"not JSON there: {error.msg}") from None
    except (RecursionError, ValueError):
        raise TariffInvalid("json", "the text", "too deep, or holds what is no text") from None
    if not isinstance(body, dict):
        raise TariffInvalid("json", text, "use a JSON object")
    if "\\u0000" in text:
        raise TariffInvalid("json", "\\u0000", "leave it out: it is no text")
    return body


def _whole(digits: str) -> int | str:
    """A number too long to be stored stays as it was typed, and is refused by its path."""
    return int(digits) if len(digits) <= WHOLE_DIGITS_MAX else digits


def _rest(text: str) -> Mapping[str, object]:
    if not text:
        return {}
    try:
        rest = read_body_text(text)
    except TariffInvalid:
        return {}  # ours: hidden, so nobody typed it
    return {name: value for name, value in rest.items() if name not in KNOWN}


def _rest_text(body: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in body.items() if name not in KNOWN}
    return json.dumps(rest, ensure_ascii=False) if rest else ""


def _items(data: Mapping[str, Any], name: str) -> list[Any]:
    value = data.get(name) or []
    if not isinstance(value, list):
        raise TariffInvalid(name, value, "use a list")
    return value


def _object(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TariffInvalid(path, value, "use a JSON object")
    return value


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
