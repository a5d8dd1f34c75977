"""A number as somebody wrote it in JSON, exactly: as a number or as a text."""

from decimal import Decimal


def written_decimal(value: object) -> Decimal | None:
    """The finite decimal of a decoded JSON value; None where it is none.

    The shortest text of a float is what its author wrote: 0.25 stays 0.25, never 0.2500000001. How
    many digits are sane, and how great it may be, the caller says.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    if isinstance(value, str) and "_" in value:  # Python's own way to group digits: 0_1 would be 1
        return None
    try:
        decimal = Decimal(repr(value) if isinstance(value, float) else value)
    except ArithmeticError:
        return None
    return decimal if decimal.is_finite() else None
