"""The OCPP-J envelope: `[2, id, action, payload]`, `[3, id, payload]`, `[4, id, code, text, {}]`,
and from OCPP 2.1 on `[5, id, code, text, {}]` (CALLRESULTERROR), `[6, id, action, payload]` (SEND).

Source: OCPP-J 1.6 section 4, OCPP 2.0.1 and 2.1 part 4 section 4. A bad envelope is answered, never
a reason to close the socket; its id is echoed where it can be read, else "-1".
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

import orjson

MESSAGE_ID_LENGTH_MAX = 128  # the specification says 36; stations send longer ones
ACTION_LENGTH_MAX = 64
DIGITS_MAX = 300  # of a whole number; a float has no more
UNREADABLE_ID = "-1"
PAYLOAD_OPTIONAL = "Heartbeat"

Payload = dict[str, Any]

_BEGIN = re.compile(r'\s*\[\s*([2-6])\s*,\s*"([^"\\\x00-\x1f]{1,128})"')


@dataclass(frozen=True, slots=True)
class Call:
    """A request of the station. An unconfirmed one (SEND, OCPP 2.1) is never answered."""

    message_id: str
    action: str
    payload: Payload
    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answer to a call of ours."""

    message_id: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class CallError:
    """The station's refusal of a call of ours."""

    message_id: str
    code: str
    description: str
    details: Payload


@dataclass(frozen=True, slots=True)
class CallResultError:
    """What the station could not make of an answer of ours (OCPP 2.1). Nothing answers it."""

    message_id: str
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class BadEnvelope:
    """What cannot be read, and the id to answer under. `answer` is false for a bad answer:
    a CALLERROR to a CALLRESULT would be a message that nobody asked for."""

    message_id: str
    problem: str
    answer: bool = True
    unknown_type: bool = False


Envelope = Call | CallResult | CallError | CallResultError | BadEnvelope


def parse(frame: str | bytes, *, sends: bool = False) -> Envelope:
    """Read one frame. Never raises for what a station sends. `sends`: the version has the message
    types 5 and 6."""
    try:
        items = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return _not_json(frame, sends=sends)
    if not isinstance(items, list) or len(items) < 3:
        answer = not (isinstance(items, list) and items[:1] in ([3], [4], [5], [6]))
        problem = "the frame is not an array of three or more items"
        return BadEnvelope(UNREADABLE_ID, problem, answer=answer)
    kind, message_id = items[0], items[1]
    if not isinstance(message_id, str) or not 0 < len(message_id) <= MESSAGE_ID_LENGTH_MAX:
        return BadEnvelope(
            UNREADABLE_ID, "the message id is not a string of usual length", answer=kind == 2
        )
    if kind == 2:
        return _call(message_id, items)
    if kind == 3:
        payload = items[2] if items[2] is not None else {}
        if isinstance(payload, dict):
            return CallResult(message_id, payload)
        return BadEnvelope(message_id, "the payload is not an object", answer=False)
    if kind == 4:
        return _call_error(message_id, items)
    if kind == 5 and sends:
        error = _call_error(message_id, items)
        return CallResultError(message_id, error.code[:ACTION_LENGTH_MAX], error.description)
    if kind == 6 and sends:
        return _send(message_id, items)
    return BadEnvelope(message_id, "this version has no such message type", unknown_type=True)


def _not_json(frame: str | bytes, *, sends: bool) -> Envelope:
    """What is no JSON at all is answered under its id, where one can be seen."""
    written = legible(frame)
    if written is not None:
        return parse(written, sends=sends)
    begin = _BEGIN.match(_text(frame))
    if begin is None:
        return BadEnvelope(UNREADABLE_ID, "the frame is not JSON")
    return BadEnvelope(begin[2], "the frame is not JSON", answer=begin[1] == "2")


def legible(frame: str | bytes) -> bytes | None:
    """A frame that the fast parser refuses, written so that it can be read; None where it is no
    JSON even so. A name in Latin-1, half of a surrogate pair, a number beyond every float or NaN
    must not cost a transaction; such numbers become text."""
    try:
        found = json.loads(_text(frame), parse_float=_number, parse_int=_number, parse_constant=str)
        written = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
        orjson.loads(written)
    except (ValueError, RecursionError):
        return None
    return written


def _text(frame: str | bytes) -> str:
    return frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame


def _number(written: str) -> int | float | str:
    if written.lstrip("-").isdigit():
        return int(written) if len(written) <= DIGITS_MAX else written
    found = float(written)
    return found if math.isfinite(found) else written


def _call(message_id: str, items: list[Any]) -> Call | BadEnvelope:
    action = items[2]
    if not isinstance(action, str) or not 0 < len(action) <= ACTION_LENGTH_MAX:
        return BadEnvelope(message_id, "the action is not a string of usual length")
    if len(items) < 4:
        return BadEnvelope(message_id, "the payload is missing")
    payload = items[3]
    if payload is None and action == PAYLOAD_OPTIONAL:
        payload = {}
    if not isinstance(payload, dict):
        return BadEnvelope(message_id, "the payload is not an object")
    return Call(message_id, action, payload)


def _send(message_id: str, items: list[Any]) -> Envelope:
    read = _call(message_id, items)
    if isinstance(read, Call):
        return Call(read.message_id, read.action, read.payload, unconfirmed=True)
    return BadEnvelope(message_id, read.problem, answer=False)


def _call_error(message_id: str, items: list[Any]) -> CallError:
    rest = [*items[2:5], None, None, None]
    code, description, details = rest[0], rest[1], rest[2]
    return CallError(
        message_id,
        code if isinstance(code, str) else "GenericError",
        description[:255] if isinstance(description, str) else "",
        details if isinstance(details, dict) else {},
    )


def call(message_id: str, action: str, payload: Payload) -> bytes:
    """A CALL of ours, compact, keys in the order given."""
    return orjson.dumps([2, message_id, action, payload])


def call_result(message_id: str, payload: Payload) -> bytes:
    """A CALLRESULT, compact, keys in the order given."""
    return orjson.dumps([3, message_id, payload])


def call_error(message_id: str, code: str, description: str) -> bytes:
    """A CALLERROR. The description is at most 255 characters (OCPP-J 4.2.3)."""
    return orjson.dumps([4, message_id, code, description[:255], {}])
