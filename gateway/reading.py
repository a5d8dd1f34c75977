"""Lenient readers: what stations send in place of what the schema asks for.

Numbers as strings, kWh for Wh, times with half a zone, ids beyond 32 bit (charger-quirks 12 to
17). A reader that finds nothing usable returns None; `Unreadable` is for what a fact cannot be
without.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any, Final

import orjson

from holdfast.contracts.facts import Clock
from holdfast.domain.event_time import TimeFlag, event_time

EVSE_MAX = 1_000
SEQUENCE_MAX = 2**31 - 1
NUMBER_LENGTH_MAX = 40
TRANSACTION_ID_LENGTH_MAX = 255
TRANSACTION_NUMBER_MAX = 2**31 - 1
MILLIWATTHOURS_MAX = 10**15  # a terawatt-hour: no register of a station gets there

_CLOCKS: Final[Mapping[TimeFlag | None, Clock]] = {
    None: "ok",
    TimeFlag.ZONE_MISSING: "ok",
    TimeFlag.MISSING: "missing",
    TimeFlag.UNREADABLE: "unreadable",
    TimeFlag.TOO_OLD: "before_2015",
    TimeFlag.AHEAD: "ahead",
}


class Unreadable(ValueError):
    """A message lacks what its fact cannot be without. The text never repeats the payload."""


def instant(stamp: object, received_at: datetime) -> tuple[datetime, Clock]:
    """The judged event time and what was wrong with the stamp."""
    at, flag = event_time(stamp, received_at)
    return at, _CLOCKS[flag]


def text(payload: Mapping[str, Any], name: str, max_length: int = 255) -> str | None:
    """A string, cut to `max_length`; numbers and booleans as text; None where there is none."""
    value = payload.get(name)
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return None if not isinstance(value, bool) else str(value).lower()
    # Postgres text holds no NUL, and no station means one.
    found = str(value).replace("\x00", "").strip()[:max_length]
    return found or None


def whole(value: object) -> int | None:
    """An integer within 64 bit, also from "12" and 12.0."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else None
    found = number(value)
    if found is None or found != found.to_integral_value():
        return None
    return int(found) if -(2**63) <= found < 2**63 else None


def number(value: object) -> Decimal | None:
    """A finite number, also from text such as "2909465.9" or "32,5"."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    written = str(value).strip()
    if not written or len(written) > NUMBER_LENGTH_MAX:
        return None
    try:
        found = Decimal(written.replace(",", ".") if "," in written else written)
    except InvalidOperation:
        return None
    # An exponent of a million would be a number that takes a minute to print.
    return found if found.is_finite() and -30 < found.adjusted() < 30 else None


def evse_number(value: object) -> int:
    """An EVSE or connector number. Raises `Unreadable` outside 0 to 1000."""
    found = whole(value)
    if found is None or not 0 <= found <= EVSE_MAX:
        raise Unreadable("the EVSE or connector number is missing or out of range")
    return found


def evse_if_any(value: object) -> int | None:
    """The same where something else says whose message it is: None for a bad one, which must not
    cost the rest (systems.md E9)."""
    try:
        return evse_number(value)
    except Unreadable:
        return None


def transaction_id(value: object) -> str | None:
    """A transaction's id as text; None where there is none. One that is far too long (2.x allows 36
    characters) ends in its digest: two that differ at the end are two transactions."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float):
        value = int(value) if value.is_integer() and abs(value) < 2**63 else str(value)
    return _told_apart(str(value).replace("\x00", "").strip()) or None


def token_uid(payload: Mapping[str, Any], name: str) -> str | None:
    """What identifies a driver. OCPP 1.6 allows an idTag 20 characters and stations send more: cut,
    two drivers would be one."""
    value = payload.get(name)
    if isinstance(value, str):
        return _told_apart(value.replace("\x00", "").strip()) or None
    return text(payload, name)


def _told_apart(found: str) -> str:
    """An identifier that is far too long ends in its digest."""
    if len(found) <= TRANSACTION_ID_LENGTH_MAX:
        return found
    written = blake2b(found.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return f"{found[: TRANSACTION_ID_LENGTH_MAX - 17]}~{written}"


def is_ours(identifier: str) -> bool:
    """Whether we can have given this id to an OCPP 1.6 station: our sequence, above 0, int32."""
    return identifier.isdecimal() and 0 < int(identifier) <= TRANSACTION_NUMBER_MAX


def milliwatthours(value: object, factor: int) -> int | None:
    """A register in mWh. `factor` is mWh per unit (Wh: 1000, kWh: 1,000,000)."""
    found = number(value)
    if found is None:
        return None
    exact = (found * factor).to_integral_value()
    return int(exact) if 0 <= exact <= MILLIWATTHOURS_MAX else None


def digest(payload: Mapping[str, Any], *, without: tuple[str, ...] = ()) -> str:
    """128 bits of a payload whatever the order of its keys, as hex. Raises `Unreadable` for one
    that is nested too deep to be written again."""
    kept = {key: value for key, value in payload.items() if key not in without}
    try:
        written = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # JSON is read to a depth of 1,024 and written to 254; nothing that is meant nests so deep.
        raise Unreadable("the payload is nested too deep") from None
    return blake2b(written, digest_size=16).hexdigest()


def content_of(payload: Mapping[str, Any], frame: bytes) -> str:
    """The digest of a payload that may be too deep for one: then of the frame from the payload on,
    since the message id before it is another one each time."""
    try:
        return digest(payload)
    except Unreadable:
        return blake2b(frame[frame.index(b"{") :], digest_size=16).hexdigest()


def objects(value: object, maximum: int = 1_000) -> list[dict[str, Any]]:
    """A list of objects: also a single object in its place; anything else in it is left out."""
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        return []
    return [item for item in value[:maximum] if isinstance(item, dict)]
