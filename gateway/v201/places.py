"""Components and variables of the OCPP 2.x device model: where a value belongs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.reading import evse_if_any, text
from holdfast.contracts.facts import Attribute

NAME_LENGTH_MAX: Final = 50
ATTRIBUTES: Final[Mapping[str, Attribute]] = {
    "actual": "actual",
    "target": "target",
    "minset": "min_set",
    "maxset": "max_set",
}
ATTRIBUTE_WORDS: Final[Mapping[str, str]] = {
    "actual": "Actual",
    "target": "Target",
    "min_set": "MinSet",
    "max_set": "MaxSet",
}


@dataclass(frozen=True, slots=True)
class Place:
    """ComponentType and VariableType (2.0.1 part 2, section 2)."""

    component: str
    component_instance: str | None
    evse: int | None
    connector: int | None
    variable: str
    variable_instance: str | None

    @property
    def fields(self) -> dict[str, Any]:
        """As the fields that facts name them by."""
        return {name: getattr(self, name) for name in self.__slots__}


def place_of(item: Mapping[str, Any]) -> Place | None:
    """Whose value it is; None where the component or the variable has no name."""
    component, variable = item.get("component"), item.get("variable")
    if not isinstance(component, dict) or not isinstance(variable, dict):
        return None
    name, variable_name = (
        text(component, "name", NAME_LENGTH_MAX),
        text(variable, "name", NAME_LENGTH_MAX),
    )
    if name is None or variable_name is None:
        return None
    evse = component.get("evse")
    where = evse if isinstance(evse, dict) else {}
    return Place(
        component=name,
        component_instance=text(component, "instance", NAME_LENGTH_MAX),
        evse=evse_if_any(where.get("id")),
        connector=evse_if_any(where.get("connectorId")),
        variable=variable_name,
        variable_instance=text(variable, "instance", NAME_LENGTH_MAX),
    )


def attribute_of(item: Mapping[str, Any], name: str = "attributeType") -> Attribute:
    """Which of the four; what is not named is the actual value."""
    return ATTRIBUTES.get((text(item, name, 20) or "actual").casefold(), "actual")


def place_payload(item: Mapping[str, Any]) -> dict[str, Any]:
    """Component and variable as a call names them, from an order's item (see `Place`)."""
    component: dict[str, Any] = {"name": item["component"]}
    if item.get("component_instance") is not None:
        component["instance"] = item["component_instance"]
    if item.get("evse") is not None:
        component["evse"] = {"id": item["evse"]}
        if item.get("connector") is not None:
            component["evse"]["connectorId"] = item["connector"]
    variable: dict[str, Any] = {"name": item["variable"]}
    if item.get("variable_instance") is not None:
        variable["instance"] = item["variable_instance"]
    return {"component": component, "variable": variable}
