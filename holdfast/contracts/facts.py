"""Facts: what a station said, without its protocol's words. Nothing else knows OCPP versions.

A fact carries the station's own stamp already judged (`at`, see `domain.event_time`); `clock` says
what was wrong with it. EVSE and connector are the 2.x numbers: connector n of an OCPP 1.6 station
is EVSE n, connector 1; EVSE 0 is the station itself.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Clock = Literal["ok", "missing", "unreadable", "before_2015", "ahead"]

ConnectorStatus = Literal[
    "available",
    "preparing",
    "charging",
    "suspended_ev",
    "suspended_evse",
    "finishing",
    "occupied",
    "reserved",
    "unavailable",
    "faulted",
]

ChargingState = Literal["connected", "charging", "suspended_ev", "suspended_evse", "idle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Common to all: the event's instant (UTC), what was wrong with its stamp, its natural key.

    `key` is the natural key's text (DESIGN 2.3) without the station; None has no duplicates.
    """

    at: datetime
    clock: Clock = "ok"
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationBooted(Fact):
    """OCPP 1.6 section 4.2, 2.0.1 B01. It ends no transaction: stations boot in the middle."""

    vendor: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSeen(Fact):
    """A heartbeat: answered from memory, recorded now and then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReported(Fact):
    """1.6 section 4.9, 2.0.1 G01. EVSE 0: the station itself."""

    evse: int
    connector: int
    status: ConnectorStatus
    error_code: str | None = None
    info: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateHash:
    """What names a certificate to an OCSP responder (2.x OCSPRequestDataType). Hex digits."""

    algorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    responder_url: str | None = None
    source: Literal["ocsp", "crl"] = "ocsp"  # 2.1 lets a station ask for either
    other_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPresented(Fact):
    """Authorize (1.6 section 4.1, 2.0.1 C01, C07): a question; the answer is the decision.

    A contract of ISO 15118 comes with its certificate chain (PEM) or with the hashes of it.
    """

    token_uid: str
    token_type: str | None = None
    certificate: str | None = None
    certificate_hashes: tuple[CertificateHash, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedValue:
    """A signed meter value, character for character as sent: evidence, never a number to bill by.

    OCPP 1.6: format SignedData; 2.x: SignedMeterValueType, whose `data` is base64 of the same.
    """

    data: str
    encoding: str | None = None  # "OCMF", "EDL", as the station names it
    signing_method: str | None = None
    public_key: str | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one MeterValue said at one moment. Registers in mWh, power in W; the rest as sent."""

    at: datetime
    clock: Clock = "ok"
    context: str | None = None
    energy_mwh: int | None = None
    power_w: int | None = None
    soc_percent: int | None = None
    signed: tuple[SignedValue, ...] = ()
    raw: Any = None  # the list of sampled values, as sent


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStarted(Fact):
    """1.6 StartTransaction (`transaction_id` None: we give it), 2.0.1 TransactionEvent Started."""

    evse: int
    connector: int | None = None
    token_uid: str | None = None
    token_type: str | None = None
    transaction_id: str | None = None
    meter_start_mwh: int | None = None
    remote_start_number: int | None = None
    reservation_id: int | None = None
    sequence: int | None = None
    offline: bool = False
    charging_state: ChargingState | None = None
    samples: tuple[Sample, ...] = ()
    extras: dict[str, Any] = field(default_factory=dict)  # what only OCPP 2.1 says; kept as events


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionUpdated(Fact):
    """2.0.1 TransactionEvent Updated. EVSE and token are often absent: matched by id."""

    transaction_id: str
    evse: int | None = None
    connector: int | None = None
    token_uid: str | None = None
    token_type: str | None = None
    remote_start_number: int | None = None
    reservation_id: int | None = None
    trigger: str | None = None
    sequence: int | None = None
    offline: bool = False
    charging_state: ChargingState | None = None
    samples: tuple[Sample, ...] = ()
    extras: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded(Fact):
    """1.6 StopTransaction, 2.0.1 TransactionEvent Ended. It may come without a start."""

    transaction_id: str
    evse: int | None = None
    connector: int | None = None
    token_uid: str | None = None
    token_type: str | None = None
    meter_stop_mwh: int | None = None
    reason: str | None = None
    sequence: int | None = None
    offline: bool = False
    samples: tuple[Sample, ...] = ()
    extras: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSampled(Fact):
    """MeterValues (1.6 section 4.7, 2.0.1 J01). Without a transaction: of the EVSE itself."""

    evse: int
    transaction_id: str | None = None
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareReported(Fact):
    """FirmwareStatusNotification (1.6 section 4.5, 2.0.1 L01)."""

    status: str
    request_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReceived(Fact):
    """DataTransfer from the station: kept as sent, nothing is made of it here."""

    vendor_id: str
    vendor_message_id: str | None = None
    data: Any = field(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReported(Fact):
    """What a station told of itself and what people and rules ask for later: one row of
    `station_events`. `kind` is ours and one word per idea ("security", "log", "monitor",
    "charging_limit", …); `name` is the station's own word for what happened."""

    kind: str
    name: str | None = None
    severity: int | None = None  # OCPP 2.x: 0 danger … 9 debug
    evse: int | None = None
    connector: int | None = None
    request_id: int | None = None
    transaction_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


Attribute = Literal["actual", "target", "min_set", "max_set"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableValue:
    """One attribute of a variable of a component, as a station reports it (2.x device model).

    An OCPP 1.6 configuration key is the variable of a component without a name ("").
    """

    component: str
    variable: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    attribute: Attribute = "actual"
    value: str | None = None
    mutability: Literal["read_only", "write_only", "read_write"] | None = None
    data_type: str | None = None
    unit: str | None = None
    values_list: str | None = None
    min_limit: str | None = None
    max_limit: str | None = None
    supports_monitoring: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VariablesReported(Fact):
    """Variables as they are now: a part of a report (`sequence`, `continued`), or what an answer
    to one of our calls said (`source` "get", "set")."""

    source: Literal["report", "get", "set", "event"]
    request_id: int | None = None
    sequence: int | None = None
    continued: bool = False
    variables: tuple[VariableValue, ...] = ()
    # everything a station has, in one message (1.6 GetConfiguration without keys)
    whole: bool = False
    # asked for, and unknown to the station
    missing: tuple[VariableValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportExpected(Fact):
    """The station took our request for a report in parts (2.x B07, B08, N02): `scope` says how
    much it covers; `empty`, that it has nothing to report."""

    request_id: int
    subject: Literal["variables", "monitors"] = "variables"
    scope: Literal["full", "configuration", "summary", "custom"] = "custom"
    empty: bool = False


SettingStatus = Literal["accepted", "needs_reboot", "rejected", "not_known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingResult:
    """What a station said to one value that we set; `word` is its own word for it."""

    component: str
    variable: str
    value: str | None  # None: a secret
    status: SettingStatus
    word: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    attribute: Attribute = "actual"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsAnswered(Fact):
    """The answer to ChangeConfiguration (1.6 section 5.3) or SetVariables (2.x B05)."""

    results: tuple[SettingResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorValue:
    """A monitor on a variable (2.x block N). `value` is a decimal, as sent."""

    number: int
    component: str
    variable: str
    type: str  # upper_threshold, lower_threshold, delta, periodic, periodic_clock_aligned, …
    value: str
    severity: int
    component_instance: str | None = None
    variable_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    in_transactions_only: bool = False
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorsReported(Fact):
    """A part of a monitoring report (2.x N02), or monitors that a station accepted (N04)."""

    source: Literal["report", "set"]
    request_id: int | None = None
    sequence: int | None = None
    continued: bool = False
    monitors: tuple[MonitorValue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorsCleared(Fact):
    """Monitors that a station no longer has (2.x N06)."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsReported(Fact):
    """One message that says several things, each a fact of its own. The key is the message's."""

    facts: tuple[Fact, ...]


CertificateUse = Literal["station", "v2g", "v2g20"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequested(Fact):
    """SignCertificate (1.6 security A02, 2.0.1 A02): a CSR in PEM, to be signed later."""

    csr: str
    use: CertificateUse = "station"
    request_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractCertificateRequested(Fact):
    """Get15118EVCertificate (2.0.1 M01, M02): an EXI message for a contract provider."""

    schema_version: str
    action: Literal["install", "update"]
    exi_request: str
    contracts_max: int | None = None
    emaids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStatusRequested(Fact):
    """GetCertificateStatus (2.0.1 M06), GetCertificateChainStatus (2.1): is it revoked?"""

    certificates: tuple[CertificateHash, ...]
