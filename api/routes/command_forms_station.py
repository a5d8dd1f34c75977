"""What commands about a station's model, data, firmware and display take."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from api.routes.fields import (
    ConnectorNumber,
    Content,
    Currency,
    EvseNumber,
    Input,
    Instant,
    TokenUid,
)
from holdfast.domain.money import AMOUNT_MINOR_MAX
from holdfast.http.wrong_values import Said

Number = Annotated[int, Field(ge=0, le=2_147_483_647)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Place = Annotated[int, Field(ge=0, le=1_000)]
Location = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512, pattern=r"^[a-z][a-z0-9+.-]*://\S+$"),
    Said("use a URL of at most 512 characters, such as sftp://example.org/firmware.bin"),
]
Pem = Annotated[str, StringConstraints(min_length=1, max_length=5_500)]
Hex = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9A-Fa-f]{1,128}$"),
    Said("use 1 to 128 hexadecimal digits"),
]
TransactionId = Annotated[str, StringConstraints(min_length=1, max_length=36)]


class Nothing(Input):
    """No fields."""


class TokenForm(Input):
    """A token as the station knows it."""

    uid: TokenUid
    type: Word = "ISO14443"


class BaseReportForm(Input):
    """Which of the station's own reports. OCPP 1.6: its whole configuration."""

    base: Literal["full", "configuration", "summary"] = "full"


class ComponentForm(Input):
    """A component, or one variable of it."""

    component: Word
    component_instance: Word | None = None
    variable: Word | None = None
    variable_instance: Word | None = None
    evse: EvseNumber | None = None
    connector: ConnectorNumber | None = None


class ReportForm(Input):
    """Some components; without any, all that meet the criteria."""

    components: list[ComponentForm] = Field(default_factory=list, max_length=500)
    criteria: list[Literal["active", "available", "enabled", "problem"]] = Field(
        default_factory=list, max_length=4
    )


class MonitoringReportForm(Input):
    """Which monitors are to be reported."""

    components: list[ComponentForm] = Field(default_factory=list, max_length=500)
    criteria: list[Literal["threshold_monitoring", "delta_monitoring", "periodic_monitoring"]] = (
        Field(default_factory=list, max_length=3)
    )


class SetMonitorForm(ComponentForm):
    """A monitor on a variable. `severity`: 0 is danger, 9 is debugging."""

    variable: Word
    type: Literal[
        "upper_threshold",
        "lower_threshold",
        "delta",
        "periodic",
        "periodic_clock_aligned",
        "target_delta",
        "target_delta_relative",
    ]
    value: float
    severity: Annotated[int, Field(ge=0, le=9)] = 9
    id: Number | None = None
    transaction: bool | None = None


class SetMonitorsForm(Input):
    """Monitors to set."""

    monitors: list[SetMonitorForm] = Field(min_length=1, max_length=500)


class ClearMonitorsForm(Input):
    """Monitors to remove, by their ids."""

    ids: list[Number] = Field(min_length=1, max_length=500)


class MonitoringBaseForm(Input):
    """Which monitors are active."""

    base: Literal["all", "factory_default", "hard_wired_only"]


class MonitoringLevelForm(Input):
    """Events of this severity and more severe ones are reported: 0 is danger, 9 debugging."""

    severity: Annotated[int, Field(ge=0, le=9)]


class ListEntryForm(TokenForm):
    """A token on the list. Without a status it is taken off."""

    status: Literal["accepted", "blocked", "expired", "invalid"] | None = None
    expires_at: Instant | None = None
    group_id: TokenUid | None = None


class LocalListForm(Input):
    """The list of tokens that the station accepts by itself."""

    version: Annotated[int, Field(ge=1, le=2_147_483_647)]
    update: Literal["full", "differential"] = "full"
    entries: list[ListEntryForm] = Field(max_length=5_000)


class ReserveForm(Input):
    """Keep an EVSE free for a token, or for its group too. EVSE 0: any, or one with a connector of
    the type that is named (OCPP 2.x, such as `cCCS2`)."""

    reservation: Number
    evse: Place = 0
    token: TokenForm
    expires_at: Instant
    group_id: TokenUid | None = None
    connector_type: Annotated[str, StringConstraints(min_length=1, max_length=20)] | None = None


class CancelReservationForm(Input):
    """Give a reservation up."""

    reservation: Number


class UpdateFirmwareForm(Input):
    """Where the firmware is, and when to take it. A signature needs the certificate beside it."""

    location: Location
    retrieve_at: Instant
    install_at: Instant | None = None
    certificate: Pem | None = None
    signature: Annotated[str, StringConstraints(max_length=800)] | None = None
    retries: Annotated[int, Field(ge=0, le=100)] | None = None
    retry_interval_s: Annotated[int, Field(ge=0, le=86_400)] | None = None

    @model_validator(mode="after")
    def signed_whole(self) -> Self:
        """One without the other proves nothing."""
        if (self.certificate is None) != (self.signature is None):
            raise ValueError("give certificate and signature together, or neither")
        return self


class LogForm(Input):
    """Have a log uploaded."""

    type: Literal["diagnostics", "security"] = "diagnostics"
    location: Location
    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = None
    retries: Annotated[int, Field(ge=0, le=100)] | None = None
    retry_interval_s: Annotated[int, Field(ge=0, le=86_400)] | None = None


class TransactionStatusForm(Input):
    """Is it running? Without an id: are messages of transactions still to come?"""

    transaction_id: TransactionId | None = None


class InstalledCertificatesForm(Input):
    """Which certificates are installed; without uses, all."""

    uses: list[Literal["central_system", "manufacturer", "v2g", "mo", "v2g_chain"]] = Field(
        default_factory=list, max_length=5
    )


class InstallCertificateForm(Input):
    """A root certificate, in PEM."""

    use: Literal["central_system", "manufacturer", "v2g", "mo", "oem"]
    certificate: Pem


class HashForm(Input):
    """What names a certificate."""

    algorithm: Literal["SHA256", "SHA384", "SHA512"] = "SHA256"
    issuer_name: Hex
    issuer_key: Hex
    serial: Annotated[
        str,
        StringConstraints(pattern=r"^[0-9A-Fa-f]{1,40}$"),
        Said("use 1 to 40 hexadecimal digits"),
    ]


class DeleteCertificateForm(Input):
    """Remove an installed certificate."""

    hash: HashForm


class MessageForm(Input):
    """A message for the station's display."""

    id: Number
    content: Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
    format: Literal["ascii", "html", "uri", "utf8", "qrcode"] = "utf8"
    language: Annotated[str, StringConstraints(max_length=8)] | None = None
    priority: Literal["always_front", "in_front", "normal"] = "normal"
    state: (
        Literal["charging", "faulted", "idle", "unavailable", "suspended", "discharging"] | None
    ) = None
    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = None
    transaction_id: TransactionId | None = None


class DisplayMessageForm(Input):
    """Show a message."""

    message: MessageForm


class DisplayMessagesForm(Input):
    """Which messages are there?"""

    ids: list[Number] = Field(default_factory=list, max_length=100)
    priority: Literal["always_front", "in_front", "normal"] | None = None
    state: Literal["charging", "faulted", "idle", "unavailable"] | None = None


class ClearDisplayMessageForm(Input):
    """Remove a message."""

    id: Number


class CustomerInformationForm(Input):
    """What the station keeps about one person: reported, removed, or both."""

    token: TokenForm | None = None
    customer: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    report: bool = False
    clear: bool = False

    @model_validator(mode="after")
    def one_person(self) -> Self:
        """N09.FR.09."""
        if (self.token is None) == (self.customer is None):
            raise ValueError("name the token or the customer")
        if not (self.report or self.clear):
            raise ValueError("ask for report, clear or both")
        return self


class CostForm(Input):
    """The cost so far, shown at the station."""

    transaction_id: TransactionId
    total_minor: Annotated[int, Field(ge=0, le=AMOUNT_MINOR_MAX)]
    currency: Currency


class TariffForm(Input):
    """A tariff in OCPP 2.1's words (TariffType), for an EVSE or, with 0, for all."""

    evse: Place = 0
    tariff: Content


class TransactionTariffForm(Input):
    """Another tariff for a running transaction (OCPP 2.1)."""

    transaction_id: TransactionId
    tariff: Content


class TariffsForm(Input):
    """Which tariffs are installed on an EVSE or, with 0, on all."""

    evse: Place = 0


class ClearTariffsForm(Input):
    """Remove tariffs: without ids, all."""

    ids: list[Annotated[str, StringConstraints(min_length=1, max_length=60)]] = Field(
        default_factory=list, max_length=100
    )
    evse: Place | None = None


class BatterySwapForm(Input):
    """Let a driver take a battery."""

    token: TokenForm
