"""Form bodies with bracket keys, and the parameters that an operation takes.

`payment_method_options[card][request_overcapture]=never` becomes nested dicts, `expand[0]=x` or
`expand[]=x` a list. Everything arrives as text; a `Check` turns a raw value into what the
operation works with, or refuses it with Stripe's code. A parameter without a check is unknown.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from simulator.stripe.errors import JsonObject, Refused, invalid

Raw = str | dict[str, Any]
Check = Callable[[Raw, str], Any]

PAIRS_MAX = 500
DEPTH_MAX = 5
TEXT_MAX = 5_000
LIST_MAX = 100
METADATA_KEYS_MAX = 50
METADATA_KEY_MAX = 40
METADATA_VALUE_MAX = 500
INTEGER_MAX = 2**53
KEY = re.compile(r"[^\[\]]+|\[[^\[\]]*\]")


def decode(pairs: list[tuple[str, str]]) -> JsonObject:
    """Bracket keys to nested dicts; list positions stay as the keys "0", "1", …"""
    if len(pairs) > PAIRS_MAX:
        raise invalid(f"Too many parameters: {len(pairs)}")
    root: JsonObject = {}
    for key, value in pairs:
        parts = [part.strip("[]") for part in KEY.findall(key)]
        if not parts or len(parts) > DEPTH_MAX or "".join(KEY.findall(key)) != key:
            raise invalid(f"Invalid parameter name: {key[:80]}", param=key[:80])
        place(root, parts, value, key)
    return root


def place(root: JsonObject, parts: list[str], value: str, key: str) -> None:
    here = root
    for part in parts[:-1]:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            raise invalid(f"Invalid {parts[0]}: both a value and a hash", param=key[:80])
        here = inner
    last = parts[-1] or str(len(here))
    here[last] = value


def check(raw: Mapping[str, Any], checks: Mapping[str, Check], parent: str = "") -> JsonObject:
    """Every given parameter checked; an unknown one refuses the request."""
    values: JsonObject = {}
    for name, value in raw.items():
        full = f"{parent}[{name}]" if parent else name
        if name not in checks:
            raise invalid(
                f"Received unknown parameter: {full}", code="parameter_unknown", param=full
            )
        values[name] = checks[name](value, full)
    return values


def require(params: JsonObject, *names: str) -> None:
    for name in names:
        if params.get(name) in (None, ""):
            raise invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)


def text(raw: Raw, name: str) -> str:
    if not isinstance(raw, str):
        raise invalid(f"Invalid string: {name} must be a string", param=name)
    if len(raw) > TEXT_MAX:
        raise invalid(
            f"Invalid string: {name} is longer than {TEXT_MAX} characters",
            code="parameter_invalid_string_length",
            param=name,
        )
    return raw


def filled(raw: Raw, name: str) -> str:
    """Text that may not be unset with the empty string."""
    value = text(raw, name)
    if not value:
        raise empty(name)
    return value


def empty(name: str) -> Refused:
    return invalid(
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset "
        f"a parameter; however '{name}' cannot be unset. You should remove '{name}' from your "
        "request or supply a non-empty value.",
        code="parameter_invalid_empty",
        param=name,
    )


def optional(raw: Raw, name: str) -> str | None:
    """Text that the empty string unsets."""
    return text(raw, name) or None


def integer(minimum: int = 0, maximum: int = INTEGER_MAX) -> Check:
    def checked(raw: Raw, name: str) -> int:
        value = text(raw, name)
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise invalid(
                f"Invalid integer: {value[:40]}", code="parameter_invalid_integer", param=name
            )
        number = int(value)
        if number < minimum:
            raise invalid(
                f"This value must be greater than or equal to {minimum}.",
                code="parameter_invalid_integer",
                param=name,
            )
        if number > maximum:
            raise invalid(
                f"This value must be less than or equal to {maximum}.",
                code="parameter_invalid_integer",
                param=name,
            )
        return number

    return checked


def boolean(raw: Raw, name: str) -> bool:
    value = text(raw, name)
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value[:40]}", param=name)
    return value == "true"


def one_of(*allowed: str, unset: bool = False) -> Check:
    def checked(raw: Raw, name: str) -> str | None:
        value = text(raw, name)
        if unset and not value:
            return None
        if value not in allowed:
            choices = ", ".join(allowed[:-1]) + (" or " if len(allowed) > 1 else "") + allowed[-1]
            raise invalid(f"Invalid {name}: must be one of {choices}", param=name)
        return value

    return checked


def either(first: Check, second: Check) -> Check:
    def checked(raw: Raw, name: str) -> Any:
        try:
            return first(raw, name)
        except Refused:
            return second(raw, name)

    return checked


def nested(**checks: Check) -> Check:
    def checked(raw: Raw, name: str) -> JsonObject:
        if not isinstance(raw, dict):
            raise invalid("Invalid object", param=name)
        return check(raw, checks, name)

    return checked


def items(item: Check) -> Check:
    def checked(raw: Raw, name: str) -> list[Any]:
        if not isinstance(raw, dict):
            if raw == "":
                return []
            raise invalid("Invalid array", param=name)
        if len(raw) > LIST_MAX or not all(key.isdigit() for key in raw):
            raise invalid("Invalid array", param=name)
        ordered = sorted(raw.items(), key=lambda pair: int(pair[0]))
        return [item(value, f"{name}[{key}]") for key, value in ordered]

    return checked


def metadata(raw: Raw, name: str) -> JsonObject | None:
    """At most 50 keys of 40 characters and values of 500; the empty string unsets all."""
    if raw == "":
        return None
    if not isinstance(raw, dict):
        raise invalid("Invalid object", param=name)
    if len(raw) > METADATA_KEYS_MAX:
        raise invalid("You can have up to 50 metadata keys", param=name)
    for key, value in raw.items():
        if not isinstance(value, str):
            raise invalid("Metadata values must be strings", param=f"{name}[{key}]")
        if len(key) > METADATA_KEY_MAX or len(value) > METADATA_VALUE_MAX:
            raise invalid(
                "Metadata keys can have up to 40 characters and values up to 500",
                param=f"{name}[{key}]",
            )
    return dict(raw)


def merged(old: Mapping[str, str], change: JsonObject | None) -> dict[str, str]:
    """Stripe's update rule: keys are merged, an empty value removes its key, unset removes all."""
    if change is None:
        return {}
    return {key: value for key, value in {**old, **change}.items() if value != ""}


created_range: Check = either(
    nested(gt=integer(), gte=integer(), lt=integer(), lte=integer()), integer()
)
expand: Check = items(filled)
address: Check = nested(
    city=optional,
    country=optional,
    line1=optional,
    line2=optional,
    postal_code=optional,
    state=optional,
)
LISTING: Mapping[str, Check] = {
    "limit": integer(minimum=1, maximum=100),
    "starting_after": filled,
    "ending_before": filled,
    "expand": expand,
}
