"""Everything a station may say, as a believable message of its own version, by action.

For scenarios (`say = "NotifyEVChargingNeeds"`) and for whoever tests that a back office takes all
of it. What a session says comes from the session itself; here it is a message without one.
"""

import base64
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from simulator.stations.certificates import sign
from simulator.stations.dialect import stamp
from simulator.stations.messages import Json, Message

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

_HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "0" * 64,
    "issuerKeyHash": "1" * 64,
    "serialNumber": "5f",
}
_TRANSACTION_ID = "simulated-without-session"
REQUEST_ID = 1


class CannotSay(Exception):
    """No station of this version says that."""


def say(station: "SimulatedStation", action: str, payload: Json | None = None) -> Message:
    """The message; `payload` overrides single fields. Raises `CannotSay`."""
    sayings = sayings_of(station.config.protocol)
    if action not in sayings:
        raise CannotSay(f"a station of {station.config.protocol} does not say {action}")
    return Message(action, sayings[action](station) | (payload or {}))


def sayings_of(protocol: str) -> dict[str, "Saying"]:
    """What stations of a version say, by action."""
    if protocol == "ocpp1.6":
        return _SAID_16
    return _SAID_21 if protocol == "ocpp2.1" else _SAID_201


Saying = Callable[["SimulatedStation"], Json]


def _now(station: "SimulatedStation") -> str:
    return stamp(station.station_time())


def _token(station: "SimulatedStation") -> Json:
    return {"idToken": station.config.tokens[0], "type": station.config.token_type}


def _sample(station: "SimulatedStation") -> Json:
    connector = station.connectors[1]
    return station.dialect.idle_sample(connector, connector.idle_moment()).payload


def _start_16(station: "SimulatedStation") -> Json:
    token = station.config.tokens[0][:20]
    return {"connectorId": 1, "idTag": token, "meterStart": 0, "timestamp": _now(station)}


def _event(station: "SimulatedStation") -> Json:
    return {
        "eventType": "Started",
        "timestamp": _now(station),
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": _TRANSACTION_ID},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": _token(station),
    }


def _schedule(station: "SimulatedStation") -> Json:
    return {
        "id": 1,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7_400}],
    }


def _profile(station: "SimulatedStation") -> Json:
    return {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [_schedule(station)],
    }


def _needs(station: "SimulatedStation") -> Json:
    ac = {"energyAmount": 30_000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 400}
    needs = {"requestedEnergyTransfer": "AC_three_phase", "acChargingParameters": ac}
    return {"evseId": 1, "chargingNeeds": needs}


def _report_line() -> Json:
    return {
        "component": {"name": "ChargingStation"},
        "variable": {"name": "Model"},
        "variableAttribute": [{"value": "Sim-1"}],
    }


def _monitor(station: "SimulatedStation") -> Json:
    monitor: Json = {
        "id": 1,
        "transaction": False,
        "value": 90,
        "type": "UpperThreshold",
        "severity": 5,
    }
    if station.config.protocol == "ocpp2.1":
        monitor["eventNotificationType"] = "CustomMonitor"
    about = {"component": {"name": "ChargingStation"}, "variable": {"name": "Temperature"}}
    return about | {"variableMonitoring": [monitor]}


def _notify_event(station: "SimulatedStation") -> Json:
    at = _now(station)
    event = {
        "eventId": 1,
        "timestamp": at,
        "trigger": "Alerting",
        "actualValue": "true",
        "component": {"name": "ChargingStation"},
        "variable": {"name": "Problem"},
        "eventNotificationType": "HardWiredNotification",
    }
    return {"generatedAt": at, "seqNo": 0, "eventData": [event]}


def _exi(station: "SimulatedStation") -> Json:
    return {
        "iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef",
        "action": "Install",
        "exiRequest": base64.b64encode(station.identity.encode() * 8).decode(),
    }


def _display() -> Json:
    text = {"format": "UTF8", "content": "Welcome"}
    return {"id": 1, "priority": "NormalCycle", "message": text}


def _battery(station: "SimulatedStation") -> Json:
    battery = {"evseId": 1, "serialNumber": "B-1", "soC": 12, "soH": 98}
    return {
        "batteryData": [battery],
        "eventType": "BatteryIn",
        "idToken": _token(station),
        "requestId": REQUEST_ID,
    }


def _settlement(station: "SimulatedStation") -> Json:
    return {
        "pspRef": "psp-1",
        "status": "Settled",
        "settlementAmount": 12.5,
        "settlementTime": _now(station),
    }


def _stream_frame(station: "SimulatedStation") -> Json:
    data = [{"t": 0.0, "v": "11000.0"}]
    return {"id": 1, "pending": 0, "basetime": _now(station), "data": data}


def _der_report(station: "SimulatedStation") -> Json:
    gradient = {"id": "der-1", "gradient": {"priority": 1, "gradient": 10, "softGradient": 5}}
    return {"requestId": REQUEST_ID, "gradient": [gradient]}


def _chain_status(station: "SimulatedStation") -> Json:
    asked = {
        "certificateHashData": _HASHES,
        "source": "OCSP",
        "urls": ["http://ocsp.invalid"],
    }
    return {"certificateStatusRequests": [asked]}


def _stream(station: "SimulatedStation") -> Json:
    params = {"interval": 10, "values": 10}
    return {"constantStreamData": {"id": 1, "variableMonitoringId": 1, "params": params}}


def _departure(station: "SimulatedStation") -> Json:
    base: datetime = station.station_time()
    return {"timeBase": stamp(base), "evseId": 1, "chargingSchedule": _schedule(station)}


_SECURITY: dict[str, Saying] = {
    "SecurityEventNotification": lambda s: {
        "type": "StartupOfTheDevice",
        "timestamp": _now(s),
    },
    "LogStatusNotification": lambda s: {"status": "Uploaded", "requestId": REQUEST_ID},
    "SignCertificate": lambda s: sign(s).payload,
    "Heartbeat": lambda s: {},
    "BootNotification": lambda s: s.dialect.boot("PowerUp").payload,
    "StatusNotification": lambda s: s.dialect.status(s.connectors[1], s.station_time()).payload,
    "MeterValues": _sample,
    "Authorize": lambda s: s.dialect.authorize(s.config.tokens[0]).payload,
    "DataTransfer": lambda s: {"vendorId": "Simulated", "messageId": "Telemetry"},
}
_SAID_16: dict[str, Saying] = _SECURITY | {
    "DiagnosticsStatusNotification": lambda s: {"status": "Uploaded"},
    "FirmwareStatusNotification": lambda s: {"status": "Installed"},
    "SignedFirmwareStatusNotification": lambda s: {
        "status": "Installed",
        "requestId": REQUEST_ID,
    },
    "StartTransaction": _start_16,
    "StopTransaction": lambda s: {
        "transactionId": -1,
        "meterStop": 0,
        "timestamp": _now(s),
    },
}
_SAID_201: dict[str, Saying] = _SECURITY | {
    "ClearedChargingLimit": lambda s: {"chargingLimitSource": "EMS", "evseId": 1},
    "FirmwareStatusNotification": lambda s: {"status": "Installed", "requestId": REQUEST_ID},
    "Get15118EVCertificate": _exi,
    "GetCertificateStatus": lambda s: {
        "ocspRequestData": _HASHES | {"responderURL": "http://ocsp.invalid"}
    },
    "NotifyChargingLimit": lambda s: {
        "evseId": 1,
        "chargingLimit": {"chargingLimitSource": "EMS"},
        "chargingSchedule": [_schedule(s)],
    },
    "NotifyCustomerInformation": lambda s: {
        "data": "nothing is known",
        "seqNo": 0,
        "generatedAt": _now(s),
        "requestId": REQUEST_ID,
    },
    "NotifyDisplayMessages": lambda s: {"requestId": REQUEST_ID, "messageInfo": [_display()]},
    "NotifyEVChargingNeeds": _needs,
    "NotifyEVChargingSchedule": _departure,
    "NotifyEvent": _notify_event,
    "NotifyMonitoringReport": lambda s: {
        "monitor": [_monitor(s)],
        "requestId": REQUEST_ID,
        "seqNo": 0,
        "generatedAt": _now(s),
    },
    "NotifyReport": lambda s: {
        "requestId": REQUEST_ID,
        "generatedAt": _now(s),
        "seqNo": 0,
        "reportData": [_report_line()],
    },
    "PublishFirmwareStatusNotification": lambda s: {"status": "Idle"},
    "ReportChargingProfiles": lambda s: {
        "requestId": REQUEST_ID,
        "chargingLimitSource": "CSO",
        "evseId": 1,
        "chargingProfile": [_profile(s)],
    },
    "ReservationStatusUpdate": lambda s: {
        "reservationId": 1,
        "reservationUpdateStatus": "Expired",
    },
    "TransactionEvent": _event,
}
_SAID_21: dict[str, Saying] = _SAID_201 | {
    "BatterySwap": _battery,
    "ClosePeriodicEventStream": lambda s: {"id": 1},
    "GetCertificateChainStatus": _chain_status,
    "NotifyDERAlarm": lambda s: {"controlType": "FreqDroop", "timestamp": _now(s)},
    "NotifyDERStartStop": lambda s: {
        "controlId": "der-1",
        "started": True,
        "timestamp": _now(s),
    },
    "NotifyPeriodicEventStream": _stream_frame,
    "NotifyPriorityCharging": lambda s: {
        "transactionId": _TRANSACTION_ID,
        "activated": True,
    },
    "NotifySettlement": _settlement,
    "NotifyWebPaymentStarted": lambda s: {"evseId": 1, "timeout": 60},
    "OpenPeriodicEventStream": _stream,
    "PullDynamicScheduleUpdate": lambda s: {"chargingProfileId": 1},
    "ReportDERControl": _der_report,
    "VatNumberValidation": lambda s: {"vatNumber": "DE123456789"},
}
