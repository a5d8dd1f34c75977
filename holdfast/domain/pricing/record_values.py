"""The values of a record that a partner wrote, within bounds: lists, instants, numbers."""

from datetime import datetime
from decimal import Decimal

from holdfast.domain.pricing.record import RecordInvalid
from holdfast.domain.tariff.foreign import date_time
from holdfast.domain.written_decimal import written_decimal

ENTRIES_MAX = 10_000
AMOUNT_MAX = Decimal(1_000_000_000)
AMOUNT_EXPONENT_MIN = -100
YEAR_MIN, YEAR_MAX = 1990, 2200


def instant(value: object, path: str) -> datetime:
    """An OCPI DateTime of a real session: clocks of no zone are defined near the years 1 and 9999.

    Raises `RecordInvalid` or `TariffInvalid`.
    """
    at = date_time(value, path)
    if not YEAR_MIN <= at.year <= YEAR_MAX:
        raise RecordInvalid(path, value, f"use an instant of the years {YEAR_MIN} to {YEAR_MAX}")
    return at


def entries(value: object, path: str, most: int = ENTRIES_MAX) -> list[object]:
    """A list of bounded length; none where the field is not set."""
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        shown = f"{len(value)} entries" if isinstance(value, list) else value
        raise RecordInvalid(path, shown, f"use a list of at most {most} entries")
    return value


def number(value: object, path: str, expected: str) -> Decimal:
    """A finite decimal of sane size, written as a number or a text. Raises `RecordInvalid`."""
    exact = written_decimal(value)
    if exact is None:
        raise RecordInvalid(path, value, expected)
    # Beyond these bounds exact arithmetic would take all time and memory.
    exponent = exact.as_tuple().exponent
    if isinstance(exponent, int) and exponent < AMOUNT_EXPONENT_MIN:
        raise RecordInvalid(path, value, f"{expected}, of at most {-AMOUNT_EXPONENT_MIN} decimals")
    if exact.copy_abs() > AMOUNT_MAX:
        raise RecordInvalid(path, value, f"{expected}, of at most {AMOUNT_MAX}")
    return exact
