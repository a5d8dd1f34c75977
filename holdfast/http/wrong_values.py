"""What is wrong with a value that was sent, and what would be right, in the words of its reader.

The framework finds the mistakes; it names them for whoever wrote the code ("String should match
pattern", "Input should be a valid UUID"). Here each becomes one sentence that its reader can act
on. A value that may be a secret is never sent back.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, get_args
from uuid import UUID

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

VALUE_LENGTH_MAX = 80
FIELD_LENGTH_MAX = 200
MAGNITUDE_MAX = 10**20  # of a number that is sent back
NAMES_MAX = 40
SECRET_WORDS = (
    "password",
    "passphrase",
    "secret",
    "key",
    "private",
    "credential",
    "authorization",
    "payment_method",
)
PLAIN_KEYS = ("key", "path.key", "query.key")  # what feeds, groups and calendars are named by

OBJECT = "an object in braces"
LIST_SAID = "use a list in brackets"
UUID_SAID = "use a UUID, such as 0192f0c1-5a3e-7c11-9d6b-2f6f6f0f4a10"
TIME_SAID = "use a time with its offset, such as 2026-03-01T12:00:00Z or 2026-03-01T13:00:00+01:00"
DATE_SAID = "use a date, such as 2026-03-01"
NUMBER_SAID = "use a number, such as 0.25"
WHOLE_SAID = "use a whole number"

_LOST_PLUS = re.compile(r" \d\d:?\d\d$")
_CHOICE = re.compile(r"'([^']*)'")

Item = Mapping[str, Any]  # one of pydantic's `errors()`


@dataclass(frozen=True, slots=True)
class Said:
    """What a text of a certain form is, for who sent another: the form itself is a regex.

    Goes last into `Annotated[str, StringConstraints(pattern=...), Said("...")]`.
    """

    sentence: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Every mistake of the value is told as this sentence."""
        return core_schema.custom_error_schema(
            handler(source), custom_error_type="wrong_form", custom_error_message=self.sentence
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The document says it too, where the field has no description of its own."""
        shown = handler(schema)
        said = self.sentence.removeprefix("use ")
        shown.setdefault("description", f"{said[:1].upper()}{said[1:]}.")
        return shown


def field_error(field: str, value: object, expected: str) -> dict[str, Any]:
    """One wrong value: `field`, `expected`, and `value` where it may be sent back."""
    error: dict[str, Any] = {"field": field[:FIELD_LENGTH_MAX], "expected": expected}
    if isinstance(value, Decimal | datetime | date | UUID):
        value = str(value)
    if not may_be_secret(field) and _plain(value):
        error["value"] = value[:VALUE_LENGTH_MAX] if isinstance(value, str) else value
    return error


def may_be_secret(field: str) -> bool:
    """By its name: what is in it is not sent back."""
    lower = field.lower()
    return lower not in PLAIN_KEYS and any(word in lower for word in SECRET_WORDS)


def sentence(error: Mapping[str, Any]) -> str:
    """A `field_error` in one sentence: the field, its value, what would be right."""
    if "value" not in error:
        return f"{error['field']}: {error['expected']}"
    value = error["value"]
    if value is None or value == "":
        said = "missing or null" if value is None else "empty"
    else:
        said = json.dumps(value, ensure_ascii=False)
        if isinstance(value, str) and len(value) == VALUE_LENGTH_MAX:
            said += " and so on"
    return f"{error['field']} is {said}: {error['expected']}"


def from_item(item: Item, form: Any = None, body: Any = None) -> dict[str, Any]:
    """The `field_error` of a mistake that pydantic found in a value of the type `form`.

    `body`: what was sent, where it is a body; text where it is no JSON, bytes where it was not
    sent as JSON.
    """
    kind, location = item["type"], item["loc"]
    if kind == "json_invalid":
        return {"field": "body", "expected": _syntax(item, body)}
    if location == ("body",):
        return _of_the_body(item, body)
    field = place(location)
    if kind == "extra_forbidden":
        # Not its value: a misspelt name may be that of a secret.
        return {"field": field[:FIELD_LENGTH_MAX], "expected": _unknown(item, form)}
    if kind == "missing":
        return {"field": field[:FIELD_LENGTH_MAX], "expected": "required, and it is missing"}
    return field_error(field, item.get("input"), expected(item))


def place(location: Sequence[Any]) -> str:
    """`("body", "evses", 0, "number")` as `evses[0].number`; the query's are named as such."""
    parts = list(location)
    text = ""
    if parts and parts[0] in ("body", "query", "path", "header"):
        where = parts.pop(0)
        text = "" if where == "body" and parts else f"{where}"
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            named = str(part)[:VALUE_LENGTH_MAX]
            text += f".{named}" if text else named
    return text or "body"


def expected(item: Item) -> str:
    """What would be right instead of a value."""
    say = _SAID.get(item["type"])
    if say is None:
        return str(item.get("msg", "another value")).removeprefix("Value error, ")
    right = say(item.get("ctx") or {}, item.get("input"))
    if item["loc"] and item["loc"][0] == "query" and _LOST_PLUS.search(str(item.get("input"))):
        return f"{right}; in an address + is written %2B"
    return f"{right}, not null" if item.get("input") is None else right


def _of_the_body(item: Item, body: Any) -> dict[str, Any]:
    """Of all of it nothing is sent back: who knows what is in it."""
    if item["type"] == "missing" and not body:
        right = f"required, and it is missing: send JSON, {OBJECT}"
    elif isinstance(body, bytes):
        right = f"send JSON, {OBJECT}, with Content-Type: application/json"
    else:
        right = expected(item)
    return {"field": "body", "expected": right}


def _syntax(item: Item, body: Any) -> str:
    problem = (item.get("ctx") or {}).get("error", "cannot be read")
    if not isinstance(body, str):
        return f"send JSON: {problem}"
    at = item["loc"][-1]
    line, column = body.count("\n", 0, at) + 1, at - body.rfind("\n", 0, at)
    return f"send JSON; at line {line}, column {column}: {problem}"


def _unknown(item: Item, form: Any) -> str:
    known = (item.get("ctx") or {}).get("known")
    names = list(_names_at(form, item["loc"][1:-1]) if known is None else known)
    near = _nearest(str(item["loc"][-1]), names)
    kind = "field" if item["loc"][0] == "body" else "parameter"
    if near is not None:
        return f"unknown {kind}: did you mean {near}?"
    if not names or len(names) > NAMES_MAX:
        return f"unknown {kind}: leave it out"
    return f"unknown {kind}: leave it out; known are {', '.join(sorted(names))}"


def _names_at(form: Any, path: Sequence[Any]) -> list[str]:
    """The fields that the objects at this place have; none where their type is not known."""
    models = list(_models(form))
    for part in path:
        if isinstance(part, int):
            continue  # of a list: its items were looked into already
        found = [
            field.annotation
            for model in models
            for name, field in model.model_fields.items()
            if part in (name, field.alias)
        ]
        models = [model for annotation in found for model in _models(annotation)]
    return [field.alias or name for model in models for name, field in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for part in get_args(annotation):
        yield from _models(part)


def _nearest(name: str, names: Sequence[str]) -> str | None:
    lower = {each.lower(): each for each in names}
    near = get_close_matches(name[:VALUE_LENGTH_MAX].lower(), lower, n=1, cutoff=0.7)
    return lower[near[0]] if near else None


def _plain(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)  # Python reads NaN and 1e400, and JSON cannot say them
    if isinstance(value, int):
        return -MAGNITUDE_MAX < value < MAGNITUDE_MAX
    return value is None or isinstance(value, str)


def _one_of(context: Item, value: object) -> str:
    choices = _CHOICE.findall(str(context.get("expected", "")))
    if not choices:
        return f"use {context.get('expected', 'another value')}"
    near = _nearest(value, choices) if isinstance(value, str) else None
    asked = "" if near is None else f"; did you mean {near}?"
    if len(choices) == 1:
        return f"use {choices[0]}"
    return f"use one of {', '.join(choices)}{asked}"


def _short(context: Item, _value: object) -> str:
    least = context.get("min_length", 1)
    return "use at least 1 character" if least == 1 else f"use at least {least} characters"


def _long(context: Item, value: object) -> str:
    length = f"; these are {len(value)}" if isinstance(value, str) else ""
    return f"use at most {context.get('max_length')} characters{length}"


def _few(context: Item, _value: object) -> str:
    least = context.get("min_length", 1)
    return f"use at least {_items(least)}"


def _many(context: Item, _value: object) -> str:
    most, count = context.get("max_length", 0), context.get("actual_length")
    return f"use at most {_items(most)}" + (f"; these are {count}" if count else "")


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _places(context: Item, _value: object) -> str:
    return f"use at most {context.get('decimal_places')} digits after the point"


def _digits(context: Item, _value: object) -> str:
    most = context.get("max_digits", context.get("whole_digits"))
    return f"use at most {most} digits"


def _whole_digits(context: Item, _value: object) -> str:
    return f"use at most {context.get('whole_digits')} digits before the point"


def _just(text: str) -> Callable[[Item, object], str]:
    return lambda _context, _value: text


def _bound(words: str, name: str) -> Callable[[Item, object], str]:
    return lambda context, _value: f"{words} {context.get(name)}"


_SAID: dict[str, Callable[[Item, object], str]] = {
    "missing": _just("required, and it is missing"),
    "literal_error": _one_of,
    "enum": _one_of,
    "string_too_short": _short,
    "string_too_long": _long,
    "string_pattern_mismatch": _bound("use text of the form", "pattern"),
    "string_unicode": _just("use text that UTF-8 can write"),
    "too_short": _few,
    "too_long": _many,
    "greater_than": _bound("use more than", "gt"),
    "greater_than_equal": _bound("use at least", "ge"),
    "less_than": _bound("use less than", "lt"),
    "less_than_equal": _bound("use at most", "le"),
    "multiple_of": _bound("use a multiple of", "multiple_of"),
    "decimal_max_digits": _digits,
    "decimal_max_places": _places,
    "decimal_whole_digits": _whole_digits,
    "int_from_float": _just(f"{WHOLE_SAID}, without a fraction"),
    "int_parsing_size": _just(f"{WHOLE_SAID} of fewer digits"),
    "finite_number": _just(NUMBER_SAID),
    **{
        f"{type_}_{mistake}": _just(text)
        for type_, text in (
            ("string", "use text in quotes"),
            ("int", WHOLE_SAID),
            ("float", NUMBER_SAID),
            ("decimal", NUMBER_SAID),
            ("bool", "use true or false"),
            ("list", LIST_SAID),
            ("set", LIST_SAID),
            ("tuple", LIST_SAID),
            ("dict", f"use {OBJECT}"),
            ("model", f"use {OBJECT}"),
            ("model_attributes", f"use {OBJECT}"),
            ("uuid", UUID_SAID),
            ("datetime", TIME_SAID),
            ("timezone", TIME_SAID),
            ("date", DATE_SAID),
        )
        for mistake in (
            "type",
            "parsing",
            "object_invalid",
            "from_date_parsing",
            "from_datetime_parsing",
            "from_datetime_inexact",
            "aware",
        )
    },
}
