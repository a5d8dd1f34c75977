"""The types of what comes in and goes out: bounded texts, strict bodies."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from holdfast.domain.pricing.price_inputs import YEAR_MAX, YEAR_MIN

IDENTITY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:*=+|@~-]{0,47}$"
WAIT_MAX_S = 60.0


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


def utc(instant: datetime) -> datetime:
    """The same instant, in UTC. Raises ValueError where that is before the year 1 or after 9999."""
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("not a time of our calendar in UTC") from None


def of_prices(instant: datetime) -> datetime:
    """One at which a price can be asked for: clocks, holidays and waits reach no further."""
    if not YEAR_MIN < instant.year < YEAR_MAX:
        raise ValueError(f"use a time after {YEAR_MIN} and before {YEAR_MAX}")
    return instant


def written(body: dict[str, Any]) -> dict[str, Any]:
    """What JSON can spell and nobody can keep or answer: half a surrogate pair, a huge number."""
    try:
        orjson.dumps(body)
    except TypeError:
        raise ValueError("use texts, and numbers of at most 64 bits") from None
    return body


TariffBody = Annotated[dict[str, Any], AfterValidator(written)]
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
PriceInstant = Annotated[Instant, AfterValidator(of_prices)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
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
