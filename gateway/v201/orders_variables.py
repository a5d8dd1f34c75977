"""Device model and monitoring in OCPP 2.x's words (blocks B05 to B08 and N)."""

from typing import Any

from gateway.dialect import Call, NotInThisVersion, Order, OrderContext, Translate
from gateway.limits import split, without_none

BASES = {
    "full": "FullInventory",
    "configuration": "ConfigurationInventory",
    "summary": "SummaryInventory",
}
MONITORING_BASES = {
    "all": "All",
    "factory_default": "FactoryDefault",
    "hard_wired_only": "HardWiredOnly",
}
MONITORS = {
    "upper_threshold": "UpperThreshold",
    "lower_threshold": "LowerThreshold",
    "delta": "Delta",
    "periodic": "Periodic",
    "periodic_clock_aligned": "PeriodicClockAligned",
    "target_delta": "TargetDelta",
    "target_delta_relative": "TargetDeltaRelative",
}
CRITERIA = {
    "active": "Active",
    "available": "Available",
    "enabled": "Enabled",
    "problem": "Problem",
    "threshold_monitoring": "ThresholdMonitoring",
    "delta_monitoring": "DeltaMonitoring",
    "periodic_monitoring": "PeriodicMonitoring",
}
SEVERITY_MAX = 9


def variable(name: str) -> dict[str, Any]:
    """ "Component.Variable" as component and variable. Both may have an instance in brackets, and a
    component an EVSE and connector after an @: "Connector@1/2.Available", "OCPPCommCtrlr.
    MessageAttemptInterval[TransactionEvent]"."""
    component, dot, rest = _outside_brackets(name)
    if not dot or not component or not rest:
        raise NotInThisVersion("an OCPP 2.x variable is written Component.Variable")
    component, _, where = component.partition("@")
    named: dict[str, Any] = _instance(component)
    if where:
        evse, _, connector = where.partition("/")
        if not evse.isdigit() or (connector and not connector.isdigit()):
            raise NotInThisVersion("a component's place is written @EVSE or @EVSE/connector")
        named["evse"] = {"id": int(evse)} | ({"connectorId": int(connector)} if connector else {})
    return {"component": named, "variable": _instance(rest)}


def _outside_brackets(name: str) -> tuple[str, str, str]:
    depth = 0
    for index, character in enumerate(name):
        depth += (character == "[") - (character == "]")
        if character == "." and depth == 0:
            return name[:index], ".", name[index + 1 :]
    return name, "", ""


def _instance(name: str) -> dict[str, Any]:
    plain, bracket, instance = name.partition("[")
    if not bracket:
        return {"name": name}
    return {"name": plain, "instance": instance.removesuffix("]")}


def _configure(order: Order, context: OrderContext) -> tuple[Call, ...]:
    variables = order.get("variables") or {}
    if not variables:
        raise NotInThisVersion("name at least one variable")
    data = [
        {"attributeValue": str(value).lower() if isinstance(value, bool) else str(value)}
        | variable(name)
        for name, value in variables.items()
    ]
    _check_once(data)
    parts = split(data, context.limits.set_variables)
    return tuple(Call("SetVariables", {"setVariableData": part}) for part in parts)


def _check_once(data: list[dict[str, Any]]) -> None:
    """B05.FR.13. Names are compared without regard to case, as stations do."""
    places = [f"{one['component']}{one['variable']}".casefold() for one in data]
    if len(set(places)) < len(places):
        raise NotInThisVersion("a variable is named twice: set it to one value at a time")


def _read(order: Order, context: OrderContext) -> tuple[Call, ...]:
    names = order.get("names") or []
    if not names:
        raise NotInThisVersion(
            "OCPP 2.x reads variables by name: name some, or order a base report for all"
        )
    parts = split([variable(name) for name in names], context.limits.get_variables)
    return tuple(Call("GetVariables", {"getVariableData": part}) for part in parts)


def _base_report(order: Order, context: OrderContext) -> tuple[Call, ...]:
    base = BASES.get(str(order.get("base") or "full"))
    if base is None:
        raise NotInThisVersion("a base report is full, configuration or summary")
    return (Call("GetBaseReport", {"requestId": context.request_id or 0, "reportBase": base}),)


def _components(order: Order) -> list[dict[str, Any]]:
    """What a report is about: names of components and variables, in our words or in OCPP's."""
    return [_component(one) for one in order.get("components") or ()]


def _component(one: Order) -> dict[str, Any]:
    if isinstance(one.get("component"), dict):
        return dict(one)
    component = without_none(
        {
            "name": one["component"],
            "instance": one.get("component_instance"),
            "evse": place_of(one.get("evse"), one.get("connector")),
        }
    )
    if one.get("variable") is None:
        return {"component": component}
    named = without_none({"name": one["variable"], "instance": one.get("variable_instance")})
    return {"component": component, "variable": named}


def place_of(evse: int | None, connector: int | None) -> dict[str, Any] | None:
    """EVSEType."""
    if not evse:
        return None
    return {"id": evse} | ({"connectorId": connector} if connector else {})


def _criteria(order: Order) -> list[str] | None:
    words = [CRITERIA.get(str(one), str(one)) for one in order.get("criteria") or ()]
    return words or None


def _report(action: str, criteria: str) -> Translate:
    def translate(order: Order, context: OrderContext) -> tuple[Call, ...]:
        parts = split(_components(order), context.limits.report)
        # One number for all: the station's messages of every part belong to this order.
        return tuple(
            Call(
                action,
                without_none(
                    {
                        "requestId": context.request_id or 0,
                        "componentVariable": part or None,
                        criteria: _criteria(order),
                    }
                ),
            )
            for part in parts
        )

    return translate


def _monitor(order: Order, context: OrderContext) -> tuple[Call, ...]:
    data = [_monitored(one) for one in order["monitors"]]
    parts = split(data, context.limits.monitors)
    return tuple(Call("SetVariableMonitoring", {"setMonitoringData": part}) for part in parts)


def _monitored(one: Order) -> dict[str, Any]:
    kind = MONITORS.get(str(one["type"]), str(one["type"]))
    severity = one.get("severity", SEVERITY_MAX)
    fields = {
        "id": one.get("id"),
        "transaction": one.get("transaction"),
        "value": one["value"],
        "type": kind,
        "severity": severity,
    }
    return without_none(fields) | _component(one)


def _clear_monitors(order: Order, context: OrderContext) -> tuple[Call, ...]:
    parts = split(list(order["ids"]), context.limits.cleared_monitors)
    return tuple(Call("ClearVariableMonitoring", {"id": part}) for part in parts)


def _monitoring_base(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    base = MONITORING_BASES.get(str(order.get("base")))
    if base is None:
        raise NotInThisVersion("a monitoring base is all, factory_default or hard_wired_only")
    return (Call("SetMonitoringBase", {"monitoringBase": base}),)


def _monitoring_level(order: Order, _context: OrderContext) -> tuple[Call, ...]:
    return (Call("SetMonitoringLevel", {"severity": order["severity"]}),)


VARIABLES: dict[str, Translate] = {
    "configure": _configure,
    "read_configuration": _read,
    "base_report": _base_report,
    "report": _report("GetReport", "componentCriteria"),
    "monitoring_report": _report("GetMonitoringReport", "monitoringCriteria"),
    "monitor": _monitor,
    "clear_monitors": _clear_monitors,
    "monitoring_base": _monitoring_base,
    "monitoring_level": _monitoring_level,
}
