"""Frames as the message log keeps them: without the secrets that some of them carry.

Both directions: what we set, and what a station answers when it is asked. What is replaced is a
string by another, so a log that is searched or played again keeps its shape.
"""

import re
from typing import Any

import orjson

from gateway.envelope import legible

HIDDEN = "(hidden)"
TOO_DEEP = b'["(hidden: nested too deep)"]'  # nothing that is meant is, and a secret may be in it

# OCPP 1.6 configuration keys and OCPP 2.x variables that hold a secret, in lower case.
SECRET_VARIABLES = frozenset(
    {
        "authorizationkey",
        "basicauthpassword",
        "password",
        "vpnpassword",
        "vpnkey",
        "apnpassword",
        "simpin",
    }
)
# Fields of messages that hold one wherever they are: NetworkConnectionProfileType and its parts.
SECRET_FIELDS = frozenset(
    {"basicauthpassword", "password", "key", "simpin", "apnpassword", "vpnpassword"}
)
# Only these can carry one; all others, the many, are left as they are, unread.
CONFIGURATION = frozenset({"ChangeConfiguration", "GetConfiguration"})
VARIABLES = frozenset({"SetVariables", "GetVariables", "NotifyReport", "NotifyEvent"})
NETWORK = frozenset({"SetNetworkProfile"})
# Addresses for files: the only place where OCPP has a user and a password for them.
FILES = frozenset(
    {"GetDiagnostics", "UpdateFirmware", "SignedUpdateFirmware", "GetLog", "PublishFirmware"}
)
ACTIONS = CONFIGURATION | VARIABLES | NETWORK | FILES
_USER = re.compile(r"^([a-z][a-z0-9+.-]{0,20}://)[^?#\s]*@", re.IGNORECASE)


def redacted(action: str | None, payload: Any) -> Any:
    """The payload of a call or of its answer without secrets; a copy where there was one."""
    if action not in ACTIONS:
        return payload
    if action in NETWORK:
        return _without_fields(_without_users(payload))
    if action in FILES:
        return _without_users(payload)
    return _without_values(payload)


def redacted_frame(action: str | None, frame: bytes) -> bytes:
    """The frame itself, byte for byte unless it holds a secret. What nobody can read, the gateway
    included, stays as it is."""
    if action not in ACTIONS:
        return frame
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError:
        written = legible(frame)
        if written is None:
            return frame
        message = orjson.loads(written)
    if not isinstance(message, list) or not message:
        return frame
    try:
        kept = redacted(action, message[-1])
        return frame if kept == message[-1] else orjson.dumps([*message[:-1], kept])
    except (RecursionError, TypeError):
        return TOO_DEEP


def _without_values(found: Any) -> Any:
    """`value`, `attributeValue` and the like beside the name of a secret."""
    if isinstance(found, list):
        return [_without_values(one) for one in found]
    if not isinstance(found, dict):
        return found
    secret = _names_secret(found)
    return {
        name: HIDDEN
        if secret and name in ("value", "attributeValue", "actualValue") and value is not None
        else _hidden_attributes(value)
        if secret and name == "variableAttribute"
        else _without_values(value)
        for name, value in found.items()
    }


def _hidden_attributes(found: Any) -> Any:
    """NotifyReport: the values of a secret variable's attributes."""
    if not isinstance(found, list):
        return HIDDEN
    return [
        {name: HIDDEN if name == "value" else value for name, value in one.items()}
        if isinstance(one, dict)
        else HIDDEN
        for one in found
    ]


def _names_secret(found: dict[str, Any]) -> bool:
    name = found.get("key")
    variable = found.get("variable")
    if isinstance(variable, dict):
        name = variable.get("name")
    return isinstance(name, str) and name.casefold() in SECRET_VARIABLES


def _without_users(found: Any) -> Any:
    """Addresses without user and password. A password may hold a slash: up to the last @."""
    if isinstance(found, list):
        return [_without_users(one) for one in found]
    if isinstance(found, dict):
        return {name: _without_users(value) for name, value in found.items()}
    return _USER.sub(rf"\1{HIDDEN}@", found) if isinstance(found, str) else found


def _without_fields(found: Any) -> Any:
    if isinstance(found, list):
        return [_without_fields(one) for one in found]
    if not isinstance(found, dict):
        return found
    return {
        name: HIDDEN
        if name.casefold() in SECRET_FIELDS and isinstance(value, str | int)
        else _without_fields(value)
        for name, value in found.items()
    }
