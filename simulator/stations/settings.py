"""A station's settings under neutral names; each dialect maps its own keys on to these."""

from simulator.stations.config import StationConfig, Timing
from simulator.stations.ledger import Ledger

VALUE_LENGTH_MAX = 500
_REPLACES = "password.replaces"


class Settings:
    """Factory values, overlaid by what was changed and kept on disk."""

    def __init__(self, station: str, ledger: Ledger, factory: dict[str, str]) -> None:
        self._station = station
        self._ledger = ledger
        changed = ledger.settings(station)
        self._factory_password = factory.get("password", "")
        # A rotated password holds only for as long as the fleet file says what it replaced.
        if changed.pop(_REPLACES, "") != self._factory_password:
            changed.pop("password", None)
        self._values = factory | changed

    def text(self, name: str) -> str | None:
        """The value, or None where there is none."""
        return self._values.get(name)

    def seconds(self, name: str) -> float:
        """A duration; never below 0.05 s, so that a zero cannot spin the station."""
        return max(float(self._values[name]), 0.05)

    def flag(self, name: str) -> bool:
        """A yes or no."""
        return self._values.get(name, "false").lower() == "true"

    def is_valid(self, name: str, value: str) -> bool:
        """Whether a new value could be used."""
        if len(value) > VALUE_LENGTH_MAX:
            return False
        if name.endswith("_s"):
            return value.isdecimal() and 1 <= int(value) <= 86_400
        if name.startswith("is_"):
            return value.lower() in ("true", "false")
        return bool(value)

    def change(self, name: str, value: str) -> None:
        """Use a new value from now on, also after a reboot."""
        self._values[name] = value
        with self._ledger.atomically():
            self._ledger.save_setting(self._station, name, value)
            if name == "password":
                self._ledger.save_setting(self._station, _REPLACES, self._factory_password)


def factory_settings(config: StationConfig, timing: Timing) -> dict[str, str]:
    """What a new station is set to."""
    factory = {
        "heartbeat_interval_s": "300",
        "meter_interval_s": f"{timing.meter_interval_s:g}",
        "connection_timeout_s": f"{timing.connection_timeout_s:g}",
        "is_stop_on_invalid": "true",
        "is_offline_allowed": "true",
        "is_remote_authorized": "false",
        "is_local_pre_authorize": "false",
        "is_list_enabled": "true",
        "is_cached": "true",
        "is_stop_on_disconnect": "true",
        "stop_sampled_data": "Energy.Active.Import.Register",
        "sampled_data": "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage",
    }
    return factory if config.password is None else factory | {"password": config.password}
