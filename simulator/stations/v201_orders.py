"""What a 2.x station answers to the CSMS. Source: OCPP 2.0.1 edition 3 part 2, B, E, F, G."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from simulator.stations import (
    authorization,
    certificates,
    charging,
    device_model,
    displays,
    firmware,
    monitoring,
    reservations,
)
from simulator.stations.messages import Answer, Json, NotImplementedHere, PayloadWrong
from simulator.stations.power import profile_from
from simulator.stations.schemas import finding
from simulator.stations.triggers import triggered
from simulator.stations.v21_orders import ORDERS_21

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

ORDERS_2X: dict[str, Callable[["SimulatedStation", Json], Answer]] = {
    "CancelReservation": reservations.cancel,
    "CertificateSigned": certificates.signed,
    "ClearCache": authorization.clear_cache,
    "ClearChargingProfile": charging.clear_profile,
    "ClearDisplayMessage": displays.clear_message,
    "ClearVariableMonitoring": monitoring.clear_monitors,
    "CostUpdated": displays.cost_updated,
    "CustomerInformation": displays.customer_information,
    "DeleteCertificate": certificates.delete,
    "GetBaseReport": device_model.base_report,
    "GetChargingProfiles": charging.get_profiles,
    "GetCompositeSchedule": charging.get_composite,
    "GetDisplayMessages": displays.get_messages,
    "GetInstalledCertificateIds": certificates.installed,
    "GetLocalListVersion": authorization.list_version,
    "GetLog": firmware.get_log,
    "GetMonitoringReport": monitoring.report,
    "GetReport": device_model.custom_report,
    "GetVariables": device_model.get_variables,
    "InstallCertificate": certificates.install,
    "PublishFirmware": firmware.publish,
    "ReserveNow": reservations.reserve_now,
    "SendLocalList": authorization.send_list,
    "SetChargingProfile": charging.set_profile,
    "SetDisplayMessage": displays.set_message,
    "SetMonitoringBase": monitoring.set_base,
    "SetMonitoringLevel": monitoring.set_level,
    "SetNetworkProfile": displays.set_network,
    "SetVariableMonitoring": monitoring.set_monitors,
    "SetVariables": device_model.set_variables,
    "UnpublishFirmware": firmware.unpublish,
    "UpdateFirmware": firmware.update,
}
"""What needs no more than the station; the rest are methods below."""


class Orders201:
    """One method per action; anything else is NotImplemented."""

    _METHODS: ClassVar[dict[str, str]] = {
        "ChangeAvailability": "_availability",
        "DataTransfer": "_data_transfer",
        "GetTransactionStatus": "_transaction_status",
        "RequestStartTransaction": "_request_start",
        "RequestStopTransaction": "_request_stop",
        "Reset": "_reset",
        "TriggerMessage": "_trigger",
        "UnlockConnector": "_unlock",
    }

    def __init__(self, station: "SimulatedStation") -> None:
        self._station = station

    def answer(self, action: str, payload: Json) -> Answer:
        """Raises `NotImplementedHere` or `PayloadWrong`."""
        protocol = self._station.config.protocol
        order = ORDERS_2X.get(action)
        if order is None and protocol == "ocpp2.1":
            order = ORDERS_21.get(action)
        if order is None and action not in self._METHODS:
            raise NotImplementedHere(action)
        if wrong := finding(protocol, action, "request", payload):
            raise PayloadWrong(wrong)
        if order is not None:
            return order(self._station, payload)
        own: Callable[[Json], Answer] = getattr(self, self._METHODS[action])
        return own(payload)

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
        raw_profile = payload.get("chargingProfile")
        if raw_profile is not None and raw_profile["chargingProfilePurpose"] != "TxProfile":
            return Answer({"status": "Rejected"})
        then = self._station.orders.remote_start(
            token, connector=number, remote_start_id=remote_start_id
        )
        if then is not None and raw_profile is not None:
            self._station.profiles.add(profile_from(raw_profile, payload.get("evseId", 0)))
        return Answer({"status": "Rejected" if then is None else "Accepted"}, then)

    def _request_stop(self, payload: Json) -> Answer:
        then = self._station.orders.remote_stop(_required(payload, "transactionId", str))
        return Answer({"status": "Rejected" if then is None else "Accepted"}, then)

    def _reset(self, payload: Json) -> Answer:
        immediate = _required(payload, "type", str) == "Immediate"
        if payload.get("evseId") is not None:
            return Answer({"status": "Rejected"})
        if payload["type"] == "ImmediateAndResume":
            resume = self._station.reboot
            again = partial(resume, keep=True, reason="RemoteReset")
            return Answer({"status": "Accepted"}, lambda: self._station.background(again()))
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
        special = triggered(station, wanted, payload.get("customTrigger"))
        if special is not None:
            return Answer({"status": "Accepted"}, special)
        then = station.orders.trigger(wanted, number)
        return Answer({"status": "NotImplemented" if then is None else "Accepted"}, then)

    def _transaction_status(self, payload: Json) -> Answer:
        transaction_id = payload.get("transactionId")
        if transaction_id is None:
            return Answer({"messagesInQueue": self._station.queue_length > 0})
        key = str(transaction_id)
        running = [one.transaction for one in self._station.connectors.values()]
        is_ongoing = any(one is not None and one.key == key for one in running)
        waits = self._station.ledger.queue_length_of(self._station.identity, key) > 0
        return Answer({"ongoingIndicator": is_ongoing, "messagesInQueue": waits})

    def _data_transfer(self, payload: Json) -> Answer:
        _required(payload, "vendorId", str)
        return Answer({"status": "UnknownVendorId"})


def _required(payload: Json, name: str, kind: type) -> Any:
    value = payload.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise PayloadWrong(name)
    return value
