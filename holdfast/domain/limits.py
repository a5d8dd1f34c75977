"""Limits of a running session, as two tripwires that a row can carry.

Meter values never reach a workflow. It plants an energy and an instant instead, and is woken when
the first of them is crossed (DESIGN 2, step 7); then it looks (`limits_reached`), and stops the
session or plants again (`plan_tripwires`). A plan is conservative for cost: as long as neither
tripwire is crossed, the cost cannot have reached the limit. Silence needs no plan: the row carries
its seconds beside the instant, and the relay reckons from what was heard last.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from holdfast.domain.money import Money
from holdfast.domain.pricing.compiled_tariff import CompiledTariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.cost_limit import cost_reached, cost_tripwires
from holdfast.domain.running_state import RunningState

_MWH_PER_WH = 1_000


class LimitReason(StrEnum):
    """What a tripwire was planted for."""

    COST = "cost"
    ENERGY = "energy"
    DURATION = "duration"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """What a session may not exceed; None is no limit.

    `cost` is after tax: the held amount less the margin for the seconds that a stop takes.
    """

    cost: Money | None = None
    energy_wh: int | None = None
    duration_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TripwirePlan:
    """Wake the workflow when the session's energy or the clock reaches this, whichever is first.

    The energy is since the start of the session, in mWh. A reason is set where its tripwire is;
    COST may only mean that it is time to look and plant again.
    """

    energy_threshold_mwh: int | None = None
    wake_at: datetime | None = None
    energy_reason: LimitReason | None = None
    wake_reason: LimitReason | None = None


def plan_tripwires(
    tariff: CompiledTariff | None,
    state: RunningState,
    limits: SessionLimits,
    context: PriceContext,
) -> TripwirePlan:
    """The next tripwires. A limit that is reached already gives one that is crossed already.

    Without a tariff nothing costs anything. The context's market prices should reach
    `cost_limit.HORIZON` ahead. Raises `UnknownZone`.
    """
    energies: list[tuple[int, LimitReason]] = []
    wakes: list[tuple[datetime, LimitReason]] = []
    if limits.energy_wh is not None:
        energies.append((limits.energy_wh * _MWH_PER_WH, LimitReason.ENERGY))
    if limits.duration_s is not None:
        end = state.started_at + timedelta(seconds=limits.duration_s)
        wakes.append((end, LimitReason.DURATION))
    if limits.cost is not None and tariff is not None:
        cost = cost_tripwires(tariff, state, limits.cost, context)
        if cost.energy_mwh is not None:
            energies.append((cost.energy_mwh, LimitReason.COST))
        if cost.wake_at is not None:
            wakes.append((cost.wake_at, LimitReason.COST))
    energy = min(energies, default=None)
    wake = min(wakes, default=None)
    return TripwirePlan(
        energy_threshold_mwh=energy[0] if energy else None,
        energy_reason=energy[1] if energy else None,
        wake_at=wake[0] if wake else None,
        wake_reason=wake[1] if wake else None,
    )


def limits_reached(
    tariff: CompiledTariff | None,
    state: RunningState,
    limits: SessionLimits,
    context: PriceContext,
    *,
    now: datetime,
) -> tuple[LimitReason, ...]:
    """Which limits a session has reached, so that it has to be stopped. Raises `UnknownZone`."""
    duration = now - state.started_at
    reached: list[LimitReason] = []
    if (
        limits.cost is not None
        and tariff is not None
        and cost_reached(tariff, state, limits.cost, context)
    ):
        reached.append(LimitReason.COST)
    if limits.energy_wh is not None and state.energy_mwh >= limits.energy_wh * _MWH_PER_WH:
        reached.append(LimitReason.ENERGY)
    if limits.duration_s is not None and duration >= timedelta(seconds=limits.duration_s):
        reached.append(LimitReason.DURATION)
    return tuple(reached)
