"""Messages that a back office asks for beyond the ordinary ones. Source: OCPP 1.6 edition 2 section
5.17, security whitepaper edition 3 section 5.6, OCPP 2.0.1 part 2 F06, 2.1 the same."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.stations.certificates import sign
from simulator.stations.messages import Message

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

_SIGNS = {
    "SignChargePointCertificate": None,
    "SignChargingStationCertificate": "ChargingStationCertificate",
    "SignV2GCertificate": "V2GCertificate",
    "SignV2G20Certificate": "V2G20Certificate",
    "SignCombinedCertificate": "ChargingStationCertificate",
}
_IDLE = frozenset(
    {
        "DiagnosticsStatusNotification",
        "LogStatusNotification",
        "PublishFirmwareStatusNotification",
    }
)


def triggered(
    station: "SimulatedStation", wanted: str, custom: str | None = None
) -> Callable[[], object] | None:
    """What to do about it; None for what every station has (boot, status, meter values, beats)."""
    if wanted in _SIGNS:
        return lambda: station.tell(sign(station, _SIGNS[wanted]))
    if wanted == "FirmwareStatusNotification":
        is_busy = "firmware" in station.jobs
        idle = {"status": "Idle"}
        told = station.memory.read("firmware_status", idle) if is_busy else idle
        return lambda: station.tell(Message(wanted, told))
    if wanted in _IDLE:
        return lambda: station.tell(Message(wanted, {"status": "Idle"}))
    if wanted == "CustomTrigger" and custom is not None:
        told = {"vendorId": "Simulated", "messageId": custom[:50]}
        return lambda: station.tell(Message("DataTransfer", told))
    return None
