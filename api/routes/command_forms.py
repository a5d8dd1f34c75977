"""What each command takes, without the words of an OCPP version."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from api.routes.fields import (
    ConnectorNumber,
    Content,
    EvseNumber,
    Input,
    Line,
    TokenUid,
    written,
)
from holdfast.domain.money import AMOUNT_MINOR_MAX
from holdfast.http.wrong_values import Said

VARIABLES_MAX = 50
VALUE_LENGTH_MAX = 1_000
VariableName = Annotated[str, StringConstraints(min_length=1, max_length=150)]
VariableValue = Annotated[str, StringConstraints(max_length=VALUE_LENGTH_MAX)]


class LimitsForm(Input):
    """Where the session is stopped. The installation's own limits and a hold apply as well."""

    energy_wh: int | None = Field(None, ge=1, description="At most the installation's limit.")
    duration_s: int | None = Field(None, ge=1, description="At most the installation's limit.")
    cost_minor: int | None = Field(
        None,
        ge=1,
        le=AMOUNT_MINOR_MAX,
        description="After tax, in minor units of the tariff's currency. A hold is a limit of "
        "itself: what is held, less a margin for what flows while the station stops.",
    )


class StartForm(Input):
    """Start on an EVSE, for a token of ours or for who made a payment that is held."""

    evse: EvseNumber
    connector: ConnectorNumber | None = None
    token: TokenUid | None = None
    payment: UUID | None = None
    limits: LimitsForm = Field(default_factory=LimitsForm)

    @model_validator(mode="after")
    def somebody_pays(self) -> Self:
        """A start for nobody would be settled by nobody."""
        if self.token is None and self.payment is None:
            raise ValueError("name a token, or a payment that is held")
        return self


class StopForm(Input):
    """Stop a session, by our id or by the station's transaction id."""

    session: UUID | None = None
    transaction_id: Line | None = None

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        """They could name two different ones."""
        if (self.session is None) == (self.transaction_id is None):
            raise ValueError("name the session or the transaction_id")
        return self


class ResetForm(Input):
    """`soft` lets transactions finish where the station can."""

    type: Literal["soft", "hard"] = "soft"


class UnlockForm(Input):
    """Let go of a cable."""

    evse: EvseNumber
    connector: ConnectorNumber = 1


class AvailabilityForm(Input):
    """Without `evse`, the whole station; without `connector`, the whole EVSE."""

    operative: bool
    evse: Annotated[int, Field(ge=0, le=1_000)] | None = None
    connector: ConnectorNumber | None = None


class TriggerForm(Input):
    """Have a message sent, such as BootNotification or MeterValues."""

    message: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9]{1,50}$"),
        Said("use a message's name in OCPP, such as BootNotification"),
    ]
    evse: EvseNumber | None = None


class ConfigureForm(Input):
    """Set variables: by key for OCPP 1.6, as "Component.Variable" for 2.x."""

    variables: Annotated[
        dict[VariableName, VariableValue], Field(min_length=1, max_length=VARIABLES_MAX)
    ]


class ReadConfigurationForm(Input):
    """No names: all, for OCPP 1.6."""

    names: Annotated[list[VariableName], Field(max_length=VARIABLES_MAX)] = Field(
        default_factory=list
    )


class DataTransferForm(Input):
    """A message of the vendor's own."""

    vendor_id: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    message_id: Annotated[str, StringConstraints(max_length=50)] | None = None
    data: Annotated[Any, AfterValidator(written)] = None


class CallForm(Input):
    """Any OCPP action, as it is."""

    action: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9]{1,64}$"),
        Said("use an action's name in OCPP, such as GetLog"),
    ]
    payload: Content = Field(default_factory=dict)
    validate_payload: bool = Field(
        True, alias="validate", description="Check the payload against the version's schema first."
    )
