"""The device model of a simulated 2.x station: which variables there are and what is behind each.

A variable is behind a setting that the station heeds, or is a fact about it, or is only kept.
Source: OCPP 2.0.1 part 2 appendices 3 (components, variables), 2.1 part 2 the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.stations.certificates import security_profile
from simulator.stations.messages import Json

if TYPE_CHECKING:
    from simulator.stations.connector import Connector
    from simulator.stations.station import SimulatedStation

Mutability = Literal["ReadOnly", "WriteOnly", "ReadWrite"]
DataType = Literal["string", "decimal", "integer", "boolean", "OptionList", "MemberList"]
INTEGER_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Variable:
    """`setting` is the neutral name; `factory` the value where nobody set one."""

    setting: str
    data_type: DataType = "string"
    mutability: Mutability = "ReadWrite"
    factory: str = ""
    unit: str | None = None
    options: str | None = None
    is_configuration: bool = True


def _kept(name: str, data_type: DataType, factory: str, **more: str) -> Variable:
    return Variable(name, data_type, factory=factory, **more)  # type: ignore[arg-type] # literals


def _fact(name: str, data_type: DataType, factory: str) -> Variable:
    return Variable(name, data_type, "ReadOnly", factory, is_configuration=False)


_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"

VARIABLES: dict[tuple[str, str], Variable] = {
    ("OCPPCommCtrlr", "HeartbeatInterval"): Variable("heartbeat_interval_s", "integer", unit="s"),
    ("SampledDataCtrlr", "TxUpdatedInterval"): Variable("meter_interval_s", "integer", unit="s"),
    ("TxCtrlr", "EVConnectionTimeOut"): Variable("connection_timeout_s", "integer", unit="s"),
    ("TxCtrlr", "StopTxOnInvalidId"): Variable("is_stop_on_invalid", "boolean"),
    ("AuthCtrlr", "LocalAuthorizeOffline"): Variable("is_offline_allowed", "boolean"),
    ("AuthCtrlr", "AuthorizeRemoteStart"): Variable("is_remote_authorized", "boolean"),
    ("AuthCtrlr", "LocalPreAuthorize"): Variable("is_local_pre_authorize", "boolean"),
    ("AuthCacheCtrlr", "Enabled"): Variable("is_cached", "boolean"),
    ("LocalAuthListCtrlr", "Enabled"): Variable("is_list_enabled", "boolean"),
    ("LocalAuthListCtrlr", "Available"): _fact("list_available", "boolean", "true"),
    ("LocalAuthListCtrlr", "ItemsPerMessage"): _fact("@list_chunk", "integer", ""),
    ("LocalAuthListCtrlr", "Entries"): _fact("@list_entries", "integer", ""),
    ("SecurityCtrlr", "BasicAuthPassword"): Variable("password", "string", "WriteOnly"),
    ("SecurityCtrlr", "Identity"): _fact("@identity", "string", ""),
    ("SecurityCtrlr", "OrganizationName"): _kept("organization", "string", "Simulated"),
    ("SecurityCtrlr", "SecurityProfile"): _fact("@security_profile", "integer", ""),
    ("SecurityCtrlr", "CertificateEntries"): _fact("@certificate_entries", "integer", ""),
    ("ClockCtrlr", "DateTime"): _fact("@clock", "string", ""),
    ("ClockCtrlr", "TimeSource"): _kept("time_source", "string", "Heartbeat"),
    ("OCPPCommCtrlr", "NetworkConfigurationPriority"): _kept("network_priority", "string", "0"),
    ("OCPPCommCtrlr", "ActiveNetworkProfile"): _fact("@active_slot", "integer", "0"),
    ("OCPPCommCtrlr", "NetworkProfileConnectionAttempts"): _kept("network_tries", "integer", "3"),
    ("OCPPCommCtrlr", "OfflineThreshold"): _kept("offline_threshold_s", "integer", "60", unit="s"),
    ("OCPPCommCtrlr", "MessageTimeout"): _kept("message_timeout_s", "integer", "30", unit="s"),
    ("OCPPCommCtrlr", "MessageAttempts"): _kept("message_attempts", "integer", "5"),
    ("OCPPCommCtrlr", "WebSocketPingInterval"): _kept("ping_s", "integer", "20", unit="s"),
    ("OCPPCommCtrlr", "ResetRetries"): _kept("reset_retries", "integer", "1"),
    ("OCPPCommCtrlr", "UnlockOnEVSideDisconnect"): _kept("is_unlock_on_ev", "boolean", "true"),
    ("OCPPCommCtrlr", "FileTransferProtocols"): _fact("transfer", "MemberList", "HTTP,HTTPS"),
    ("SampledDataCtrlr", "TxUpdatedMeasurands"): _kept("tx_updated", "MemberList", _MEASURANDS),
    ("SampledDataCtrlr", "TxStartedMeasurands"): _kept("tx_started", "MemberList", _MEASURANDS),
    ("SampledDataCtrlr", "TxEndedMeasurands"): _kept("tx_ended", "MemberList", _MEASURANDS),
    ("SampledDataCtrlr", "TxEndedInterval"): _kept("tx_ended_interval", "integer", "0"),
    ("AlignedDataCtrlr", "Interval"): _kept("aligned_interval", "integer", "0", unit="s"),
    ("AlignedDataCtrlr", "Measurands"): _kept("aligned", "MemberList", _MEASURANDS),
    ("TxCtrlr", "TxStartPoint"): _kept("tx_start", "MemberList", "Authorized"),
    ("TxCtrlr", "TxStopPoint"): _kept("tx_stop", "MemberList", "Authorized,EVConnected"),
    ("TxCtrlr", "StopTxOnEVSideDisconnect"): Variable("is_stop_on_disconnect", "boolean"),
    ("SmartChargingCtrlr", "Enabled"): _kept("is_smart", "boolean", "true"),
    ("SmartChargingCtrlr", "ProfileStackLevel"): _fact("stack_level", "integer", "20"),
    ("SmartChargingCtrlr", "PeriodsPerSchedule"): _fact("periods", "integer", "1024"),
    ("SmartChargingCtrlr", "RateUnit"): _fact("rate_unit", "MemberList", "A,W"),
    ("SmartChargingCtrlr", "Entries"): _fact("@profile_entries", "integer", ""),
    ("ReservationCtrlr", "Enabled"): _kept("is_reservable", "boolean", "true"),
    ("DisplayMessageCtrlr", "DisplayMessages"): _fact("@display_entries", "integer", ""),
    ("DisplayMessageCtrlr", "SupportedFormats"): _fact("formats", "MemberList", "ASCII,UTF8"),
    ("MonitoringCtrlr", "Enabled"): _kept("is_monitoring", "boolean", "true"),
    ("MonitoringCtrlr", "ActiveMonitoringBase"): _fact("@monitoring_base", "OptionList", ""),
    ("MonitoringCtrlr", "ActiveMonitoringLevel"): _fact("@monitoring_level", "integer", ""),
    ("DeviceDataCtrlr", "ItemsPerMessage"): _fact("@items_per_message", "integer", ""),
    ("TariffCostCtrlr", "Currency"): _kept("currency", "string", "EUR"),
    ("TariffCostCtrlr", "Enabled"): _kept("is_tariff", "boolean", "true"),
    ("ChargingStation", "Model"): _fact("@model", "string", ""),
    ("ChargingStation", "VendorName"): _fact("@vendor", "string", ""),
    ("ChargingStation", "SerialNumber"): _fact("@identity", "string", ""),
    ("ChargingStation", "AvailabilityState"): _fact("@availability", "OptionList", ""),
    ("Controller", "FirmwareVersion"): _fact("@firmware", "string", ""),
}
COMPONENTS = frozenset(component for component, _ in VARIABLES) | {"EVSE", "Connector"}
_AVAILABILITY = "Available,Occupied,Reserved,Unavailable,Faulted"
_PARTS: dict[tuple[str, str], DataType] = {
    ("EVSE", "AvailabilityState"): "OptionList",
    ("EVSE", "Power"): "decimal",
    ("EVSE", "Available"): "boolean",
    ("Connector", "AvailabilityState"): "OptionList",
    ("Connector", "Available"): "boolean",
}


def value_of(station: "SimulatedStation", variable: Variable) -> str:
    """What the variable shows now."""
    name = variable.setting
    if not name.startswith("@"):
        value = station.settings.text(name)
        return variable.factory if value is None else value
    memory = station.memory
    facts: dict[str, object] = {
        "@list_chunk": station.quirks.local_list_chunk,
        "@list_entries": len(memory.read("local_list", {"entries": {}})["entries"]),
        "@identity": station.identity,
        "@security_profile": security_profile(station),
        "@certificate_entries": len(memory.read("roots", [])),
        "@active_slot": station.line.slot,
        "@clock": station.station_time().isoformat(timespec="seconds"),
        "@profile_entries": len(station.profiles.all),
        "@display_entries": len(memory.read("displays", {})),
        "@monitoring_base": memory.read("monitoring_base", "All"),
        "@monitoring_level": memory.read("monitoring_level", 9),
        "@items_per_message": station.quirks.report_part_size,
        "@model": station.config.model,
        "@vendor": station.config.vendor,
        "@availability": "Available" if station.is_operative(0) else "Unavailable",
        "@firmware": station.firmware,
    }
    return str(facts[name])


def is_valid(variable: Variable, value: str) -> bool:
    """Whether a value has the variable's type; the settings add their own limits."""
    match variable.data_type:
        case "integer":
            digits = value.removeprefix("-")
            return digits.isdecimal() and abs(int(value)) <= INTEGER_MAX
        case "boolean":
            return value.lower() in ("true", "false")
    return True


def part_value(connector: "Connector", component: str, name: str, word: str) -> str | None:
    """A variable of an EVSE or connector; `word` is its status in 2.x."""
    if (component, name) not in _PARTS:
        return None
    if name == "AvailabilityState":
        return word
    return str(float(connector.reading().power_w)) if name == "Power" else "true"


def report_lines(station: "SimulatedStation", *, full: bool) -> Iterator[Json]:
    """The inventory, a line per variable; `full` adds what nobody can configure."""
    for (component, name), variable in VARIABLES.items():
        if not full and variable.mutability == "ReadOnly" and variable.is_configuration is False:
            continue
        attribute: Json = {"type": "Actual", "mutability": variable.mutability}
        if variable.mutability != "WriteOnly":
            attribute["value"] = value_of(station, variable)
        characteristics: Json = {"dataType": variable.data_type, "supportsMonitoring": True}
        if variable.unit is not None:
            characteristics["unit"] = variable.unit
        yield {
            "component": {"name": component},
            "variable": {"name": name},
            "variableAttribute": [attribute],
            "variableCharacteristics": characteristics,
        }
    if full:
        yield from part_lines(station)


def part_lines(station: "SimulatedStation") -> Iterator[Json]:
    """The EVSEs and connectors."""
    for connector in station.connectors.values():
        for (component, name), data_type in _PARTS.items():
            if component == "EVSE" and connector.position != 1:
                continue
            evse: Json = {"id": connector.evse}
            if component == "Connector":
                evse["connectorId"] = connector.position
            value = part_value(connector, component, name, station.dialect.status_word(connector))
            characteristics: Json = {"dataType": data_type, "supportsMonitoring": True}
            if data_type == "OptionList":
                characteristics["valuesList"] = _AVAILABILITY
            yield {
                "component": {"name": component, "evse": evse},
                "variable": {"name": name},
                "variableAttribute": [
                    {"type": "Actual", "mutability": "ReadOnly", "value": value or ""}
                ],
                "variableCharacteristics": characteristics,
            }
