"""Charging profiles and the power that they leave. Pure: profiles and instants in, watts out.

Within one purpose the highest stack level that is valid now wins; between purposes the lowest limit
holds, except that a transaction's own profile replaces the default one, and a priority profile
replaces both. Source: OCPP 1.6 edition 2 section 3.13, OCPP 2.0.1 and 2.1 part 2 block K.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

VOLTAGE_V = 230
PHASES = 3
PROFILES_MAX = 100
PERIODS_MAX = 1_024
BOUNDARIES_MAX = 2_000

Purpose = Literal["station", "default", "tx", "external", "priority", "local"]
PURPOSES: dict[str, Purpose] = {
    "ChargePointMaxProfile": "station",
    "ChargingStationMaxProfile": "station",
    "TxDefaultProfile": "default",
    "TxProfile": "tx",
    "ChargingStationExternalConstraints": "external",
    "PriorityCharging": "priority",
    "LocalGeneration": "local",
}
_RECURRENCE = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}
_STATIONWIDE = frozenset({"station", "external"})


@dataclass(frozen=True, slots=True)
class Period:
    """From so many seconds into the schedule; `limit` in the schedule's unit."""

    start_s: int
    limit: float
    phases: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile with one schedule. `evse` 0 is the whole station; `raw` is what was sent."""

    id: int
    stack: int
    purpose: Purpose
    kind: str
    recurrence: timedelta | None
    evse: int
    valid_from: datetime | None
    valid_to: datetime | None
    transaction_id: str | None
    unit: Literal["W", "A"]
    starts_at: datetime | None
    duration_s: int | None
    periods: tuple[Period, ...]
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the limits apply to. `priority` is a session that was given priority charging."""

    evse: int
    transaction_id: str | None
    started_at: datetime | None
    max_power_w: int
    phases: int = PHASES
    priority: bool = False


def profile_from(raw: dict[str, Any], evse: int) -> Profile:
    """A profile of any version from a payload that met its schema."""
    schedule = raw["chargingSchedule"]
    schedule = schedule[0] if isinstance(schedule, list) else schedule
    transaction_id = raw.get("transactionId")
    return Profile(
        id=raw["id"] if "id" in raw else raw["chargingProfileId"],
        stack=raw["stackLevel"],
        purpose=PURPOSES[raw["chargingProfilePurpose"]],
        kind=raw["chargingProfileKind"],
        recurrence=_RECURRENCE.get(raw.get("recurrencyKind", "")),
        evse=evse,
        valid_from=_instant(raw.get("validFrom")),
        valid_to=_instant(raw.get("validTo")),
        transaction_id=None if transaction_id is None else str(transaction_id),
        unit=schedule["chargingRateUnit"],
        starts_at=_instant(schedule.get("startSchedule")),
        duration_s=schedule.get("duration"),
        periods=tuple(_period(one) for one in schedule["chargingSchedulePeriod"]),
        raw=raw,
    )


def limit_w(profiles: Sequence[Profile], at: datetime, situation: Situation) -> int:
    """The power that may flow now, in whole watts."""
    best: dict[Purpose, tuple[int, float]] = {}
    for profile in profiles:
        if not _concerns(profile, situation):
            continue
        limit = _limit_at(profile, at, situation)
        if limit is not None and profile.stack >= best.get(profile.purpose, (-1, 0.0))[0]:
            best[profile.purpose] = (profile.stack, limit)
    own = best.get("priority") if situation.priority else None
    own = own or best.get("tx") or best.get("default")
    limits = [best[purpose][1] for purpose in ("station", "external") if purpose in best]
    # Local generation is added to what the grid gives. OCPP 2.1 K.
    surplus = best["local"][1] if "local" in best else 0.0
    capped = min([situation.max_power_w, *([own[1] + surplus] if own else []), *limits])
    return max(int(capped), 0)


def next_change(
    profiles: Sequence[Profile], after: datetime, until: datetime, situation: Situation
) -> datetime | None:
    """The first instant at which the limit may change."""
    later = [at for at in _boundaries(profiles, after, until, situation) if at > after]
    return min(later, default=None)


def composite(
    profiles: Sequence[Profile], start: datetime, duration_s: int, situation: Situation
) -> list[tuple[int, int]]:
    """The limits of a span, as (seconds from its start, watts); neighbours differ."""
    end = start + timedelta(seconds=duration_s)
    edges = sorted({start, *_boundaries(profiles, start, end, situation)})
    schedule: list[tuple[int, int]] = []
    for at in edges:
        watts = limit_w(profiles, at, situation)
        if not schedule or schedule[-1][1] != watts:
            schedule.append((int((at - start).total_seconds()), watts))
    return schedule[:PERIODS_MAX]


def in_unit(watts: int, unit: str, phases: int) -> float:
    """Watts as the unit that was asked for; amperes per phase, one decimal."""
    return float(watts) if unit == "W" else round(watts / VOLTAGE_V / phases, 1)


def _concerns(profile: Profile, situation: Situation) -> bool:
    if profile.purpose in _STATIONWIDE:
        return profile.evse in (0, situation.evse)
    if profile.purpose in ("tx", "priority") and situation.transaction_id is None:
        return False
    is_mine = profile.transaction_id in (None, situation.transaction_id)
    return is_mine and profile.evse in (0, situation.evse)


def _origin(profile: Profile, at: datetime, situation: Situation) -> datetime | None:
    """When the schedule that counts at `at` began."""
    if profile.kind == "Relative":
        return situation.started_at
    start = profile.starts_at or situation.started_at or profile.valid_from
    if profile.recurrence is not None and start is not None and at >= start:
        return start + ((at - start) // profile.recurrence) * profile.recurrence
    # Without any start an absolute or dynamic schedule began long ago and its first period holds.
    return start or at


def _limit_at(profile: Profile, at: datetime, situation: Situation) -> float | None:
    if profile.valid_from is not None and at < profile.valid_from:
        return None
    if profile.valid_to is not None and at >= profile.valid_to:
        return None
    origin = _origin(profile, at, situation)
    if origin is None:
        return None
    elapsed_s = (at - origin).total_seconds()
    if elapsed_s < 0 or (profile.duration_s is not None and elapsed_s >= profile.duration_s):
        return None
    current = [one for one in profile.periods if one.start_s <= elapsed_s]
    if not current:
        return None
    period = current[-1]
    if profile.unit == "W":
        return period.limit
    return period.limit * VOLTAGE_V * min(period.phases or PHASES, situation.phases)


def _boundaries(
    profiles: Sequence[Profile], start: datetime, end: datetime, situation: Situation
) -> list[datetime]:
    found: list[datetime] = []
    for profile in profiles:
        if not _concerns(profile, situation):
            continue
        found += [one for one in (profile.valid_from, profile.valid_to) if one is not None]
        origin = _origin(profile, start, situation)
        offsets = [one.start_s for one in profile.periods]
        offsets += [] if profile.duration_s is None else [profile.duration_s]
        while origin is not None and origin < end and len(found) < BOUNDARIES_MAX:
            found += [origin + timedelta(seconds=offset) for offset in offsets]
            origin = None if profile.recurrence is None else origin + profile.recurrence
    return [at for at in found if start <= at < end]


def _period(raw: dict[str, Any]) -> Period:
    """A central setpoint of 2.1 caps like a limit; feeding back to the grid is not simulated."""
    limits = [float(raw[name]) for name in ("limit", "setpoint") if name in raw]
    limit = max(min(limits, default=float("inf")), 0.0)
    return Period(raw["startPeriod"], limit, raw.get("numberPhases"))


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
