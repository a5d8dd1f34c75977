"""An order of every kind, and the action that it becomes in each version."""

from typing import Any

from gateway.dialect import OrderContext, SessionOfOrder
from gateway.v16.orders import translate_order as to_16
from gateway.v21.orders import translate_order as to_21
from gateway.v201.orders import translate_order as to_201

TRANSLATIONS = {"ocpp1.6": to_16, "ocpp2.0.1": to_201, "ocpp2.1": to_21}
SESSION = SessionOfOrder(evse=2, token_uid="HF0123", token_type="RFID", remote_start_number=9)  # noqa: S106
CONTEXT = OrderContext(session=SESSION, request_id=77, secret="correct horse battery")  # noqa: S106
PROFILE = {
    "id": 3,
    "purpose": "tx_default",
    "kind": "recurring",
    "recurrency": "daily",
    "schedules": [
        {
            "unit": "A",
            "start_at": "2026-03-01T00:00:00Z",
            "periods": [{"start_s": 0, "limit": 16, "phases": 3}, {"start_s": 3600, "limit": 9.96}],
        }
    ],
}
DYNAMIC = {
    "id": 4,
    "purpose": "tx",
    "kind": "dynamic",
    "transaction_id": "T1",
    "update_interval_s": 60,
    "schedules": [
        {
            "unit": "W",
            "periods": [
                {
                    "start_s": 0,
                    "setpoint": -4000,
                    "discharge_limit": -7000,
                    "operation_mode": "central_setpoint",
                }
            ],
        }
    ],
}
HASH = {"algorithm": "SHA256", "issuer_name": "ab", "issuer_key": "cd", "serial": "01"}
TARIFF = {
    "tariffId": "T",
    "currency": "EUR",
    "energy": {"prices": [{"priceKwh": 0.5}], "taxRates": [{"type": "VAT", "tax": 19}]},
}
AT = "2026-03-01T12:00:00Z"
V16, V201, V21 = TRANSLATIONS
ALL = (V16, V201, V21)
LATER = (V201, V21)

# Kind, payload, and the actions by version; a version that is not there cannot say it.
ORDERS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    (
        "start",
        {},
        {
            V16: "RemoteStartTransaction",
            V201: "RequestStartTransaction",
            V21: "RequestStartTransaction",
        },
    ),
    (
        "stop",
        {"transaction_id": "17"},
        {
            V16: "RemoteStopTransaction",
            V201: "RequestStopTransaction",
            V21: "RequestStopTransaction",
        },
    ),
    ("reset", {"type": "hard"}, dict.fromkeys(ALL, "Reset")),
    ("reset", {"type": "soft", "evse": 1}, dict.fromkeys(LATER, "Reset")),
    ("unlock", {"evse": 1, "connector": 1}, dict.fromkeys(ALL, "UnlockConnector")),
    (
        "availability",
        {"evse": 1, "connector": None, "operative": False},
        dict.fromkeys(ALL, "ChangeAvailability"),
    ),
    ("trigger", {"message": "StatusNotification", "evse": 1}, dict.fromkeys(ALL, "TriggerMessage")),
    (
        "trigger",
        {"message": "SignCertificate"},
        {V16: "ExtendedTriggerMessage", V201: "TriggerMessage", V21: "TriggerMessage"},
    ),
    ("trigger", {"message": "TransactionEvent", "evse": 1}, dict.fromkeys(LATER, "TriggerMessage")),
    (
        "configure",
        {"variables": {"OCPPCommCtrlr.HeartbeatInterval": 60, "A.B": True}},
        {V16: "ChangeConfiguration", V201: "SetVariables", V21: "SetVariables"},
    ),
    (
        "read_configuration",
        {"names": ["OCPPCommCtrlr.HeartbeatInterval"]},
        {V16: "GetConfiguration", V201: "GetVariables", V21: "GetVariables"},
    ),
    ("read_configuration", {"names": []}, {V16: "GetConfiguration"}),
    (
        "base_report",
        {"base": "full"},
        {V16: "GetConfiguration", V201: "GetBaseReport", V21: "GetBaseReport"},
    ),
    (
        "report",
        {
            "components": [{"component": "EVSE", "variable": "Power", "evse": 1}],
            "criteria": ["problem"],
        },
        dict.fromkeys(LATER, "GetReport"),
    ),
    (
        "monitor",
        {
            "monitors": [
                {
                    "component": "EVSE",
                    "variable": "Power",
                    "evse": 1,
                    "type": "upper_threshold",
                    "value": 22000,
                    "severity": 5,
                }
            ]
        },
        dict.fromkeys(LATER, "SetVariableMonitoring"),
    ),
    ("clear_monitors", {"ids": [1, 2]}, dict.fromkeys(LATER, "ClearVariableMonitoring")),
    (
        "monitoring_report",
        {"criteria": ["delta_monitoring"]},
        dict.fromkeys(LATER, "GetMonitoringReport"),
    ),
    ("monitoring_base", {"base": "factory_default"}, dict.fromkeys(LATER, "SetMonitoringBase")),
    ("monitoring_level", {"severity": 4}, dict.fromkeys(LATER, "SetMonitoringLevel")),
    (
        "data_transfer",
        {"vendor_id": "acme", "message_id": "x", "data": "y"},
        dict.fromkeys(ALL, "DataTransfer"),
    ),
    ("clear_cache", {}, dict.fromkeys(ALL, "ClearCache")),
    ("local_list_version", {}, dict.fromkeys(ALL, "GetLocalListVersion")),
    (
        "local_list",
        {
            "version": 3,
            "update": "differential",
            "entries": [
                {
                    "uid": "A",
                    "type": "ISO14443",
                    "status": "accepted",
                    "expires_at": AT,
                    "group_id": "G",
                },
                {"uid": "B"},
            ],
        },
        dict.fromkeys(ALL, "SendLocalList"),
    ),
    ("charging_profile", {"evse": 1, "profile": PROFILE}, dict.fromkeys(ALL, "SetChargingProfile")),
    ("charging_profile", {"evse": 1, "profile": DYNAMIC}, {V21: "SetChargingProfile"}),
    ("dynamic_schedule", {"id": 4, "setpoint": -4000}, {V21: "UpdateDynamicSchedule"}),
    ("priority_charging", {"transaction_id": "T1", "activate": True}, {V21: "UsePriorityCharging"}),
    (
        "energy_transfer",
        {"transaction_id": "T1", "modes": ["AC_BPT"]},
        {V21: "NotifyAllowedEnergyTransfer"},
    ),
    (
        "clear_charging_profile",
        {"purpose": "tx_default", "stack_level": 0, "evse": 1},
        dict.fromkeys(ALL, "ClearChargingProfile"),
    ),
    ("clear_charging_profile", {"purpose": "priority"}, {V21: "ClearChargingProfile"}),
    (
        "charging_profiles",
        {"evse": 1, "purpose": "tx"},
        dict.fromkeys(LATER, "GetChargingProfiles"),
    ),
    (
        "composite_schedule",
        {"evse": 1, "duration_s": 600, "unit": "W"},
        dict.fromkeys(ALL, "GetCompositeSchedule"),
    ),
    (
        "reserve",
        {"reservation": 5, "evse": 1, "token": {"uid": "A", "type": "ISO14443"}, "expires_at": AT},
        dict.fromkeys(ALL, "ReserveNow"),
    ),
    (
        "reserve",
        {
            "reservation": 5,
            "token": {"uid": "A", "type": "ISO14443"},
            "expires_at": AT,
            "group_id": "G",
        },
        dict.fromkeys(ALL, "ReserveNow"),
    ),
    (
        "reserve",
        {
            "reservation": 5,
            "token": {"uid": "A", "type": "ISO14443"},
            "expires_at": AT,
            "connector_type": "cCCS2",
        },
        dict.fromkeys(LATER, "ReserveNow"),
    ),
    ("cancel_reservation", {"reservation": 5}, dict.fromkeys(ALL, "CancelReservation")),
    (
        "update_firmware",
        {"location": "https://x/f", "retrieve_at": AT},
        dict.fromkeys(ALL, "UpdateFirmware"),
    ),
    (
        "update_firmware",
        {
            "location": "https://x/f",
            "retrieve_at": AT,
            "install_at": AT,
            "certificate": "PEM",
            "signature": "c2ln",
        },
        {V16: "SignedUpdateFirmware", V201: "UpdateFirmware", V21: "UpdateFirmware"},
    ),
    (
        "log",
        {"type": "diagnostics", "location": "https://x/l", "from": AT, "to": None},
        {V16: "GetDiagnostics", V201: "GetLog", V21: "GetLog"},
    ),
    ("log", {"type": "security", "location": "https://x/l"}, dict.fromkeys(ALL, "GetLog")),
    ("transaction_status", {"transaction_id": "T1"}, dict.fromkeys(LATER, "GetTransactionStatus")),
    ("transaction_status", {"transaction_id": None}, dict.fromkeys(LATER, "GetTransactionStatus")),
    (
        "installed_certificates",
        {"uses": ["central_system"]},
        dict.fromkeys(ALL, "GetInstalledCertificateIds"),
    ),
    (
        "install_certificate",
        {"use": "manufacturer", "certificate": "PEM"},
        dict.fromkeys(ALL, "InstallCertificate"),
    ),
    (
        "install_certificate",
        {"use": "v2g", "certificate": "PEM"},
        dict.fromkeys(LATER, "InstallCertificate"),
    ),
    ("delete_certificate", {"hash": HASH}, dict.fromkeys(ALL, "DeleteCertificate")),
    (
        "certificate_signed",
        {"use": "station", "chain": "PEM", "request_id": 4},
        dict.fromkeys(ALL, "CertificateSigned"),
    ),
    (
        "certificate_signed",
        {"use": "v2g", "chain": "PEM"},
        dict.fromkeys(LATER, "CertificateSigned"),
    ),
    ("password", {}, {V16: "ChangeConfiguration", V201: "SetVariables", V21: "SetVariables"}),
    (
        "network_profile",
        {"slot": 1, "profile": {"url": "wss://x", "security_profile": 2}},
        dict.fromkeys(LATER, "SetNetworkProfile"),
    ),
    (
        "display_message",
        {
            "message": {
                "id": 1,
                "content": "Hello",
                "state": "idle",
                "priority": "in_front",
                "from": AT,
            }
        },
        dict.fromkeys(LATER, "SetDisplayMessage"),
    ),
    (
        "display_message",
        {"message": {"id": 1, "content": "x", "format": "qrcode"}},
        {V21: "SetDisplayMessage"},
    ),
    (
        "display_messages",
        {"ids": [1], "priority": "normal", "state": None},
        dict.fromkeys(LATER, "GetDisplayMessages"),
    ),
    ("clear_display_message", {"id": 1}, dict.fromkeys(LATER, "ClearDisplayMessage")),
    (
        "customer_information",
        {"token": {"uid": "A", "type": "ISO14443"}, "report": True, "clear": False},
        dict.fromkeys(LATER, "CustomerInformation"),
    ),
    ("default_tariff", {"evse": 0, "tariff": TARIFF}, {V21: "SetDefaultTariff"}),
    ("tariffs", {"evse": 0}, {V21: "GetTariffs"}),
    ("clear_tariffs", {"ids": ["T"]}, {V21: "ClearTariffs"}),
    (
        "transaction_tariff",
        {"transaction_id": "T1", "tariff": TARIFF},
        {V21: "ChangeTransactionTariff"},
    ),
    (
        "der_control",
        {
            "id": "C",
            "type": "Gradients",
            "default": True,
            "settings": {"gradient": {"priority": 1, "gradient": 10, "softGradient": 5}},
        },
        {V21: "SetDERControl"},
    ),
    ("der_controls", {"type": "Gradients", "default": True}, {V21: "GetDERControl"}),
    ("clear_der_control", {"id": "C", "default": False}, {V21: "ClearDERControl"}),
    ("battery_swap", {"token": {"uid": "A", "type": "ISO14443"}}, {V21: "RequestBatterySwap"}),
    (
        "cost",
        {"transaction_id": "T1", "total_minor": 1234, "currency": "EUR"},
        dict.fromkeys(LATER, "CostUpdated"),
    ),
    ("call", {"action": "Reset", "payload": {"type": "Soft"}}, {V16: "Reset"}),
    ("call", {"action": "Reset", "payload": {"type": "OnIdle"}}, dict.fromkeys(LATER, "Reset")),
]
