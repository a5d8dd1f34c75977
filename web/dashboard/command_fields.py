"""Forms of commands, and how what people write in them is read: each problem in words."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from holdfast.contracts.orders import OrderKind
from holdfast.services.refusal import Invalid

AMOUNT = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,3})?")
LOCATION = re.compile(r"[a-z][a-z0-9+.-]*://[^\s]{1,500}")
NUMBER_MAX = 999
ID_MAX = 2_147_483_647
PATIENCE_S = {"120": "2 minutes", "3600": "1 hour", "86400": "1 day"}

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """An input of a form: a choice where there are options, else a number or a text.

    `kind`: the input's type where it is neither. `hint` says what is to be written.
    """

    name: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    number: bool = False
    value: str = ""
    optional: bool = False
    hint: str = ""
    kind: str = "text"
    length: int = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What a form's reader knows besides the form: the time, and the station's clock."""

    now: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandForm:
    """A form. `payload` reads it into the payload of `contracts.orders`."""

    name: OrderKind
    title: str
    icon: str
    note: str
    fields: tuple[Field, ...]
    payload: Callable[[Form, Clock], dict[str, Any]]


EVSE = Field(name="evse", label="EVSE", number=True, value="1")
CONNECTOR = Field(name="connector", label="Connector", number=True, value="1")


def whole(form: Form, name: str, *, least: int = 0, most: int = NUMBER_MAX) -> int:
    """A whole number. Raises Invalid."""
    text = form.get(name, "").strip()
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not digits or not least <= int(text) <= most:
        raise Invalid(name, text, f"use a whole number from {least} to {most}")
    return int(text)


def whole_or_none(form: Form, name: str, *, least: int = 0, most: int = NUMBER_MAX) -> int | None:
    """A whole number, or nothing. Raises Invalid."""
    return whole(form, name, least=least, most=most) if form.get(name, "").strip() else None


def choice(form: Form, name: str, choices: tuple[str, ...]) -> str:
    """One of these. Raises Invalid."""
    value = form.get(name, "")
    if value not in choices:
        raise Invalid(name, value, f"use one of {', '.join(choices)}")
    return value


def amount(form: Form, name: str) -> Decimal | None:
    """A number with a point or a comma, or nothing. Raises Invalid."""
    text = form.get(name, "").strip().replace(",", ".")
    if not text:
        return None
    if not AMOUNT.fullmatch(text):
        raise Invalid(name, text, "use a number such as 25 or 7.5")
    return Decimal(text)


def text_of(form: Form, name: str, most: int) -> str:
    """A text that is there. Raises Invalid."""
    text = form.get(name, "").strip()
    if not 1 <= len(text) <= most or not text.isprintable():
        raise Invalid(name, text[:80], f"write 1 to {most} characters on one line")
    return text


def location(form: Form, name: str) -> str:
    """A URL with its scheme. Raises Invalid."""
    text = form.get(name, "").strip()
    if not LOCATION.fullmatch(text):
        # What was written is not repeated: it may hold a password.
        raise Invalid(name, "", "use an address such as https://files.example.com/firmware.bin")
    return text


def instant(form: Form, name: str, clock: Clock) -> str | None:
    """A day and time on the station's clock, as UTC; or nothing. Raises Invalid."""
    text = form.get(name, "").strip()
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or not 2000 <= at.year <= 2999 or len(text) > 32:
        raise Invalid(name, text[:40], "use a day and a time such as 2026-03-01T22:30")
    at = at.replace(tzinfo=clock.zone) if at.tzinfo is None else at
    return written(at)


def written(at: datetime) -> str:
    """As payloads hold it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def patience(form: Form) -> timedelta:
    """How long an order may wait for a station that is offline."""
    return timedelta(seconds=int(choice(form, "patience", tuple(PATIENCE_S))))
