"""Calls in OCPP's own words, checked before they are sent: the action belongs to the station's
version, it is not one that only stations send, and its payload keeps the version's schema.

The schemas are those of the `ocpp` package, compiled once each.
"""

import importlib.resources
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import jsonschema_rs
import orjson

from holdfast.services.refusal import Invalid

_FOLDERS: Final = {
    "ocpp1.6": ("v16", "{}.json", "OCPP 1.6"),
    "ocpp2.0.1": ("v201", "{}Request.json", "OCPP 2.0.1"),
    "ocpp2.1": ("v21", "{}Request.json", "OCPP 2.1"),
}
# A central system never sends these. (DataTransfer goes both ways.)
ONLY_FROM_STATIONS: Final = frozenset(
    {
        "Authorize",
        "BatterySwap",
        "BootNotification",
        "ClearedChargingLimit",
        "ClosePeriodicEventStream",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Get15118EVCertificate",
        "GetCertificateChainStatus",
        "GetCertificateStatus",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "NotifyChargingLimit",
        "NotifyCustomerInformation",
        "NotifyDERAlarm",
        "NotifyDERStartStop",
        "NotifyDisplayMessages",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyPeriodicEventStream",
        "NotifyPriorityCharging",
        "NotifyReport",
        "NotifySettlement",
        "OpenPeriodicEventStream",
        "PublishFirmwareStatusNotification",
        "PullDynamicScheduleUpdate",
        "ReportChargingProfiles",
        "ReportDERControl",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
        "TransactionEvent",
        "VatNumberValidation",
    }
)
RULE_LENGTH_MAX = 200


@cache
def actions_to(protocol: str) -> frozenset[str]:
    """Every action that a central system may send to a station of this version."""
    folder, pattern, _ = _FOLDERS[protocol]
    ending = pattern.format("")
    names = (
        file.name.removesuffix(ending)
        for file in (importlib.resources.files("ocpp") / folder / "schemas").iterdir()
        if file.name.endswith(ending) and not file.name.endswith("Response.json")
    )
    return frozenset(names) - ONLY_FROM_STATIONS


@cache
def _validator(protocol: str, action: str) -> Any:
    folder, pattern, _ = _FOLDERS[protocol]
    source = importlib.resources.files("ocpp") / folder / "schemas" / pattern.format(action)
    schema = orjson.loads(source.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    return jsonschema_rs.validator_for(schema, validate_formats=False)


def check_call(
    protocol: str | None, action: str, payload: Mapping[str, Any], *, validate: bool = True
) -> None:
    """Raises Invalid. A station that never connected has no version to check against."""
    if action in ONLY_FROM_STATIONS:
        raise Invalid("action", action, "only stations send this action")
    if protocol not in _FOLDERS:
        return
    version = _FOLDERS[protocol][2]
    if action not in actions_to(protocol):
        near = sorted(name for name in actions_to(protocol) if name.lower() == action.lower())
        hint = f"; {near[0]} is one" if near else ""
        raise Invalid("action", action, f"use an action of {version}{hint}")
    if not validate:
        return
    try:
        error = next(iter(_validator(protocol, action).iter_errors(dict(payload))), None)
    except ValueError as too_deep:
        raise Invalid("payload", "", "nest it less deep") from too_deep
    if error is not None:
        where = ".".join(["payload", *(str(part) for part in error.instance_path)])[:120]
        rule = f"{str(error.message)[:RULE_LENGTH_MAX]} (the schema of {action} in {version})"
        raise Invalid(where, "", f'{rule}; "validate": false sends it as it is')
