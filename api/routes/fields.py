"""The types of what comes in and goes out: bounded texts, strict bodies."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from fastapi import Path
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from holdfast.domain.pricing.record_values import YEAR_MAX, YEAR_MIN
from holdfast.domain.tariff.version import NAME_LENGTH_MAX
from holdfast.http.wrong_values import TIME_SAID, Said

IDENTITY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:*=+|@~-]{0,47}$"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
Json = TypeVar("Json")
WAIT_MAX_S = 60.0
NAME_SAID = f"use 1 to {NAME_LENGTH_MAX} letters, digits and any of _ . -, a letter or digit first"


class Input(BaseModel):
    """A body. A field that we do not know is refused: it may be a misspelt one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Output(BaseModel):
    """An answer. Fields may be added, never renamed (DESIGN 6)."""

    model_config = ConfigDict(from_attributes=True)


def printable(text: str) -> str:
    """Postgres stores no NUL, and no name has control characters."""
    if any(ord(character) < 32 and character not in "\n\t" for character in text):
        raise ValueError("leave out control characters")
    return text


def lines(text: str) -> str:
    """Printable, with ends of lines as we write them, whatever system they came from."""
    return printable(text.replace("\r\n", "\n"))


def utc(instant: datetime) -> datetime:
    """The same instant, in UTC. Raises ValueError where that is before the year 1 or after 9999."""
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("not a time of our calendar in UTC") from None


def spelt_out(instant: object) -> object:
    """A time in words. Of a bare number nobody knows whether it is a year or seconds since 1970."""
    if not isinstance(instant, int | float | str):
        return instant
    try:
        float(instant)
    except ValueError:
        return instant
    raise ValueError(TIME_SAID)


def of_prices(instant: datetime) -> datetime:
    """One at which a price can be asked for: clocks, holidays and waits reach no further."""
    if not YEAR_MIN < instant.year < YEAR_MAX:
        raise ValueError(f"use a time after {YEAR_MIN} and before {YEAR_MAX}")
    return instant


def written(body: Json) -> Json:
    """What JSON can spell and nobody can keep, send or answer: half a surrogate pair, a NUL, a
    number without end."""
    try:
        content = orjson.dumps(body)
    except TypeError:
        raise ValueError("use texts, and numbers of at most 64 bits") from None
    if _NUL.search(content):
        raise ValueError("leave out control characters")
    return body


Content = Annotated[dict[str, Any], AfterValidator(written)]
TariffBody = Content
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(printable)]
Line = Annotated[str, StringConstraints(max_length=500), AfterValidator(printable)]
Reason = Annotated[
    str,
    StringConstraints(min_length=3, max_length=500),
    AfterValidator(printable),
    Field(description="Why; kept in the audit log. Do not name drivers."),
]
Query = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(printable)]
Instant = Annotated[AwareDatetime, AfterValidator(utc)]
PriceInstant = Annotated[Instant, BeforeValidator(spelt_out), AfterValidator(of_prices)]
Currency = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z]{3}$"),
    Said("use three capital letters (ISO 4217), such as EUR"),
]
PaymentMethod = Annotated[
    str,
    StringConstraints(pattern=r"^pm_[A-Za-z0-9_]{1,100}$"),
    Said("use a Stripe payment method's id, which begins with pm_"),
]
EvseNumber = Annotated[int, Field(ge=1, le=1_000)]
ConnectorNumber = Annotated[int, Field(ge=1, le=100)]
EnergyWh = Annotated[int, Field(ge=0, le=10_000_000)]
DurationS = Annotated[int, Field(ge=0, le=30 * 86_400)]
TokenUid = Annotated[str, StringConstraints(min_length=1, max_length=36), AfterValidator(printable)]
Identity = Annotated[str, Path(max_length=48, description="The station's OCPP identity.")]
RowId = UUID


class Because(Input):
    """A decision that needs a reason and nothing else."""

    reason: Reason
