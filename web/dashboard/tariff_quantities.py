"""Numbers and durations as people type them in the tariff editor. Pure."""

import re
from fractions import Fraction

_NUMBER = r"(\d{1,9}(?:[.,]\d{1,4})?)\s*"
_UNITS = ("d(?:ays?)?", "h(?:ours?)?", "m(?:in(?:utes?)?)?", "s(?:ec(?:onds?)?)?")
_DURATION = re.compile("".join(rf"(?:{_NUMBER}{unit}\s*)?" for unit in _UNITS), re.ASCII)
_SIZES_S = (86_400, 3_600, 60, 1)
_BARE = re.compile(_NUMBER, re.ASCII)
_COMMA = re.compile(r"\d+,\d+")


def plain(text: str) -> str:
    """A decimal as we write it: the comma that much of Europe types becomes a point.

    Anything else is left as it is, for the reader of the body to refuse.
    """
    text = text.strip()
    return text.replace(",", ".") if _COMMA.fullmatch(text) else text


def duration_s(text: str) -> int | str:
    """Seconds of "15 min", "2 h", "1 h 30 min", "1,5 h", "90 s"; a bare number means minutes.

    Anything else, and what is no whole number of seconds, is left as it is.
    """
    asked = text.strip().lower()
    match = _DURATION.fullmatch(f"{asked} min" if _BARE.fullmatch(asked) else asked)
    if match is None or not any(match.groups()):
        return text
    seconds = sum(
        Fraction(number.replace(",", ".")) * size
        for number, size in zip(match.groups(), _SIZES_S, strict=True)
        if number
    )
    return int(seconds) if seconds.denominator == 1 else text


def duration_text(seconds: object) -> str:
    """As `duration_s` reads it, in the largest unit that is whole; empty for none."""
    if seconds is None or seconds == "":
        return ""
    text = str(seconds)
    if not (text.isascii() and text.isdigit()):
        return text
    count = int(text)
    for unit, size in (("h", 3_600), ("min", 60)):
        if count and count % size == 0:
            return f"{count // size} {unit}"
    return f"{count} s"
