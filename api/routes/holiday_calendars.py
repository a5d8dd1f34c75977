"""Calendars of public holidays that a tariff can name, and their dates."""

from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from api.routes.fields import Output
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page_of
from holdfast.http.principal import Reader
from holdfast.services import holiday_calendars
from holdfast.services.holiday_calendars import YEAR_LEAST, YEAR_MOST

router = APIRouter(prefix="/holiday-calendars", tags=["tariffs"], route_class=IdempotentRoute)


class CalendarShown(Output):
    """`key` is what a tariff's `holiday_calendar` names."""

    key: str
    country: str
    subdivision: str | None


class HolidaysShown(Output):
    """A calendar's dates in one year."""

    key: str
    year: int
    dates: list[date]


@router.get("")
async def list_calendars(_reader: Reader, asked: Asked) -> Page[CalendarShown]:
    """Some 900, in alphabetical order."""
    known = enumerate(holiday_calendars.calendars())
    return page_of(
        known,
        asked,
        lambda numbered: UUID(int=numbered[0]),
        lambda numbered: CalendarShown.model_validate(numbered[1]),
    )


@router.get("/{key}")
async def read_calendar(
    key: Annotated[str, Path(description="A country and its part, as in FR, DE-BY or US-CA.")],
    _reader: Reader,
    year: Annotated[
        int | None, Query(ge=YEAR_LEAST, le=YEAR_MOST, description="This year by default.")
    ] = None,
) -> HolidaysShown:
    """The dates of a year, this year where none is asked for."""
    wanted = year or datetime.now(UTC).year
    dates = holiday_calendars.holiday_dates(key, [wanted])
    return HolidaysShown(key=key, year=wanted, dates=list(dates))
