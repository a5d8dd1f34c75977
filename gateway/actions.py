"""Every action of OCPP by name: who sends it, and what it is to Holdfast, in a few words.

`python -m gateway.coverage` writes `docs/reference/ocpp.md` from it; a test compares the names with
the `ocpp` package and the facts with what the handlers read.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class FromStation:
    """What a station says. `fact`: the class in holdfast/contracts/facts.py; `answer`: what it is
    told, where that is more than an empty confirmation."""

    fact: str
    text: str
    answer: str = "empty"


EVENT: Final = "EventReported"

FROM_STATION: Final[dict[str, FromStation]] = {
    "Authorize": FromStation(
        "TokenPresented", "a token, or a contract with its certificates, asks to charge", "decision"
    ),
    "BatterySwap": FromStation(EVENT, "batteries put in or taken out"),
    "BootNotification": FromStation(
        "StationBooted", "the station started; ends no transaction", "registration, time, interval"
    ),
    "ClearedChargingLimit": FromStation(EVENT, "an external limit is gone"),
    "ClosePeriodicEventStream": FromStation(EVENT, "a stream of values ends"),
    "DataTransfer": FromStation(
        "DataReceived",
        "vendor data: kept as a frame; keys of meters are read",
        "accepted where it is read, else UnknownVendorId",
    ),
    "DiagnosticsStatusNotification": FromStation(EVENT, "state of an upload of diagnostics"),
    "FirmwareStatusNotification": FromStation(
        "FirmwareReported", "state of a firmware update: on the station, and an event"
    ),
    "Get15118EVCertificate": FromStation(
        "ContractCertificateRequested", "a car wants its contract", "EXI of the provider, or failed"
    ),
    "GetCertificateChainStatus": FromStation(
        "CertificateStatusRequested", "are these certificates revoked?", "a status for each"
    ),
    "GetCertificateStatus": FromStation(
        "CertificateStatusRequested", "is this certificate revoked?", "OCSP answer, or failed"
    ),
    "Heartbeat": FromStation("StationSeen", "answered from memory, noted now and then", "time"),
    "LogStatusNotification": FromStation(EVENT, "state of an upload of a log"),
    "MeterValues": FromStation("MeterSampled", "meter readings, with or without a transaction"),
    "NotifyChargingLimit": FromStation(EVENT, "an external limit applies"),
    "NotifyCustomerInformation": FromStation(EVENT, "what a station keeps about a customer"),
    "NotifyDERAlarm": FromStation(EVENT, "an alarm of the grid, or its end"),
    "NotifyDERStartStop": FromStation(EVENT, "a grid control started or stopped"),
    "NotifyDisplayMessages": FromStation(EVENT, "messages on the display"),
    "NotifyEVChargingNeeds": FromStation(
        EVENT, "what a car wants (ISO 15118)", "rejected (2.0.1), no profile (2.1): none is made"
    ),
    "NotifyEVChargingSchedule": FromStation(EVENT, "the schedule that a car chose", "accepted"),
    "NotifyEvent": FromStation(
        "FactsReported", "monitored variables: an event for each, and the values"
    ),
    "NotifyMonitoringReport": FromStation("MonitorsReported", "the monitors that are set"),
    "NotifyPeriodicEventStream": FromStation(
        EVENT, "values of a stream (a SEND)", "nothing: a SEND has no answer"
    ),
    "NotifyPriorityCharging": FromStation(EVENT, "priority charging of a transaction"),
    "NotifyReport": FromStation("VariablesReported", "a part of the device model"),
    "NotifySettlement": FromStation(EVENT, "a payment at the station's own terminal"),
    "OpenPeriodicEventStream": FromStation(EVENT, "a stream of values begins", "accepted"),
    "PublishFirmwareStatusNotification": FromStation(EVENT, "state of a local firmware server"),
    "PullDynamicScheduleUpdate": FromStation(
        EVENT,
        "asks for a newer dynamic limit",
        "what was last ordered of it, else rejected",
    ),
    "ReportChargingProfiles": FromStation(EVENT, "charging profiles that are installed"),
    "ReportDERControl": FromStation(EVENT, "grid controls that are set"),
    "ReservationStatusUpdate": FromStation(EVENT, "a reservation expired or was removed"),
    "SecurityEventNotification": FromStation(EVENT, "a security event, in the list or not"),
    "SignCertificate": FromStation(
        "CertificateRequested", "a CSR to be signed", "accepted, where the CSR is in order"
    ),
    "SignedFirmwareStatusNotification": FromStation(
        "FirmwareReported", "state of a signed firmware update: on the station, and an event"
    ),
    "StartTransaction": FromStation(
        "TransactionStarted", "a transaction began", "decision, our transaction id"
    ),
    "StatusNotification": FromStation("StatusReported", "status of a connector or the station"),
    "StopTransaction": FromStation("TransactionEnded", "a transaction ended", "decision"),
    "TransactionEvent": FromStation(
        "TransactionStarted, TransactionUpdated, TransactionEnded",
        "a transaction's life; what only 2.1 says of it is an event too",
        "decision, where a token was sent",
    ),
    "VatNumberValidation": FromStation(
        EVENT, "is this VAT number good?", "rejected: there is no register to ask"
    ),
}

TO_STATION: Final[dict[str, str]] = {
    "AFRRSignal": "a signal of a frequency reserve",
    "AdjustPeriodicEventStream": "another rate for a stream of values",
    "CancelReservation": "give a reserved EVSE free",
    "CertificateSigned": "the signed certificate that a station asked for",
    "ChangeAvailability": "take in or out of service",
    "ChangeConfiguration": "set a configuration key",
    "ChangeTransactionTariff": "another tariff in a running transaction",
    "ClearCache": "forget authorisations",
    "ClearChargingProfile": "remove charging profiles",
    "ClearDERControl": "remove grid controls",
    "ClearDisplayMessage": "remove a message from the display",
    "ClearTariffs": "remove tariffs",
    "ClearVariableMonitoring": "remove monitors",
    "CostUpdated": "the running cost, for the display",
    "CustomerInformation": "report or clear what is kept about a customer",
    "DataTransfer": "vendor data",
    "DeleteCertificate": "remove a certificate",
    "ExtendedTriggerMessage": "ask for a message of the security extension",
    "GetBaseReport": "the whole device model, or its configuration",
    "GetChargingProfiles": "report installed charging profiles",
    "GetCompositeSchedule": "the limit that results from all profiles",
    "GetConfiguration": "read configuration keys",
    "GetDERControl": "report grid controls",
    "GetDiagnostics": "upload diagnostics",
    "GetDisplayMessages": "report messages on the display",
    "GetInstalledCertificateIds": "list certificates",
    "GetLocalListVersion": "version of the local list",
    "GetLog": "upload a log",
    "GetMonitoringReport": "report monitors",
    "GetPeriodicEventStream": "list streams of values",
    "GetReport": "a chosen part of the device model",
    "GetTariffs": "list tariffs",
    "GetTransactionStatus": "does a transaction run, do messages wait",
    "GetVariables": "read variables",
    "InstallCertificate": "install a root certificate",
    "NotifyAllowedEnergyTransfer": "which ways of energy transfer a car may use",
    "NotifyWebPaymentStarted": "a payment by QR code began",
    "PublishFirmware": "serve firmware to other stations",
    "RemoteStartTransaction": "start charging",
    "RemoteStopTransaction": "stop charging",
    "RequestBatterySwap": "let a driver swap a battery",
    "RequestStartTransaction": "start charging",
    "RequestStopTransaction": "stop charging",
    "ReserveNow": "keep an EVSE for a driver",
    "Reset": "restart",
    "SendLocalList": "tokens that a station may accept by itself",
    "SetChargingProfile": "limit power",
    "SetDERControl": "set a grid control",
    "SetDefaultTariff": "the tariff for whoever comes",
    "SetDisplayMessage": "show a message",
    "SetMonitoringBase": "which monitors are active",
    "SetMonitoringLevel": "up to which severity events are sent",
    "SetNetworkProfile": "how to connect",
    "SetVariableMonitoring": "set monitors",
    "SetVariables": "set variables",
    "SignedUpdateFirmware": "update firmware, with its signature",
    "TriggerMessage": "ask for a message",
    "UnlockConnector": "release a plug",
    "UnpublishFirmware": "stop serving firmware",
    "UpdateDynamicSchedule": "a new limit for a dynamic profile",
    "UpdateFirmware": "update firmware",
    "UsePriorityCharging": "give a transaction priority, or take it",
}
