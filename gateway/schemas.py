"""JSON schemas of the `ocpp` package, compiled once with jsonschema-rs.

For messages about transactions and meters the verdict is a finding, nothing more: real stations
break the schema and their energy must be kept. Every other message is refused by it.
"""

import importlib.resources
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema_rs
import orjson

FINDING_LENGTH_MAX = 200

# SEND messages have no answer, and so no "Request" in their names.
_UNCONFIRMED = frozenset({"NotifyPeriodicEventStream"})

# Folder in the `ocpp` package, and how the file of a request is called.
_FOLDERS = {
    "ocpp1.6": ("v16", "{}.json"),
    "ocpp2.0.1": ("v201", "{}Request.json"),
    "ocpp2.1": ("v21", "{}Request.json"),
}
_TYPE_KINDS = frozenset({"Type"})
_PROPERTY_KINDS = frozenset(
    {"Enum", "Constant", "MaxLength", "MinLength", "Maximum", "Minimum", "MultipleOf", "Pattern"}
)
_OCCURRENCE_KINDS = frozenset({"Required", "MinItems", "MaxItems"})


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with a payload: OCPP's error code and a sentence without the value itself."""

    code: str
    text: str


@cache
def validator(protocol: str, action: str) -> Any:
    """The compiled schema of a request, or None where the package has none."""
    folder, pattern = _FOLDERS[protocol]
    if not action.isalnum():
        return None
    name = f"{action}.json" if action in _UNCONFIRMED else pattern.format(action)
    source = importlib.resources.files("ocpp") / folder / "schemas" / name
    if not source.is_file():
        return None
    schema = orjson.loads(source.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    # Times are read leniently (domain.event_time): "+02" or no zone is no reason to refuse.
    return jsonschema_rs.validator_for(schema, validate_formats=False)


def violation(protocol: str, action: str, payload: dict[str, Any]) -> Violation | None:
    """The first violation of the request's schema; None for a good payload or an unknown action."""
    compiled = validator(protocol, action)
    try:
        if compiled is None or compiled.is_valid(payload):
            return None
        error = next(iter(compiled.iter_errors(payload)))
    except ValueError:  # the validator gives up at a depth of 255
        return Violation(format_violation(protocol), "the payload is nested too deep")
    kind = type(error.kind).__name__.removeprefix("ValidationErrorKind_")
    where = "/".join(str(part) for part in error.instance_path)[:100] or "the payload"
    # The library's message repeats the value, which may be a token: only the rule is told.
    text = f"{where} breaks the schema ({kind})"[:FINDING_LENGTH_MAX]
    if kind in _TYPE_KINDS:
        return Violation("TypeConstraintViolation", text)
    if kind in _OCCURRENCE_KINDS:
        # OCPP-J 1.6 spells it with one r; stations compare the text.
        if protocol == "ocpp1.6":
            return Violation("OccurenceConstraintViolation", text)
        return Violation("OccurrenceConstraintViolation", text)
    if kind in _PROPERTY_KINDS:
        return Violation("PropertyConstraintViolation", text)
    return Violation(format_violation(protocol), text)


def format_violation(protocol: str) -> str:
    """The code for a payload of the wrong form: FormationViolation in 1.6, FormatViolation in 2.x
    (OCPP 2.0.1 part 4 table 7)."""
    return "FormationViolation" if protocol == "ocpp1.6" else "FormatViolation"
