"""What a 1.6 charge point answers to the central system. Source: OCPP 1.6 edition 2, section 5."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulator.stations.messages import Answer, Json, Message, NotImplementedHere, PayloadWrong

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

_KEYS = {
    "HeartbeatInterval": "heartbeat_interval_s",
    "MeterValueSampleInterval": "meter_interval_s",
    "ConnectionTimeOut": "connection_timeout_s",
    "StopTransactionOnInvalidId": "is_stop_on_invalid",
    "LocalAuthorizeOffline": "is_offline_allowed",
    "AuthorizeRemoteTxRequests": "is_remote_authorized",
    "StopTransactionOnEVSideDisconnect": "is_stop_on_disconnect",
    "StopTxnSampledData": "stop_sampled_data",
    "MeterValuesSampledData": "sampled_data",
    "AuthorizationKey": "password",
}
_WRITE_ONLY = frozenset({"AuthorizationKey"})
_READ_ONLY = frozenset(
    {"NumberOfConnectors", "SupportedFeatureProfiles", "GetConfigurationMaxKeys"}
)
KEYS_MAX = 50


class Orders16:
    """One method per action; anything else is NotImplemented."""

    def __init__(self, station: "SimulatedStation") -> None:
        self._station = station
        self._actions: dict[str, Callable[[Json], Answer]] = {
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "Reset": self._reset,
            "UnlockConnector": self._unlock,
            "ChangeAvailability": self._availability,
            "TriggerMessage": self._trigger,
            "GetConfiguration": self._get_configuration,
            "ChangeConfiguration": self._change_configuration,
            "DataTransfer": self._data_transfer,
        }

    @property
    def sends_transaction_data(self) -> bool:
        """StopTxnSampledData names something."""
        return bool(self._station.settings.text("stop_sampled_data"))

    def answer(self, action: str, payload: Json) -> Answer:
        """Raises `NotImplementedHere` or `PayloadWrong`."""
        handler = self._actions.get(action)
        if handler is None:
            raise NotImplementedHere(action)
        return handler(payload)

    def _remote_start(self, payload: Json) -> Answer:
        token = _required(payload, "idTag", str)
        connector = payload.get("connectorId") or None
        then = self._station.orders.remote_start(token, connector=connector, remote_start_id=None)
        return Answer({"status": "Rejected" if then is None else "Accepted"}, then)

    def _remote_stop(self, payload: Json) -> Answer:
        transaction_id = str(_required(payload, "transactionId", int))
        then = self._station.orders.remote_stop(transaction_id)
        return Answer({"status": "Rejected" if then is None else "Accepted"}, then)

    def _reset(self, payload: Json) -> Answer:
        hard = _required(payload, "type", str) == "Hard"
        return Answer({"status": "Accepted"}, lambda: self._station.orders.reset(hard=hard))

    def _unlock(self, payload: Json) -> Answer:
        number = _required(payload, "connectorId", int)
        then = self._station.orders.unlock(number)
        return Answer({"status": "NotSupported" if then is None else "Unlocked"}, then)

    def _availability(self, payload: Json) -> Answer:
        number = _required(payload, "connectorId", int)
        operative = _required(payload, "type", str) == "Operative"
        status, then = self._station.orders.availability(number or None, operative=operative)
        return Answer({"status": status}, then)

    def _trigger(self, payload: Json) -> Answer:
        wanted = _required(payload, "requestedMessage", str)
        station, number = self._station, payload.get("connectorId")
        if number is not None and number not in station.connectors:
            return Answer({"status": "Rejected"})
        if wanted == "FirmwareStatusNotification":
            idle = Message(wanted, {"status": "Idle"})
            return Answer({"status": "Accepted"}, lambda: station.tell(idle))
        then = station.orders.trigger(wanted, number)
        return Answer({"status": "NotImplemented" if then is None else "Accepted"}, then)

    def _get_configuration(self, payload: Json) -> Answer:
        wanted = payload.get("key") or [*_KEYS, *sorted(_READ_ONLY)]
        if not isinstance(wanted, list) or len(wanted) > KEYS_MAX:
            raise PayloadWrong("key")
        known, unknown = [], []
        for key in wanted:
            if key in _WRITE_ONLY or (key not in _KEYS and key not in _READ_ONLY):
                if payload.get("key"):
                    unknown.append(key)
                continue
            known.append(
                {"key": key, "readonly": key in _READ_ONLY, "value": self._value(key) or ""}
            )
        return Answer({"configurationKey": known, "unknownKey": unknown})

    def _value(self, key: str) -> str | None:
        match key:
            case "NumberOfConnectors":
                return str(len(self._station.connectors))
            case "SupportedFeatureProfiles":
                return "Core,RemoteTrigger"
            case "GetConfigurationMaxKeys":
                return str(KEYS_MAX)
        return self._station.settings.text(_KEYS[key])

    def _change_configuration(self, payload: Json) -> Answer:
        key, value = _required(payload, "key", str), _required(payload, "value", str)
        name = _KEYS.get(key)
        if key in _READ_ONLY:
            return Answer({"status": "Rejected"})
        if name is None:
            return Answer({"status": "NotSupported"})
        # An empty StopTxnSampledData is how transactionData is switched off.
        if name != "stop_sampled_data" and not self._station.settings.is_valid(name, value):
            return Answer({"status": "Rejected"})
        self._station.settings.change(name, value)
        return Answer({"status": "Accepted"}, lambda: self._station.orders.settings_changed([name]))

    def _data_transfer(self, payload: Json) -> Answer:
        _required(payload, "vendorId", str)
        return Answer({"status": "UnknownVendorId"})


def _required(payload: Json, name: str, kind: type) -> Any:
    value = payload.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise PayloadWrong(name)
    return value
