"""Payloads made from the schemas of the `ocpp` package: the smallest that is allowed, and one with
every field."""

import importlib.resources
from functools import cache
from typing import Any

import orjson

FOLDERS = {"ocpp1.6": "v16", "ocpp2.0.1": "v201", "ocpp2.1": "v21"}
STAMP = "2026-03-01T11:59:00Z"
NESTING_MAX = 8

Schema = dict[str, Any]


@cache
def schema_of(protocol: str, action: str, *, response: bool = False) -> Schema | None:
    """The schema, or None where the package has none of this name."""
    folder = importlib.resources.files("ocpp") / FOLDERS[protocol] / "schemas"
    request = ("",) if protocol == "ocpp1.6" else ("Request", "")
    for suffix in ("Response",) if response else request:
        file = folder / f"{action}{suffix}.json"
        if file.is_file():
            found: Schema = orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
            return found
    return None


def payload_of(protocol: str, action: str, *, full: bool) -> dict[str, Any]:
    """A request that its schema allows."""
    schema = schema_of(protocol, action)
    assert schema is not None, (protocol, action)
    made = _value(schema, schema.get("definitions", {}), full, 0)
    assert isinstance(made, dict)
    return made


def _value(schema: Schema, definitions: Schema, full: bool, depth: int) -> Any:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        required = schema.get("required", [])
        return {
            name: _value(inner, definitions, full, depth + 1)
            for name, inner in schema.get("properties", {}).items()
            if name in required or (full and depth < NESTING_MAX and name != "customData")
        }
    if kind == "array":
        return [_value(schema["items"], definitions, full, depth + 1)]
    if kind == "integer":
        return int(schema.get("minimum", 1))
    if kind == "number":
        return schema.get("minimum", schema.get("maximum", 1.0))
    if kind == "boolean":
        return True
    if schema.get("format") == "date-time":
        return STAMP
    if schema.get("format") == "uri":
        return "https://example.com/"
    return "11"[: schema.get("maxLength", 2)]  # a number, a name, and hex digits too
