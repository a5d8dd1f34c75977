"""What a 2.0.1 station answers to the CSMS. Source: OCPP 2.0.1 edition 3 part 2, B, E, F, G."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulator.stations.dialect import stamp
from simulator.stations.messages import Answer, Json, Message, NotImplementedHere, PayloadWrong

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

_VARIABLES = {
    ("OCPPCommCtrlr", "HeartbeatInterval"): "heartbeat_interval_s",
    ("SampledDataCtrlr", "TxUpdatedInterval"): "meter_interval_s",
    ("TxCtrlr", "EVConnectionTimeOut"): "connection_timeout_s",
    ("TxCtrlr", "StopTxOnInvalidId"): "is_stop_on_invalid",
    ("AuthCtrlr", "LocalAuthorizeOffline"): "is_offline_allowed",
    ("AuthCtrlr", "AuthorizeRemoteStart"): "is_remote_authorized",
    ("SecurityCtrlr", "BasicAuthPassword"): "password",
}
_WRITE_ONLY = frozenset({"password"})
_COMPONENTS = frozenset(component for component, _ in _VARIABLES) | {"ChargingStation"}
VARIABLES_MAX = 50
REPORT_PART_SIZE = 4


class Orders201:
    """One method per action; anything else is NotImplemented."""

    def __init__(self, station: "SimulatedStation") -> None:
        self._station = station
        self._actions: dict[str, Callable[[Json], Answer]] = {
            "RequestStartTransaction": self._request_start,
            "RequestStopTransaction": self._request_stop,
            "Reset": self._reset,
            "UnlockConnector": self._unlock,
            "ChangeAvailability": self._availability,
            "TriggerMessage": self._trigger,
            "GetVariables": self._get_variables,
            "SetVariables": self._set_variables,
            "GetTransactionStatus": self._transaction_status,
            "GetBaseReport": self._base_report,
            "DataTransfer": self._data_transfer,
        }

    def answer(self, action: str, payload: Json) -> Answer:
        """Raises `NotImplementedHere` or `PayloadWrong`."""
        handler = self._actions.get(action)
        if handler is None:
            raise NotImplementedHere(action)
        return handler(payload)

    def position_of(self, number: int) -> int:
        """The connector's number within its EVSE."""
        return self._station.connectors[number].position

    def _number_of(self, evse: Any, connector_id: Any = None) -> int | None:
        for connector in self._station.connectors.values():
            if connector.evse == evse and connector_id in (None, connector.position):
                return connector.number
        return None

    def _request_start(self, payload: Json) -> Answer:
        id_token = _required(payload, "idToken", dict)
        token = _required(id_token, "idToken", str)
        remote_start_id = _required(payload, "remoteStartId", int)
        number = None
        if payload.get("evseId") is not None:
            number = self._number_of(payload["evseId"])
            if number is None:
                return Answer({"status": "Rejected"})
        then = self._station.orders.remote_start(
            token, connector=number, remote_start_id=remote_start_id
        )
        return Answer({"status": "Rejected" if then is None else "Accepted"}, then)

    def _request_stop(self, payload: Json) -> Answer:
        then = self._station.orders.remote_stop(_required(payload, "transactionId", str))
        return Answer({"status": "Rejected" if then is None else "Accepted"}, then)

    def _reset(self, payload: Json) -> Answer:
        immediate = _required(payload, "type", str) == "Immediate"
        if payload.get("evseId") is not None:
            return Answer({"status": "Rejected"})
        if not immediate and self._station.is_charging:
            return Answer({"status": "Scheduled"}, self._station.orders.reset_when_idle)
        return Answer({"status": "Accepted"}, lambda: self._station.orders.reset(hard=immediate))

    def _unlock(self, payload: Json) -> Answer:
        number = self._number_of(
            _required(payload, "evseId", int), _required(payload, "connectorId", int)
        )
        if number is None:
            return Answer({"status": "UnknownConnector"})
        if self._station.connectors[number].transaction is not None:
            return Answer({"status": "OngoingAuthorizedTransaction"})
        return Answer({"status": "Unlocked"}, self._station.orders.unlock(number))

    def _availability(self, payload: Json) -> Answer:
        operative = _required(payload, "operationalStatus", str) == "Operative"
        number, evse = None, payload.get("evse")
        if isinstance(evse, dict) and evse.get("id"):
            number = self._number_of(evse["id"], evse.get("connectorId"))
            if number is None:
                return Answer({"status": "Rejected"})
        status, then = self._station.orders.availability(number, operative=operative)
        return Answer({"status": status}, then)

    def _trigger(self, payload: Json) -> Answer:
        wanted = _required(payload, "requestedMessage", str)
        station, number, evse = self._station, None, payload.get("evse")
        if isinstance(evse, dict):
            number = self._number_of(evse.get("id"), evse.get("connectorId"))
            if number is None:
                return Answer({"status": "Rejected"})
        if wanted == "FirmwareStatusNotification":
            idle = Message(wanted, {"status": "Idle"})
            return Answer({"status": "Accepted"}, lambda: station.tell(idle))
        then = station.orders.trigger(wanted, number)
        return Answer({"status": "NotImplemented" if then is None else "Accepted"}, then)

    def _get_variables(self, payload: Json) -> Answer:
        results = []
        for wanted in _entries(payload, "getVariableData"):
            component, variable = _pair(wanted)
            name = _VARIABLES.get((component, variable))
            result: Json = {"component": wanted["component"], "variable": wanted["variable"]}
            if wanted.get("attributeType", "Actual") != "Actual":
                result["attributeStatus"] = "NotSupportedAttributeType"
            elif name is None:
                result["attributeStatus"] = _unknown(component)
            elif name in _WRITE_ONLY:
                result["attributeStatus"] = "Rejected"
            else:
                value = self._station.settings.text(name) or ""
                result |= {"attributeStatus": "Accepted", "attributeValue": value}
            results.append(result)
        return Answer({"getVariableResult": results})

    def _set_variables(self, payload: Json) -> Answer:
        results, changed = [], []
        for wanted in _entries(payload, "setVariableData"):
            component, variable = _pair(wanted)
            name, value = _VARIABLES.get((component, variable)), wanted.get("attributeValue")
            if name is None:
                status = _unknown(component)
            elif isinstance(value, str) and self._station.settings.is_valid(name, value):
                self._station.settings.change(name, value)
                changed.append(name)
                status = "Accepted"
            else:
                status = "Rejected"
            results.append(
                {
                    "attributeStatus": status,
                    "component": wanted["component"],
                    "variable": wanted["variable"],
                }
            )
        return Answer(
            {"setVariableResult": results},
            lambda: self._station.orders.settings_changed(changed),
        )

    def _transaction_status(self, payload: Json) -> Answer:
        transaction_id = payload.get("transactionId")
        if transaction_id is None:
            return Answer({"messagesInQueue": self._station.queue_length > 0})
        key = str(transaction_id)
        running = [one.transaction for one in self._station.connectors.values()]
        is_ongoing = any(one is not None and one.key == key for one in running)
        waits = self._station.ledger.queue_length_of(self._station.identity, key) > 0
        return Answer({"ongoingIndicator": is_ongoing, "messagesInQueue": waits})

    def _base_report(self, payload: Json) -> Answer:
        request_id = _required(payload, "requestId", int)
        if payload.get("reportBase") not in ("ConfigurationInventory", "FullInventory"):
            return Answer({"status": "NotSupported"})
        return Answer({"status": "Accepted"}, lambda: self._report(request_id))

    def _report(self, request_id: int) -> None:
        lines = [self._report_line(*pair) for pair in _VARIABLES]
        for connector in self._station.connectors.values():
            evse = {"id": connector.evse, "connectorId": connector.position}
            lines.append(
                {
                    "component": {"name": "Connector", "evse": evse},
                    "variable": {"name": "Available"},
                    "variableAttribute": [{"value": "true", "mutability": "ReadOnly"}],
                }
            )
        parts = [lines[at : at + REPORT_PART_SIZE] for at in range(0, len(lines), REPORT_PART_SIZE)]
        for seq_no, part in enumerate(parts):
            payload = {
                "requestId": request_id,
                "generatedAt": stamp(self._station.station_time()),
                "seqNo": seq_no,
                "tbc": seq_no < len(parts) - 1,
                "reportData": part,
            }
            self._station.tell(Message("NotifyReport", payload))

    def _report_line(self, component: str, variable: str) -> Json:
        name = _VARIABLES[component, variable]
        attribute: Json = {"mutability": "WriteOnly" if name in _WRITE_ONLY else "ReadWrite"}
        if name not in _WRITE_ONLY:
            attribute["value"] = self._station.settings.text(name) or ""
        return {
            "component": {"name": component},
            "variable": {"name": variable},
            "variableAttribute": [attribute],
        }

    def _data_transfer(self, payload: Json) -> Answer:
        _required(payload, "vendorId", str)
        return Answer({"status": "UnknownVendorId"})


def _required(payload: Json, name: str, kind: type) -> Any:
    value = payload.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise PayloadWrong(name)
    return value


def _entries(payload: Json, name: str) -> list[Json]:
    entries = _required(payload, name, list)
    if not 1 <= len(entries) <= VARIABLES_MAX or not all(isinstance(one, dict) for one in entries):
        raise PayloadWrong(name)
    return list(entries)


def _pair(wanted: Json) -> tuple[str, str]:
    component = _required(wanted, "component", dict)
    variable = _required(wanted, "variable", dict)
    return _required(component, "name", str), _required(variable, "name", str)


def _unknown(component: str) -> str:
    return "UnknownVariable" if component in _COMPONENTS else "UnknownComponent"
