"""How urgent is what a station told of itself? From its severity where it names one, else by what
happened.

Source: OCPP 2.0.1 part 2, EventDataType (severities) and appendix 1 (which security events are
critical); the security whitepaper for OCPP 1.6 has the same list.
"""

from enum import StrEnum

CRITICAL_SEVERITY_MAX = 3  # danger, hardware failure, system failure, critical
WARNING_SEVERITY_MAX = 6  # error, alert, warning

CRITICAL_SECURITY_EVENTS = frozenset(
    {
        "FailedToAuthenticateAtCsms",
        "CsmsFailedToAuthenticate",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
        "MaintenanceLoginFailed",
        # Not critical in the list, and yet somebody should look at once:
        "AttemptedReplayAttacks",
        "InvalidFirmwareSignature",
        "InvalidFirmwareSigningCertificate",
        "InvalidCsmsCertificate",
        "InvalidCentralSystemCertificate",
        "InvalidChargingStationCertificate",
        "InvalidChargePointCertificate",
    }
)
# What every start of a station brings, critical or not in the list.
USUAL_SECURITY_EVENTS = frozenset(
    {
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SettingSystemTime",
        "FirmwareUpdated",
        "MaintenanceLoginAccepted",
    }
)
FAILED_WORDS = ("fail", "invalid", "bad", "denied", "notsupported")


class Urgency(StrEnum):
    """Three are enough to sort by."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFORMATION = "information"


def urgency(kind: str, name: str | None, severity: int | None) -> Urgency:
    """The station's own severity counts first."""
    if severity is not None:
        if severity <= CRITICAL_SEVERITY_MAX:
            return Urgency.CRITICAL
        return Urgency.WARNING if severity <= WARNING_SEVERITY_MAX else Urgency.INFORMATION
    if kind == "security":
        if name in CRITICAL_SECURITY_EVENTS:
            return Urgency.CRITICAL
        return Urgency.INFORMATION if name in USUAL_SECURITY_EVENTS else Urgency.WARNING
    if kind == "der_alarm":
        return Urgency.WARNING
    word = (name or "").casefold()
    if any(failed in word for failed in FAILED_WORDS):
        return Urgency.WARNING
    return Urgency.INFORMATION
