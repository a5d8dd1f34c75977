"""Payloads as the `ocpp` package's schemas allow them, and what old firmware makes of them."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from gateway.protocols import DIALECTS
from simulator.stations.schemas import Protocol, schema

Schema = dict[str, Any]
Json = Any

DEPTH_MAX = 4  # beyond it only what is required
TEXT_MAX = 24
NUMBER_MAX = 10**7
TRANSACTIONAL = {
    "ocpp1.6": ("StartTransaction", "MeterValues", "StopTransaction"),
    "ocpp2.0.1": ("TransactionEvent", "MeterValues"),
    "ocpp2.1": ("TransactionEvent", "MeterValues"),
}
CARDS = ("CARD0001", "card0001", "STRANGER", "")
STAMPS = (
    "2026-03-01T11:59:00Z",
    "2026-03-01T11:59:00.123456Z",
    "2026-03-01T13:59:00+02:00",
    "2026-03-01T12:10:00Z",
    "2030-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
)
ODD_STAMPS = (
    "",
    "now",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-03-01T11:59:00+02",
    "2026-03-01 11:59:00",
    "2026-02-30T00:00:00Z",
    "2026-03-01T23:59:60Z",
    "2026-03-01T24:00:00Z",
    "٢٠٢٦-03-01T11:59:00Z",
    1_772_366_340,
)
ODD_NUMBERS = (
    -1,
    0,
    2**31 - 1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    2**64,
    10**40,
    -0.0,
    0.1 + 0.2,
    1e308,
    5e-324,
    "1e999999",
    "-1e-999999",
    "2909465.9",
    "32,5",
    " 7 ",
    "0x10",
    "NaN",
    "Infinity",
    "\uff11\uff12",
    "9" * 400,
)
ODD_TEXTS = (
    "a\x00b",
    "\x00",
    "\ud800",
    "\udfff\ud800",
    "\u202e\U0001f50c\u200b",
    "\ufeff",
    "'; DROP TABLE sessions; --",
    "%s%n{}",
    "x" * 5_000,
    "é" * 300,
    " \t\r\n",
)


def nested(depth: int) -> Json:
    """An array in an array, so many times, and an object at the bottom."""
    value: Json = {"a": None}
    for _ in range(depth):
        value = [value]
    return value


ODD: SearchStrategy[Json] = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from(ODD_STAMPS),
    st.sampled_from((None, True, False, [], {}, [[]], [None] * 1_500, {"": {"": []}})),
    st.sampled_from((20, 60)).map(nested),  # deeper ones are made in the frame's text
    st.text(max_size=TEXT_MAX),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
)
NAMED: Mapping[str, SearchStrategy[Json]] = {
    "connectorId": st.integers(0, 3),
    "evseId": st.integers(0, 3),
    "seqNo": st.integers(0, 4),
    "meterStart": st.integers(0, NUMBER_MAX),
    "meterStop": st.integers(0, NUMBER_MAX),
    "idTag": st.sampled_from(CARDS),
}
WORDS: Mapping[str, SearchStrategy[Json]] = {
    "transactionId": st.sampled_from(("A", "B", "C", "-1")),
    "idToken": st.sampled_from(CARDS),
    "value": st.integers(0, NUMBER_MAX).map(str),
}


@cache
def payloads(protocol: str, action: str) -> SearchStrategy[dict[str, Json]]:
    """Requests that the schema of this action allows."""
    found = schema(cast(Protocol, protocol), action, "request")
    assert found is not None, (protocol, action)
    return cast(SearchStrategy[dict[str, Json]], _value(found, found.get("definitions", {}), 0))


@cache
def actions(protocol: str) -> SearchStrategy[str]:
    """What a station sends; half of it is about transactions and meters."""
    everything = st.sampled_from(sorted(DIALECTS[protocol].handlers))
    return st.sampled_from(TRANSACTIONAL[protocol]) | everything


def _value(part: Schema, definitions: Schema, depth: int) -> SearchStrategy[Json]:
    if "$ref" in part:
        part = definitions[part["$ref"].rsplit("/", 1)[1]]
    if "enum" in part:
        return st.sampled_from(part["enum"])
    kind = part.get("type")
    if kind == "object":
        return _object(part, definitions, depth)
    if kind == "array":
        least = part.get("minItems", 0)
        most = min(part.get("maxItems", 2), max(least, 2))
        items = _value(part["items"], definitions, depth + 1)
        return st.lists(items, min_size=least, max_size=max(least, most))
    if kind == "integer":
        return st.integers(part.get("minimum", -3), min(part.get("maximum", NUMBER_MAX), 2**31))
    if kind == "number":
        return st.integers(part.get("minimum", 0), part.get("maximum", NUMBER_MAX)) | st.floats(
            part.get("minimum", 0), part.get("maximum", NUMBER_MAX)
        )
    return st.booleans() if kind == "boolean" else _text(part)


def _text(part: Schema) -> SearchStrategy[Json]:
    if part.get("format") == "date-time":
        return st.sampled_from(STAMPS)
    if part.get("format") == "uri":
        return st.just("https://example.com/")
    longest = min(part.get("maxLength", TEXT_MAX), TEXT_MAX)
    return st.text(st.characters(codec="utf-8", min_codepoint=32), max_size=longest)


def _object(part: Schema, definitions: Schema, depth: int) -> SearchStrategy[Json]:
    required = set(part.get("required", ()))
    made: dict[str, SearchStrategy[Json]] = {}
    for name, inner in part.get("properties", {}).items():
        if name == "customData" or (name not in required and depth >= DEPTH_MAX):
            continue
        known = NAMED.get(name)
        if known is None and inner.get("type") == "string":
            known = WORDS.get(name)
        made[name] = known if known is not None else _value(inner, definitions, depth + 1)
    return st.fixed_dictionaries(
        {name: value for name, value in made.items() if name in required},
        optional={name: value for name, value in made.items() if name not in required},
    )


Change = Callable[[Json, Any, Json], None]


def _remove(place: Json, key: Any, _odd: Json) -> None:
    del place[key]


def _replace(place: Json, key: Any, odd: Json) -> None:
    place[key] = odd


def _rename(place: Json, key: Any, odd: Json) -> None:
    if isinstance(place, dict):
        place[odd if isinstance(odd, str) else key.upper()] = place.pop(key)


def _add(place: Json, key: Any, odd: Json) -> None:
    if isinstance(place, dict):
        place[f"{key}X"] = odd
    else:
        place.append(odd)


def _wrap(place: Json, key: Any, odd: Json) -> None:
    place[key] = [place[key]] if odd else {"value": place[key]}


def _unwrap(place: Json, key: Any, _odd: Json) -> None:
    if isinstance(place[key], list) and place[key]:
        place[key] = place[key][0]


def _as_text(place: Json, key: Any, _odd: Json) -> None:
    place[key] = str(place[key])


def _repeat(place: Json, key: Any, _odd: Json) -> None:
    if isinstance(place[key], list):
        place[key] = place[key] * 40


CHANGES: tuple[Change, ...] = (
    _replace,
    _remove,
    _rename,
    _add,
    _wrap,
    _unwrap,
    _as_text,
    _repeat,
)


def _places(value: Json) -> list[tuple[Json, Any]]:
    """Every container and key in a payload, from the outside in."""
    found: list[tuple[Json, Any]] = []
    waiting = [value]
    while waiting:
        place = waiting.pop(0)
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        for key in keys:
            found.append((place, key))
            if isinstance(place[key], dict | list):
                waiting.append(place[key])
    return found


@st.composite
def spoiled(draw: st.DrawFn, protocol: str, action: str) -> dict[str, Json]:
    """A payload with up to three things in it that no schema asks for."""
    payload: dict[str, Json] = deepcopy(draw(payloads(protocol, action)))
    changes = draw(
        st.lists(st.tuples(st.integers(0, 40), st.sampled_from(CHANGES), ODD), max_size=3)
    )
    for number, change, odd in changes:
        places = _places(payload)
        if places:
            place, key = places[number % len(places)]
            change(place, key, deepcopy(odd))
    return payload
