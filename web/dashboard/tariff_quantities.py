"""Numbers and durations as people type them in the tariff editor. Pure."""

import re

_DURATION = re.compile(r"(\d{1,9})\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)?")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_COMMA = re.compile(r"\d+,\d+")


def plain(text: str) -> str:
    """A decimal as we write it: the comma that much of Europe types becomes a point.

    Anything else is left as it is, for the reader of the body to refuse.
    """
    text = text.strip()
    return text.replace(",", ".") if _COMMA.fullmatch(text) else text


def duration_s(text: str) -> int | str:
    """Seconds of "15 min", "2 h", "90 s"; a bare number means minutes. Else the text itself."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        return text
    return int(match[1]) * _SECONDS[(match[2] or "m")[0]]


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
