"""OCPP 1.6J as a charge point says it. Source: OCPP 1.6 edition 2, sections 4 and 6."""

from datetime import datetime
from typing import TYPE_CHECKING

from simulator.stations.config import StationConfig
from simulator.stations.connector import Connector
from simulator.stations.dialect import Moment, stamp
from simulator.stations.ledger import Waiting
from simulator.stations.messages import Answer, Json, Message
from simulator.stations.transaction import StopReason, Transaction
from simulator.stations.v16_orders import Orders16

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

UNKNOWN_TRANSACTION_ID = -1
ID_TAG_LENGTH_MAX = 20


class Dialect16:
    """Transactions get their id from the answer to StartTransaction; what follows waits for it."""

    format_error = "FormationViolation"

    def __init__(self, config: StationConfig, station: "SimulatedStation") -> None:
        self._config = config
        self._station = station
        self._orders = Orders16(station)

    def boot(self, reason: str) -> Message:
        """1.6 has no field for the reason."""
        config = self._config
        payload = {
            "chargePointVendor": config.vendor[:20],
            "chargePointModel": config.model[:20],
            "chargePointSerialNumber": config.identity[:25],
            "firmwareVersion": self._station.firmware[:50],
        }
        return Message("BootNotification", payload)

    def heartbeat(self) -> Message:
        return Message("Heartbeat", {})

    def status_word(self, connector: Connector) -> str:
        return connector.status.value

    def status(self, connector: Connector, at: datetime) -> Message:
        payload = {
            "connectorId": connector.number,
            "errorCode": "NoError",
            "status": self.status_word(connector),
            "timestamp": stamp(at),
        }
        return Message("StatusNotification", payload)

    def authorize(self, token: str) -> Message:
        return Message("Authorize", {"idTag": token[:ID_TAG_LENGTH_MAX]})

    def is_authorized(self, answer: Json) -> bool:
        info = answer.get("idTagInfo")
        return isinstance(info, dict) and info.get("status") == "Accepted"

    def reported_mwh(self, register_mwh: int) -> int:
        """meterStart and meterStop are whole Wh."""
        return register_mwh // 1_000 * 1_000

    def started(self, transaction: Transaction, moment: Moment) -> list[Message]:
        payload = {
            "connectorId": transaction.connector,
            "idTag": transaction.token[:ID_TAG_LENGTH_MAX],
            "meterStart": transaction.start_register_mwh // 1_000,
            "timestamp": stamp(moment.at),
        }
        if transaction.reservation_id is not None:
            payload["reservationId"] = transaction.reservation_id
        return [Message("StartTransaction", payload)]

    def state_changed(self, transaction: Transaction, moment: Moment) -> list[Message]:
        """Only the status tells it, and that is not kept while offline."""
        return []

    def metered(self, transaction: Transaction, moment: Moment, *, asked: bool) -> list[Message]:
        context = "Trigger" if asked else "Sample.Periodic"
        payload = {
            "connectorId": transaction.connector,
            "meterValue": [meter_value(moment, context)],
        }
        return [Message("MeterValues", payload)]

    def ended(self, transaction: Transaction, moment: Moment, reason: StopReason) -> list[Message]:
        stop_mwh = self.reported_mwh(moment.reading.register_mwh)
        payload: Json = {
            "meterStop": stop_mwh // 1_000,
            "timestamp": stamp(moment.at),
            "reason": reason.value,
        }
        if reason is StopReason.LOCAL:
            payload["idTag"] = transaction.token[:ID_TAG_LENGTH_MAX]
        if self._orders.sends_transaction_data:
            payload["transactionData"] = [meter_value(moment, "Transaction.End")]
        return [Message("StopTransaction", payload)]

    def idle_sample(self, connector: Connector, moment: Moment) -> Message:
        payload = {
            "connectorId": connector.number,
            "meterValue": [meter_value(moment, "Trigger")],
        }
        return Message("MeterValues", payload)

    def complete(self, waiting: Waiting, transaction: Transaction | None) -> Json:
        if waiting.action == "StartTransaction":
            return waiting.payload
        known = None if transaction is None else transaction.transaction_id
        if waiting.action == "StopTransaction":
            # A start that never got an id leaves the charge point with what real ones send.
            transaction_id = UNKNOWN_TRANSACTION_ID if known is None else int(known)
            return waiting.payload | {"transactionId": transaction_id}
        return waiting.payload if known is None else waiting.payload | {"transactionId": int(known)}

    def learn(self, waiting: Waiting, answer: Json, transaction: Transaction) -> bool:
        if waiting.action != "StartTransaction":
            return True
        given = answer.get("transactionId")
        if isinstance(given, int) and not isinstance(given, bool):
            transaction.transaction_id = str(given)
        return self.is_authorized(answer)

    def answer(self, action: str, payload: Json) -> Answer:
        return self._orders.answer(action, payload)


def meter_value(moment: Moment, context: str) -> Json:
    """Register, power, and per phase current and voltage; SoC on DC. Section 7.33 and 7.43."""
    reading = moment.reading
    values = [
        _sampled(reading.register_mwh // 1_000, "Energy.Active.Import.Register", "Wh", context),
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
    return {"value": str(value), "context": context, "measurand": measurand, "unit": unit}
