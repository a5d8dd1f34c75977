"""Payloads made from a schema: the least that it takes, or all that it allows."""

from typing import Any

INSTANT = "2031-05-01T10:00:00Z"
DEPTH_MAX = 8


def payload_for(schema: dict[str, Any], *, full: bool) -> Any:
    """An instance of the schema."""
    return _value(schema, schema.get("definitions", {}), full, 0, "")


def _value(part: dict[str, Any], types: dict[str, Any], full: bool, depth: int, name: str) -> Any:
    if "$ref" in part:
        part = types[part["$ref"].rsplit("/", 1)[-1]]
    if "enum" in part:
        return part["enum"][0]
    kind = part.get("type", "object" if "properties" in part else "string")
    if kind == "object":
        required = part.get("required", [])
        return {
            key: _value(inner, types, full, depth + 1, key)
            for key, inner in part.get("properties", {}).items()
            if key in required or (full and depth < DEPTH_MAX and key != "customData")
        }
    if kind == "array":
        return [
            _value(part["items"], types, full, depth + 1, name)
            for _ in range(max(part.get("minItems", 1), 1))
        ]
    if kind == "string":
        return _text(part, name)
    if kind == "boolean":
        return True
    number = min(max(1, part.get("minimum", 1)), part.get("maximum", 10**6))
    return int(number) if kind == "integer" else number


def _text(part: dict[str, Any], name: str) -> str:
    if part.get("format") == "date-time":
        return INSTANT
    if part.get("format") == "uri" or name in ("location", "remoteLocation"):
        return "http://files.invalid/fw-2.0.1.bin"
    return "1"[: part.get("maxLength", 1)]
