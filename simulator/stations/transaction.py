"""A transaction as the station knows it: the ground truth that the system is compared with."""

from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any


class ChargingState(StrEnum):
    """OCPP 2.0.1 part 2, ChargingStateEnumType."""

    IDLE = "Idle"
    EV_CONNECTED = "EVConnected"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"


class ConnectorStatus(StrEnum):
    """OCPP 1.6 section 7.7, the finer of the two lists; 2.0.1 folds it to five words."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class StopReason(StrEnum):
    """Why a transaction ended, in the words of OCPP 1.6 section 7.36."""

    LOCAL = "Local"
    EV_DISCONNECTED = "EVDisconnected"
    REMOTE = "Remote"
    DEAUTHORIZED = "DeAuthorized"
    POWER_LOSS = "PowerLoss"
    SOFT_RESET = "SoftReset"
    HARD_RESET = "HardReset"
    UNLOCK = "UnlockCommand"


@dataclass(slots=True, kw_only=True)
class Transaction:
    """One transaction, from plug to unplug.

    Registers are mWh **as reported**: OCPP 1.6 carries whole Wh at start and stop, so there they
    are multiples of 1000. Times are the true ones, whatever the station's clock said.
    """

    key: str
    station: str
    connector: int
    evse: int
    token: str
    transaction_id: str | None
    started_at: datetime
    start_register_mwh: int
    last_register_mwh: int
    state: ChargingState = ChargingState.EV_CONNECTED
    ended_at: datetime | None = None
    stop_register_mwh: int | None = None
    stop_reason: StopReason | None = None
    seq_no: int = 0
    remote_start_id: int | None = None
    started_offline: bool = False
    reservation_id: int | None = None
    start_confirmed: bool = False
    confirmed: bool = False
    faults: list[str] = field(default_factory=list)

    def delivered_wh(self) -> int:
        """Energy from the reported registers, rounded half up to Wh."""
        last = self.last_register_mwh if self.stop_register_mwh is None else self.stop_register_mwh
        return (last - self.start_register_mwh + 500) // 1_000

    def record(self) -> dict[str, Any]:
        """The transaction as the control port shows it."""
        stop = self.stop_register_mwh
        return asdict(self) | {
            "start_register_wh": self.start_register_mwh / 1_000,
            "stop_register_wh": None if stop is None else stop / 1_000,
            "delivered_wh": self.delivered_wh(),
        }


def from_document(document: dict[str, Any]) -> Transaction:
    """A transaction as `asdict` and JSON left it in the state file."""
    known = {item.name for item in fields(Transaction)}
    values = {name: value for name, value in document.items() if name in known}
    values["started_at"] = datetime.fromisoformat(values["started_at"])
    if values.get("ended_at"):
        values["ended_at"] = datetime.fromisoformat(values["ended_at"])
    values["state"] = ChargingState(values["state"])
    if values.get("stop_reason"):
        values["stop_reason"] = StopReason(values["stop_reason"])
    return Transaction(**values)
