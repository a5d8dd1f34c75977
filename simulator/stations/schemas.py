"""The independent judge: the schemas that the `ocpp` package ships, all versions, both directions.

Source: the JSON schemas of OCPP 1.6 edition 2 with the security whitepaper, 2.0.1 edition 3, 2.1.
"""

import importlib.resources
from functools import cache
from typing import Any, Literal

import jsonschema_rs
import orjson

Protocol = Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
Part = Literal["request", "answer"]

FINDING_LENGTH_MAX = 300

# Folder in the `ocpp` package, and how the file of a request is called.
_FOLDERS = {
    "ocpp1.6": ("v16", "{}.json"),
    "ocpp2.0.1": ("v201", "{}Request.json"),
    "ocpp2.1": ("v21", "{}Request.json"),
}
PROTOCOLS: tuple[Protocol, ...] = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
ANSWERLESS = frozenset({"NotifyPeriodicEventStream"})
"""OCPP 2.1 part 4: sent with SEND, never answered; its schema's file has no `Request` in its name.
"""

ERROR_CODES = frozenset(
    {
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "PropertyConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }
)
"""What every version has; `error_codes` adds what only one has."""


def error_codes(protocol: str) -> frozenset[str]:
    """The codes that a CALLERROR may carry. OCPP-J 1.6 section 4.2.3, 2.0.1 part 4 table 7."""
    if protocol == "ocpp1.6":
        # The specification's own spelling, and its correction in the errata.
        return ERROR_CODES | {
            "FormationViolation",
            "OccurenceConstraintViolation",
            "OccurrenceConstraintViolation",
        }
    return ERROR_CODES | {
        "FormatViolation",
        "MessageTypeNotSupported",
        "OccurrenceConstraintViolation",
        "RpcFrameworkError",
    }


@cache
def actions(protocol: str) -> frozenset[str]:
    """Every action that the package has a request schema for."""
    folder, _ = _FOLDERS[protocol]
    names = {
        one.name.removesuffix(".json")
        for one in (importlib.resources.files("ocpp") / folder / "schemas").iterdir()
        if one.name.endswith(".json")
    }
    answers = {one.removesuffix("Response") for one in names if one.endswith("Response")}
    return frozenset(answers | (ANSWERLESS & names))


@cache
def schema(protocol: str, action: str, part: Part) -> dict[str, Any] | None:
    """The schema itself, or None where the package has none."""
    folder, pattern = _FOLDERS[protocol]
    if not action.isalnum():
        return None
    if part == "answer":
        pattern = "{}Response.json"
    elif action in ANSWERLESS:
        pattern = "{}.json"
    source = importlib.resources.files("ocpp") / folder / "schemas" / pattern.format(action)
    if not source.is_file():
        return None
    return dict(orjson.loads(source.read_bytes().removeprefix(b"\xef\xbb\xbf")))


@cache
def _compiled(protocol: str, action: str, part: Part) -> Any:
    found = schema(protocol, action, part)
    return None if found is None else jsonschema_rs.validator_for(found, validate_formats=True)


def finding(protocol: str, action: str, part: Part, payload: Any) -> str | None:
    """What is wrong with a payload, times and all, in a sentence; None when nothing is."""
    compiled = _compiled(protocol, action, part)
    if compiled is None:
        return f"{protocol} has no {part} called {action[:50]}"
    try:
        if compiled.is_valid(payload):
            return None
        error = next(iter(compiled.iter_errors(payload)))
    except ValueError:  # the validator gives up at a depth of 255
        return f"the {part} of {action} is nested too deep"
    where = "/".join(str(step) for step in error.instance_path) or "the payload"
    return f"{action} {part}: {where}: {error.message}"[:FINDING_LENGTH_MAX]
