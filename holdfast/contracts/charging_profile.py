"""A charging profile without the words of an OCPP version (1.6 section 3.13, 2.0.1 K01, 2.1 K and
Q): what the payload of the order `charging_profile` holds under `profile`.

`ChargingStationExternalConstraints` is missing on purpose: a central system must never send it
(2.0.1 K01.FR.22). Power in W, current in A, energy flowing into the car is positive.
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

PERIODS_MAX = 1_024
SCHEDULES_MAX = 3
Number32 = Annotated[int, Field(ge=0, le=2_147_483_647)]
OperationMode = Literal[
    "idle",
    "charging_only",
    "central_setpoint",
    "external_setpoint",
    "external_limits",
    "central_frequency",
    "local_frequency",
    "local_load_balancing",
]


class Value(BaseModel):
    """A part of a profile: it rests in the payload of an order, and is checked when it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SchedulePeriod(Value):
    """From `start_s` after the schedule's start until the next period. All but `start_s`, `limit`,
    `phases` and `phase_to_use` is OCPP 2.1."""

    start_s: Number32
    limit: float | None = Field(None, ge=0)
    limit_l2: float | None = Field(None, ge=0)
    limit_l3: float | None = Field(None, ge=0)
    phases: int | None = Field(None, ge=1, le=3)
    phase_to_use: int | None = Field(None, ge=1, le=3)
    discharge_limit: float | None = Field(None, le=0)
    discharge_limit_l2: float | None = Field(None, le=0)
    discharge_limit_l3: float | None = Field(None, le=0)
    setpoint: float | None = None
    setpoint_l2: float | None = None
    setpoint_l3: float | None = None
    operation_mode: OperationMode | None = None


class ChargingSchedule(Value):
    """A course of limits. `start_at`: for absolute and recurring profiles."""

    unit: Literal["A", "W"]
    periods: tuple[SchedulePeriod, ...] = Field(min_length=1, max_length=PERIODS_MAX)
    id: Number32 = 1
    start_at: datetime | None = None
    duration_s: int | None = Field(None, ge=1)
    min_rate: float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def periods_in_order(self) -> Self:
        """K01.FR.31: the first period starts at 0."""
        starts = [period.start_s for period in self.periods]
        if starts[0] != 0:
            raise ValueError("the first period starts at 0 seconds")
        if starts != sorted(set(starts)):
            raise ValueError("each period starts after the one before it")
        return self


class ChargingProfile(Value):
    """A profile. OCPP 1.6 takes one schedule."""

    id: Number32
    purpose: Literal["station_max", "tx_default", "tx", "priority", "local_generation"]
    kind: Literal["absolute", "recurring", "relative", "dynamic"]
    schedules: tuple[ChargingSchedule, ...] = Field(min_length=1, max_length=SCHEDULES_MAX)
    stack_level: int = Field(0, ge=0, le=1_000)
    recurrency: Literal["daily", "weekly"] | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = Field(None, max_length=36)
    # OCPP 2.1: K28 (dynamic), and what holds while the station is offline
    update_interval_s: int | None = Field(None, ge=1)
    offline_max_s: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def whole(self) -> Self:
        """The rules that stations refuse a profile for."""
        started = [schedule.start_at is not None for schedule in self.schedules]
        if self.kind in ("absolute", "recurring") and not all(started):
            raise ValueError(f"a profile of kind {self.kind} needs start_at in each schedule")
        if self.kind in ("relative", "dynamic") and any(started):
            raise ValueError(f"a profile of kind {self.kind} has no start_at")
        if (self.kind == "recurring") != (self.recurrency is not None):
            raise ValueError("recurrency belongs to a profile of kind recurring, and to no other")
        if self.purpose == "tx" and self.transaction_id is None:
            raise ValueError("a profile of purpose tx needs the transaction_id")
        if self.purpose != "tx" and self.transaction_id is not None:
            raise ValueError("only a profile of purpose tx has a transaction_id")
        if self.purpose == "station_max" and self.kind == "relative":
            raise ValueError("a profile of purpose station_max cannot be relative")
        if self.kind == "dynamic" and any(len(one.periods) != 1 for one in self.schedules):
            raise ValueError("a dynamic profile has one period")
        return self
