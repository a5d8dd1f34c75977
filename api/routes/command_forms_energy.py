"""What commands about energy take: charging profiles, schedules, grid controls."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from api.routes.command_forms_station import Number, Place, TransactionId, Word
from api.routes.fields import Content, Input
from holdfast.contracts.charging_profile import ChargingProfile

Purpose = Literal["station_max", "tx_default", "tx", "priority", "local_generation"]
Watts = Annotated[float, Field(ge=-100_000_000, le=100_000_000)]


class ChargingProfileForm(Input):
    """A charging profile for an EVSE; EVSE 0 is the whole station."""

    evse: Place
    profile: ChargingProfile


class ClearChargingProfileForm(Input):
    """Which profiles to remove: one by its id, or all that match. Nothing named: all."""

    id: Number | None = None
    evse: Place | None = None
    purpose: Purpose | None = None
    stack_level: Annotated[int, Field(ge=0, le=1_000)] | None = None


class ChargingProfilesForm(Input):
    """Which profiles are to be reported."""

    evse: Place | None = None
    purpose: Purpose | None = None
    stack_level: Annotated[int, Field(ge=0, le=1_000)] | None = None
    ids: list[Number] = Field(default_factory=list, max_length=100)


class CompositeScheduleForm(Input):
    """What will be in force, as the station computes it from its profiles."""

    evse: Place
    duration_s: Annotated[int, Field(ge=1, le=604_800)]
    unit: Literal["A", "W"] | None = None


class DynamicScheduleForm(Input):
    """New values of a dynamic profile (OCPP 2.1), in the profile's unit."""

    id: Number
    limit: Annotated[float, Field(ge=0)] | None = None
    discharge_limit: Annotated[float, Field(le=0)] | None = None
    setpoint: Watts | None = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        """An update without a value updates nothing."""
        if self.limit is None and self.discharge_limit is None and self.setpoint is None:
            raise ValueError("give limit, discharge_limit or setpoint")
        return self


class PriorityChargingForm(Input):
    """Charge this one first, or no longer (OCPP 2.1)."""

    transaction_id: TransactionId
    activate: bool


class EnergyTransferForm(Input):
    """Ways of energy transfer that the driver may use (OCPP 2.1)."""

    transaction_id: TransactionId
    modes: list[
        Literal[
            "AC_single_phase",
            "AC_two_phase",
            "AC_three_phase",
            "DC",
            "AC_BPT",
            "AC_BPT_DER",
            "AC_DER",
            "DC_BPT",
            "DC_ACDP",
            "DC_ACDP_BPT",
            "WPT",
        ]
    ] = Field(min_length=1, max_length=11)


ControlId = Annotated[str, StringConstraints(min_length=1, max_length=36)]


class DerControlForm(Input):
    """A grid control (OCPP 2.1). `settings`: the field of SetDERControl that belongs to the type,
    such as {"gradient": {…}}."""

    id: ControlId
    type: Word
    default: bool = False
    settings: Content = Field(default_factory=dict)


class DerControlsForm(Input):
    """Which grid controls are set?"""

    id: ControlId | None = None
    type: Word | None = None
    default: bool | None = None


class ClearDerControlForm(Input):
    """Remove grid controls."""

    id: ControlId | None = None
    type: Word | None = None
    default: bool = False
