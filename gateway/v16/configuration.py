"""OCPP 1.6 configuration keys as variables of the component "" (section 5.8, GetConfiguration)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from gateway.reading import objects, text
from holdfast.contracts.facts import VariablesReported, VariableValue
from holdfast.domain.variables import VALUE_LENGTH_MAX, is_secret

KEYS_MAX: Final = 10_000
KEY_LENGTH_MAX: Final = 255  # 50 by the specification; vendors go beyond it
NO_COMPONENT: Final = ""


def configuration(
    request: Mapping[str, Any], response: Mapping[str, Any], at: datetime
) -> VariablesReported:
    """What GetConfiguration was answered. Values come as numbers and booleans too
    (charger-quirks 12), with blanks around them, or not at all."""
    variables: dict[str, VariableValue] = {}
    for item in objects(response.get("configurationKey"), KEYS_MAX):
        key = text(item, "key", KEY_LENGTH_MAX)
        if key is None:
            continue
        only_read = _truth(item.get("readonly"))
        value = "" if item.get("value") == "" else text(item, "value", VALUE_LENGTH_MAX)
        variables[key] = VariableValue(
            component=NO_COMPONENT,
            variable=key,
            value=None if is_secret(key) else value,
            mutability=None if only_read is None else "read_only" if only_read else "read_write",
        )
    asked = request.get("key")
    return VariablesReported(
        at=at,
        source="get",
        variables=tuple(variables.values()),
        whole=not asked and bool(variables),
        missing=tuple(
            VariableValue(component=NO_COMPONENT, variable=key) for key in _unknown_keys(response)
        ),
    )


def _unknown_keys(response: Mapping[str, Any]) -> list[str]:
    found = response.get("unknownKey")
    if not isinstance(found, list):
        return []
    keys = [text({"key": key}, "key", KEY_LENGTH_MAX) for key in found[:KEYS_MAX]]
    return [key for key in keys if key is not None]


def _truth(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(str(value).casefold()) if value is not None else None
