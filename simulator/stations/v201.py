"""OCPP 2.0.1 and 2.1 as a charging station says it: what it says unasked is the same in both.

Source: OCPP 2.0.1 edition 3 part 2, E and J.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from simulator.stations.config import StationConfig
from simulator.stations.connector import Connector
from simulator.stations.dialect import Moment, stamp
from simulator.stations.ledger import Waiting
from simulator.stations.messages import Answer, Json, Message
from simulator.stations.transaction import ChargingState, ConnectorStatus, StopReason, Transaction
from simulator.stations.v201_orders import Orders201

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

_SAME_WORD = frozenset(
    {
        ConnectorStatus.AVAILABLE,
        ConnectorStatus.RESERVED,
        ConnectorStatus.UNAVAILABLE,
        ConnectorStatus.FAULTED,
    }
)
_ENDS: dict[StopReason, tuple[str, str]] = {
    StopReason.LOCAL: ("StopAuthorized", "Local"),
    StopReason.EV_DISCONNECTED: ("EVCommunicationLost", "EVDisconnected"),
    StopReason.REMOTE: ("RemoteStop", "Remote"),
    StopReason.DEAUTHORIZED: ("Deauthorized", "DeAuthorized"),
    StopReason.POWER_LOSS: ("AbnormalCondition", "PowerLoss"),
    StopReason.SOFT_RESET: ("ResetCommand", "Reboot"),
    StopReason.HARD_RESET: ("ResetCommand", "ImmediateReset"),
    StopReason.UNLOCK: ("UnlockCommand", "Other"),
}


class Dialect201:
    """The station names its transactions; each event carries the next sequence number."""

    format_error = "FormatViolation"

    def __init__(self, config: StationConfig, station: "SimulatedStation") -> None:
        self._config = config
        self._station = station
        self._orders = Orders201(station)

    def boot(self, reason: str) -> Message:
        config = self._config
        station = {
            "vendorName": config.vendor[:50],
            "model": config.model[:20],
            "serialNumber": config.identity[:25],
            "firmwareVersion": self._station.firmware[:50],
        }
        return Message("BootNotification", {"reason": reason, "chargingStation": station})

    def heartbeat(self) -> Message:
        return Message("Heartbeat", {})

    def status_word(self, connector: Connector) -> str:
        return connector.status.value if connector.status in _SAME_WORD else "Occupied"

    def status(self, connector: Connector, at: datetime) -> Message:
        payload = {
            "timestamp": stamp(at),
            "connectorStatus": self.status_word(connector),
            "evseId": connector.evse,
            "connectorId": connector.position,
        }
        return Message("StatusNotification", payload)

    def authorize(self, token: str) -> Message:
        return Message("Authorize", {"idToken": self._id_token(token)})

    def is_authorized(self, answer: Json) -> bool:
        info = answer.get("idTokenInfo")
        return isinstance(info, dict) and info.get("status") == "Accepted"

    def reported_mwh(self, register_mwh: int) -> int:
        """Values are decimals, so nothing is lost."""
        return register_mwh

    def started(self, transaction: Transaction, moment: Moment) -> list[Message]:
        is_remote = transaction.remote_start_id is not None
        trigger = "RemoteStart" if is_remote else "Authorized"
        samples = [meter_value(moment, "Transaction.Begin")]
        if self._config.transaction_start == "cable" and not is_remote:
            plugged = self._event(transaction, "Started", "CablePluggedIn", moment)
            plugged.payload["meterValue"] = samples
            authorized = self._event(transaction, "Updated", trigger, moment)
            authorized.payload["idToken"] = self._id_token(transaction.token)
            return [plugged, authorized]
        event = self._event(transaction, "Started", trigger, moment)
        event.payload["idToken"] = self._id_token(transaction.token)
        event.payload["meterValue"] = samples
        return [event]

    def state_changed(self, transaction: Transaction, moment: Moment) -> list[Message]:
        return [self._event(transaction, "Updated", "ChargingStateChanged", moment)]

    def metered(self, transaction: Transaction, moment: Moment, *, asked: bool) -> list[Message]:
        trigger, context = ("Trigger", "Trigger") if asked else _PERIODIC
        event = self._event(transaction, "Updated", trigger, moment)
        event.payload["meterValue"] = [meter_value(moment, context)]
        return [event]

    def ended(self, transaction: Transaction, moment: Moment, reason: StopReason) -> list[Message]:
        trigger, stopped = _ENDS[reason]
        event = self._event(transaction, "Ended", trigger, moment)
        if reason is not StopReason.EV_DISCONNECTED:
            info = event.payload["transactionInfo"]
            info["chargingState"] = ChargingState.EV_CONNECTED.value
        event.payload["transactionInfo"]["stoppedReason"] = stopped
        event.payload["meterValue"] = [meter_value(moment, "Transaction.End")]
        if reason is StopReason.LOCAL:
            event.payload["idToken"] = self._id_token(transaction.token)
        return [event]

    def idle_sample(self, connector: Connector, moment: Moment) -> Message:
        payload = {"evseId": connector.evse, "meterValue": [meter_value(moment, "Trigger")]}
        return Message("MeterValues", payload)

    def complete(self, waiting: Waiting, transaction: Transaction | None) -> Json:
        return waiting.payload

    def learn(self, waiting: Waiting, answer: Json, transaction: Transaction) -> bool:
        return "idTokenInfo" not in answer or self.is_authorized(answer)

    def answer(self, action: str, payload: Json) -> Answer:
        return self._orders.answer(action, payload)

    def _event(
        self, transaction: Transaction, event_type: str, trigger: str, moment: Moment
    ) -> Message:
        transaction.transaction_id = transaction.key
        connector_id = self._orders.position_of(transaction.connector)
        info: Json = {
            "transactionId": transaction.key,
            "chargingState": transaction.state.value,
        }
        if transaction.remote_start_id is not None:
            info["remoteStartId"] = transaction.remote_start_id
        payload: Json = {
            "eventType": event_type,
            "timestamp": stamp(moment.at),
            "triggerReason": trigger,
            "seqNo": 0 if self._config.quirks.seq_no_zero else transaction.seq_no,
            "transactionInfo": info,
            "evse": {"id": transaction.evse, "connectorId": connector_id},
        }
        if moment.offline:
            payload["offline"] = True
        if transaction.reservation_id is not None and event_type == "Started":
            payload["reservationId"] = transaction.reservation_id
        transaction.seq_no += 1
        return Message("TransactionEvent", payload)

    def _id_token(self, token: str) -> Json:
        return {"idToken": token, "type": self._config.token_type}


_PERIODIC = ("MeterValuePeriodic", "Sample.Periodic")


def meter_value(moment: Moment, context: str) -> Json:
    """Register with mWh exactness, power, and per phase current and voltage; SoC on DC."""
    reading = moment.reading
    register_wh = reading.register_mwh / 1_000
    values = [
        _sampled(register_wh, "Energy.Active.Import.Register", "Wh", context),
        _sampled(reading.power_w, "Power.Active.Import", "W", context),
    ]
    for phase in range(1, reading.phases + 1):
        current = _sampled(reading.current_a, "Current.Import", "A", context)
        voltage = _sampled(reading.voltage_v, "Voltage", "V", context)
        if reading.soc is None:
            current["phase"] = f"L{phase}"
            voltage["phase"] = f"L{phase}-N"
        values += [current, voltage]
    if reading.soc is not None:
        values.append(_sampled(reading.soc, "SoC", "Percent", context) | {"location": "EV"})
    return {"timestamp": stamp(moment.at), "sampledValue": values}


def _sampled(value: float, measurand: str, unit: str, context: str) -> Json:
    sampled: Json = {"value": value, "context": context, "measurand": measurand}
    return sampled | {"unitOfMeasure": {"unit": unit}}
