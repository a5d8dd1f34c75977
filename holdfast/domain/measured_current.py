"""The current that a station measured, summed over phases, from the samples as it sent them. Pure.

OCPP 1.6 section 7.28 (SampledValue: a unit of its own) and 2.0.1 part 2 section 2.45 (unitOfMeasure
with a power of ten). A value without a phase is of all phases together; else the phases L1 to L3
are added up, and the neutral is not.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

CURRENT = "Current.Import"
CURRENT_UA_MAX = 10**11
VALUES_MAX = 500
MULTIPLIER_MAX = 9

_UNITS = {"a": 6, "ma": 3, "ka": 9}
_PHASES = ("L1", "L2", "L3")


def measured_current_ua(samples: object) -> int | None:
    """In µA; None where the samples of a moment have no current that can be read."""
    if not isinstance(samples, list):
        return None
    phases: dict[str | None, int] = {}
    for value in samples[:VALUES_MAX]:
        if not isinstance(value, Mapping) or value.get("measurand") != CURRENT:
            continue
        if value.get("format") == "SignedData" or value.get("location") in ("Inlet", "EV"):
            continue
        found = _microamperes(value)
        phase = _phase(value.get("phase"))
        if found is not None and phase != "N":
            phases.setdefault(phase, found)
    if None in phases:
        return phases[None]
    return sum(phases.values()) if phases else None


def _phase(said: object) -> str | None:
    """The conductor: L1 of "L1-N" too. Anything else that is named is no phase of its own."""
    if not isinstance(said, str) or not said:
        return None
    conductor = said.split("-", maxsplit=1)[0]
    return conductor if conductor in _PHASES else "N"


def _microamperes(value: Mapping[str, Any]) -> int | None:
    unit, power_of_ten = value.get("unit"), 0
    measure = value.get("unitOfMeasure")
    if isinstance(measure, Mapping):
        unit = measure.get("unit")
        said = measure.get("multiplier")
        power_of_ten = said if isinstance(said, int) and not isinstance(said, bool) else 0
    scale = _UNITS.get(str(unit or "A").casefold())
    if scale is None or abs(power_of_ten) > MULTIPLIER_MAX:
        return None
    try:
        found = Decimal(str(value.get("value")))
    except InvalidOperation:
        return None
    if not found.is_finite() or abs(found.adjusted()) > 30:
        return None
    # Rounded down, as every flow is: a limit is never passed by rounding.
    whole = int(found.scaleb(scale + power_of_ten))
    return whole if 0 <= whole <= CURRENT_UA_MAX else None
