"""The types of what comes in and goes out: bounded texts, strict bodies."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

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
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
EvseNumber = Annotated[int, Field(ge=1, le=1_000)]
ConnectorNumber = Annotated[int, Field(ge=1, le=100)]
TokenUid = Annotated[str, StringConstraints(min_length=1, max_length=36), AfterValidator(printable)]
Identity = Annotated[str, Path(max_length=48, description="The station's OCPP identity.")]
RowId = UUID


class Because(Input):
    """A decision that needs a reason and nothing else."""

    reason: Reason
