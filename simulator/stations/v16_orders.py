"""What a 1.6 charge point answers to the central system. Source: OCPP 1.6 edition 2, section 5."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from simulator.stations import (
    authorization,
    certificates,
    charging,
    firmware,
    price_display,
    reservations,
)
from simulator.stations.messages import Answer, Json, NotImplementedHere, PayloadWrong
from simulator.stations.power import PERIODS_MAX, PROFILES_MAX, profile_from
from simulator.stations.schemas import finding
from simulator.stations.triggers import triggered

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

_KEYS = {
    "HeartbeatInterval": "heartbeat_interval_s",
    "MeterValueSampleInterval": "meter_interval_s",
    "ConnectionTimeOut": "connection_timeout_s",
    "StopTransactionOnInvalidId": "is_stop_on_invalid",
    "LocalAuthorizeOffline": "is_offline_allowed",
    "LocalPreAuthorize": "is_local_pre_authorize",
    "LocalAuthListEnabled": "is_list_enabled",
    "AuthorizationCacheEnabled": "is_cached",
    "AuthorizeRemoteTxRequests": "is_remote_authorized",
    "StopTransactionOnEVSideDisconnect": "is_stop_on_disconnect",
    "StopTxnSampledData": "stop_sampled_data",
    "MeterValuesSampledData": "sampled_data",
    "AuthorizationKey": "password",
    "ClockAlignedDataInterval": "aligned_interval",
    "MeterValuesAlignedData": "aligned",
    "StopTxnAlignedData": "stop_aligned",
    "ConnectorPhaseRotation": "phase_rotation",
    "ResetRetries": "reset_retries",
    "TransactionMessageAttempts": "message_attempts",
    "TransactionMessageRetryInterval": "retry_interval",
    "UnlockConnectorOnEVSideDisconnect": "is_unlock_on_ev",
    "WebSocketPingInterval": "ping",
    "CpoName": "organization",
    "MinimumStatusDuration": "minimum_status",
    price_display.DEFAULT: "default_price",
}
_FACTORY = {
    "aligned_interval": "0",
    "phase_rotation": "NotApplicable",
    "reset_retries": "1",
    "message_attempts": "3",
    "retry_interval": "60",
    "is_unlock_on_ev": "true",
    "ping": "20",
    "organization": "Simulated",
    "minimum_status": "0",
}
_MAY_BE_EMPTY = frozenset({"stop_sampled_data", "sampled_data", "aligned", "stop_aligned"})
_WRITE_ONLY = frozenset({"AuthorizationKey"})
_PROFILES = (
    "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"
)
KEYS_MAX = 100

ORDERS_16: dict[str, Callable[["SimulatedStation", Json], Answer]] = {
    "CancelReservation": reservations.cancel,
    "CertificateSigned": certificates.signed,
    "ClearCache": authorization.clear_cache,
    "ClearChargingProfile": charging.clear_profile,
    "DeleteCertificate": certificates.delete,
    "GetCompositeSchedule": charging.get_composite,
    "GetDiagnostics": firmware.diagnostics_16,
    "GetInstalledCertificateIds": certificates.installed_16,
    "GetLocalListVersion": authorization.list_version_16,
    "GetLog": firmware.get_log,
    "InstallCertificate": certificates.install,
    "ReserveNow": reservations.reserve_now_16,
    "SendLocalList": authorization.send_list_16,
    "SetChargingProfile": charging.set_profile,
    "SignedUpdateFirmware": firmware.update,
    "UpdateFirmware": firmware.update_16,
}
"""What needs no more than the station; the rest are methods below."""


class Orders16:
    """One method per action; anything else is NotImplemented."""

    _METHODS: ClassVar[dict[str, str]] = {
        "ChangeAvailability": "_availability",
        "ChangeConfiguration": "_change_configuration",
        "DataTransfer": "_data_transfer",
        "ExtendedTriggerMessage": "_trigger",
        "GetConfiguration": "_get_configuration",
        "RemoteStartTransaction": "_remote_start",
        "RemoteStopTransaction": "_remote_stop",
        "Reset": "_reset",
        "TriggerMessage": "_trigger",
        "UnlockConnector": "_unlock",
    }

    def __init__(self, station: "SimulatedStation") -> None:
        self._station = station

    @property
    def sends_transaction_data(self) -> bool:
        """StopTxnSampledData names something."""
        return bool(self._station.settings.text("stop_sampled_data"))

    def answer(self, action: str, payload: Json) -> Answer:
        """Raises `NotImplementedHere` or `PayloadWrong`."""
        order = ORDERS_16.get(action)
        if order is None and action not in self._METHODS:
            raise NotImplementedHere(action)
        if wrong := finding("ocpp1.6", action, "request", payload):
            raise PayloadWrong(wrong)
        if order is not None:
            return order(self._station, payload)
        own: Callable[[Json], Answer] = getattr(self, self._METHODS[action])
        return own(payload)

    def _remote_start(self, payload: Json) -> Answer:
        token = _required(payload, "idTag", str)
        connector = payload.get("connectorId") or None
        raw_profile = payload.get("chargingProfile")
        if raw_profile is not None and raw_profile["chargingProfilePurpose"] != "TxProfile":
            return Answer({"status": "Rejected"})
        then = self._station.orders.remote_start(token, connector=connector, remote_start_id=None)
        if then is not None and raw_profile is not None:
            self._station.profiles.add(profile_from(raw_profile, connector or 0))
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
        status, then = self._station.orders.availability(
            number or None, operative=operative, each=True
        )
        return Answer({"status": status}, then)

    def _trigger(self, payload: Json) -> Answer:
        wanted = _required(payload, "requestedMessage", str)
        station, number = self._station, payload.get("connectorId")
        if number is not None and number not in station.connectors:
            return Answer({"status": "Rejected"})
        special = triggered(station, wanted)
        if special is not None:
            return Answer({"status": "Accepted"}, special)
        then = station.orders.trigger(wanted, number)
        return Answer({"status": "NotImplemented" if then is None else "Accepted"}, then)

    def _get_configuration(self, payload: Json) -> Answer:
        facts = self._facts()
        keys = self._keys()
        wanted = payload.get("key") or [*keys, *facts]
        if len(wanted) > KEYS_MAX:
            raise PayloadWrong("key")
        known, unknown = [], []
        for key in wanted:
            if key in _WRITE_ONLY or (key not in keys and key not in facts):
                if payload.get("key"):
                    unknown.append(key)
                continue
            value = facts[key] if key in facts else self._value(key)
            known.append({"key": key, "readonly": key in facts, "value": value[:500]})
        return Answer({"configurationKey": known, "unknownKey": unknown})

    def _keys(self) -> dict[str, str]:
        """Keys that may be changed."""
        shows = self._station.config.price_display
        return {key: name for key, name in _KEYS.items() if shows or key != price_display.DEFAULT}

    def _value(self, key: str) -> str:
        name = _KEYS[key]
        value = self._station.settings.text(name)
        return _FACTORY.get(name, "") if value is None else value

    def _facts(self) -> dict[str, str]:
        """Keys that nobody can change."""
        quirks = self._station.quirks
        shows = {price_display.SUPPORTED: "true"} if self._station.config.price_display else {}
        return shows | {
            "NumberOfConnectors": str(len(self._station.connectors)),
            "SupportedFeatureProfiles": _PROFILES,
            "GetConfigurationMaxKeys": str(KEYS_MAX),
            "LocalAuthListMaxLength": str(quirks.local_list_max),
            "SendLocalListMaxLength": str(quirks.local_list_chunk),
            "ChargeProfileMaxStackLevel": str(charging.STACK_LEVEL_MAX),
            "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
            "ChargingScheduleMaxPeriods": str(PERIODS_MAX),
            "MaxChargingProfilesInstalled": str(PROFILES_MAX),
            "ReserveConnectorZeroSupported": "true",
            "SecurityProfile": str(certificates.security_profile(self._station)),
        }

    def _change_configuration(self, payload: Json) -> Answer:
        key, value = _required(payload, "key", str), _required(payload, "value", str)
        name = _KEYS.get(key)
        if key in self._facts():
            return Answer({"status": "Rejected"})
        if name is None or (
            key == price_display.DEFAULT and not self._station.config.price_display
        ):
            return Answer({"status": "NotSupported"})
        if key == price_display.DEFAULT and not price_display.is_default_price(value):
            return Answer({"status": "Rejected"})
        # An empty StopTxnSampledData is how transactionData is switched off.
        if not (name in _MAY_BE_EMPTY and not value) and not self._station.settings.is_valid(
            name, value
        ):
            return Answer({"status": "Rejected"})
        self._station.settings.change(name, value)
        return Answer({"status": "Accepted"}, lambda: self._station.orders.settings_changed([name]))

    def _data_transfer(self, payload: Json) -> Answer:
        _required(payload, "vendorId", str)
        return price_display.transfer(self._station, payload)


def _required(payload: Json, name: str, kind: type) -> Any:
    value = payload.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise PayloadWrong(name)
    return value
