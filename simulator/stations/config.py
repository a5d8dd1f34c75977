"""What a fleet file says: which stations there are, what they are built of, and how fast they live.

The file is JSON: `{"tokens": [...], "stations": [{...}]}`. A station without tokens of its own uses
the fleet's. Every mistake in the file is one `FleetFileWrong` with the place in its message.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import orjson

from simulator.stations.quirks import Quirks, QuirkWrong, quirks_from

Protocol = Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
CurrentType = Literal["AC", "DC"]
TransactionStart = Literal["authorized", "cable"]

STATIONS_MAX = 10_000
EVSES_MAX = 16
CONNECTORS_MAX = 4
TOKENS_MAX = 100_000
POWER_W_MAX = 1_000_000


class FleetFileWrong(Exception):
    """The fleet file cannot be used; the message names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseConfig:
    """One EVSE. Only one of its connectors can charge at a time."""

    connectors: int = 1
    max_power_w: int = 11_000
    current_type: CurrentType = "AC"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """One station as it leaves the factory.

    `boot_on_reconnect`: real stations differ in whether they boot again on each new socket.
    `remote_plug_in`: a driver turns up with a car when a remote start is accepted for a free
    connector; otherwise the start lapses after `Timing.connection_timeout_s`.
    `transaction_start`: OCPP 2.0.1 only; with "cable" the first event carries no token.
    `price_display`: OCPP 1.6 only; it shows prices and costs as California wants it.
    """

    identity: str
    protocol: Protocol = "ocpp1.6"
    vendor: str = "Simulated"
    model: str = "Sim-1"
    firmware: str = "1.0.0"
    password: str | None = None
    evses: tuple[EvseConfig, ...] = (EvseConfig(),)
    tokens: tuple[str, ...] = ("SIMTOKEN0001",)
    token_type: str = "ISO14443"  # noqa: S105 - a kind of token, not one
    boot_on_reconnect: bool = False
    remote_plug_in: bool = True
    transaction_start: TransactionStart = "authorized"
    price_display: bool = False
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    quirks: Quirks = field(default_factory=Quirks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How fast things happen, in real seconds. Only `acceleration` touches the drivers' figures.

    `step_s` is between the states of a long job (a download, an upload); `second_s` is how long a
    second lasts that a back office orders (a monitor's period)."""

    acceleration: float = 1.0
    meter_interval_s: float = 10.0
    reconnect_base_s: float = 0.5
    reconnect_max_s: float = 5.0
    call_timeout_s: float = 30.0
    retry_interval_s: float = 1.0
    boot_delay_s: float = 1.0
    boot_retry_s: float = 10.0
    plug_delay_s: float = 0.5
    connection_timeout_s: float = 60.0
    ping_interval_s: float = 20.0
    step_s: float = 1.0
    second_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetConfig:
    """All stations of one process."""

    stations: tuple[StationConfig, ...] = field(default=())


def read_fleet(path: Path) -> FleetConfig:
    """Read and check a fleet file. Raises `FleetFileWrong`."""
    try:
        document = orjson.loads(path.read_bytes())
    except OSError as error:
        raise FleetFileWrong(f"cannot read {path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise FleetFileWrong(f"{path} is not JSON: {error}") from error
    return parse_fleet(document)


def parse_fleet(document: Any) -> FleetConfig:
    """Check a parsed fleet file; a bare list is taken as the stations. Raises `FleetFileWrong`."""
    if isinstance(document, list):
        document = {"stations": document}
    if not isinstance(document, dict):
        raise FleetFileWrong("a fleet is an object with `stations`, or a list of stations")
    raw = document.get("stations")
    if not isinstance(raw, list) or not 1 <= len(raw) <= STATIONS_MAX:
        raise FleetFileWrong(f"`stations` must list 1 to {STATIONS_MAX} stations")
    tokens = _tokens(document.get("tokens", ["SIMTOKEN0001"]), "tokens")
    stations = tuple(_station(entry, f"stations[{at}]", tokens) for at, entry in enumerate(raw))
    if len({station.identity for station in stations}) != len(stations):
        raise FleetFileWrong("two stations have the same identity")
    return FleetConfig(stations=stations)


def _station(entry: Any, where: str, fleet_tokens: tuple[str, ...]) -> StationConfig:
    if not isinstance(entry, dict):
        raise FleetFileWrong(f"{where} is not an object")
    unknown = set(entry) - set(StationConfig.__dataclass_fields__)
    if unknown:
        raise FleetFileWrong(f"{where} has unknown fields: {', '.join(sorted(unknown))}")
    values = dict(entry)
    evses = values.get("evses", [{}])
    if not isinstance(evses, list) or not 1 <= len(evses) <= EVSES_MAX:
        raise FleetFileWrong(f"{where}.evses must list 1 to {EVSES_MAX} EVSEs")
    values["evses"] = tuple(_evse(evse, f"{where}.evses[{at}]") for at, evse in enumerate(evses))
    own = values.get("tokens")
    values["tokens"] = _tokens(own, f"{where}.tokens") if own else fleet_tokens
    _check_plain_fields(values, where)
    try:
        values["quirks"] = quirks_from(values.get("quirks", {}), f"{where}.quirks")
    except QuirkWrong as error:
        raise FleetFileWrong(str(error)) from error
    return StationConfig(**values)


def _check_plain_fields(values: dict[str, Any], where: str) -> None:
    for name, allowed in (("protocol", Protocol), ("transaction_start", TransactionStart)):
        if name in values and values[name] not in get_args(allowed):
            raise FleetFileWrong(f"{where}.{name} must be one of {', '.join(get_args(allowed))}")
    for name in ("identity", "vendor", "model", "firmware", "token_type"):
        if name in values and not (isinstance(values[name], str) and 1 <= len(values[name]) <= 48):
            raise FleetFileWrong(f"{where}.{name} must be a text of 1 to 48 characters")
    for name in ("boot_on_reconnect", "remote_plug_in", "price_display"):
        if not isinstance(values.get(name, False), bool):
            raise FleetFileWrong(f"{where}.{name} must be true or false")
    for name in ("password", "ca_file", "certificate_file", "key_file"):
        if not isinstance(values.get(name), str | None):
            raise FleetFileWrong(f"{where}.{name} must be a text or null")
    if "identity" not in values:
        raise FleetFileWrong(f"{where}.identity is missing")


def _evse(entry: Any, where: str) -> EvseConfig:
    if not isinstance(entry, dict) or set(entry) - set(EvseConfig.__dataclass_fields__):
        raise FleetFileWrong(f"{where} knows connectors, max_power_w and current_type")
    evse = EvseConfig(**entry)
    if not _whole(evse.connectors, CONNECTORS_MAX):
        raise FleetFileWrong(f"{where}.connectors must be 1 to {CONNECTORS_MAX}")
    if not _whole(evse.max_power_w, POWER_W_MAX):
        raise FleetFileWrong(f"{where}.max_power_w must be 1 to {POWER_W_MAX}")
    if evse.current_type not in get_args(CurrentType):
        raise FleetFileWrong(f"{where}.current_type must be AC or DC")
    return evse


def _whole(value: Any, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= highest


def _tokens(entry: Any, where: str) -> tuple[str, ...]:
    if not isinstance(entry, list) or not 1 <= len(entry) <= TOKENS_MAX:
        raise FleetFileWrong(f"{where} must list 1 to {TOKENS_MAX} tokens")
    if not all(isinstance(token, str) and 1 <= len(token) <= 36 for token in entry):
        raise FleetFileWrong(f"{where} must be texts of 1 to 36 characters")
    return tuple(entry)
