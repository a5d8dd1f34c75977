"""A call as a station of this model can take it. Pure: a call in, a call out.

Only charging profiles and lists of measurands are changed, and never upwards: a limit that is
written in another unit is rounded down (promise 3: a site never draws more than it may).
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from decimal import ROUND_DOWN, Decimal
from typing import Any

from gateway.dialect import Call
from gateway.envelope import CallError, CallResult
from gateway.quirks import Quirks
from gateway.reading import number, objects
from holdfast.domain.quirks import Quirk

Payload = dict[str, Any]

PHASES = 3  # of a period that does not say (OCPP 1.6 section 7.14, numberPhases)
_TENTH = Decimal("0.1")
_MEASURANDS_16 = frozenset(
    {
        "MeterValuesSampledData",
        "MeterValuesAlignedData",
        "StopTxnSampledData",
        "StopTxnAlignedData",
    }
)


def sendable(call: Call, quirks: Quirks) -> Call:
    """The call to send; the same one where no quirk concerns it."""
    adapted = call
    for quirk, actions, adapt in _ADAPTATIONS:
        if quirk in quirks.rules and call.action in actions:
            if adapted is call:
                adapted = Call(call.action, deepcopy(call.payload))
            adapt(adapted, quirks)
    return adapted


def _in_amperes(call: Call, quirks: Quirks) -> None:
    volts = Decimal(int(quirks.rules[Quirk.PROFILES_IN_AMPERES_ONLY].value))
    _convert(call, "W", "A", lambda limit, phases: limit / (volts * phases))


def _in_watts(call: Call, quirks: Quirks) -> None:
    volts = Decimal(int(quirks.rules[Quirk.PROFILES_IN_WATTS_ONLY].value))
    _convert(call, "A", "W", lambda limit, phases: limit * volts * phases)


def _convert(
    call: Call, unit: str, other: str, converted: Callable[[Decimal, int], Decimal]
) -> None:
    for profile in _profiles(call.payload):
        for schedule in objects(profile.get("chargingSchedule")):
            if schedule.get("chargingRateUnit") != unit:
                continue
            schedule["chargingRateUnit"] = other
            periods = objects(schedule.get("chargingSchedulePeriod"))
            most = PHASES
            for period in periods:
                phases = int(number(period.get("numberPhases")) or PHASES)
                most = min(most, phases)
                _rewrite(period, "limit", converted, phases)
            _rewrite(schedule, "minChargingRate", converted, most)


def _rewrite(
    place: Payload, name: str, converted: Callable[[Decimal, int], Decimal], phases: int
) -> None:
    limit = number(place.get(name))
    if limit is not None and phases > 0:
        place[name] = float(converted(limit, phases).quantize(_TENTH, ROUND_DOWN))


def _at_the_bottom(call: Call, _quirks: Quirks) -> None:
    for profile in _profiles(call.payload):
        profile["stackLevel"] = 0


def _on_connector_one(call: Call, _quirks: Quirks) -> None:
    for name in ("connectorId", "evseId"):
        if call.payload.get(name) == 0:
            call.payload[name] = 1
            for profile in _profiles(call.payload):
                purpose = profile.get("chargingProfilePurpose")
                if purpose in ("ChargePointMaxProfile", "ChargingStationMaxProfile"):
                    profile["chargingProfilePurpose"] = "TxDefaultProfile"


def _without_soc(call: Call, _quirks: Quirks) -> None:
    payload = call.payload
    if payload.get("key") in _MEASURANDS_16 and isinstance(payload.get("value"), str):
        payload["value"] = _measurands(payload["value"])
    for data in objects(payload.get("setVariableData")):
        if _lists_measurands(data):
            data["attributeValue"] = _measurands(data["attributeValue"])


def with_fewer_measurands(call: Call, answer: CallResult | CallError) -> Call | None:
    """The same without SoC where a station refused a list of measurands that had it: a box for
    alternating current refuses the whole list (systems.md E18). None for any other answer, and
    where nothing would be left: an empty list asks for something else."""
    if isinstance(answer, CallError):
        return None
    fewer = Call(call.action, deepcopy(call.payload))
    reduced = 0
    for item, name in _refused_lists(fewer.payload, answer.payload):
        listed = str(item[name])
        item[name] = _measurands(listed)
        if not item[name]:
            return None
        reduced += item[name] != listed
    return fewer if reduced else None


def _refused_lists(payload: Payload, answer: Payload) -> Iterator[tuple[Payload, str]]:
    """The lists of measurands in a call that its answer refuses: where each is, by which name."""
    if payload.get("key") in _MEASURANDS_16 and isinstance(payload.get("value"), str):
        if answer.get("status") == "Rejected":
            yield payload, "value"
        return
    refused = [
        (result.get("component"), result.get("variable"))
        for result in objects(answer.get("setVariableResult"))
        if result.get("attributeStatus") == "Rejected"
    ]
    for data in objects(payload.get("setVariableData")):
        if _lists_measurands(data) and (data.get("component"), data.get("variable")) in refused:
            yield data, "attributeValue"


def _lists_measurands(data: Payload) -> bool:
    variable = data.get("variable")
    named = str(variable.get("name") or "") if isinstance(variable, dict) else ""
    return named.endswith("Measurands") and isinstance(data.get("attributeValue"), str)


def _measurands(listed: str) -> str:
    return ",".join(item.strip() for item in listed.split(",") if item.strip().casefold() != "soc")


def _profiles(payload: Payload) -> Iterator[Payload]:
    """Of SetChargingProfile (1.6, 2.x) and of a remote start."""
    for name in ("csChargingProfiles", "chargingProfile"):
        yield from objects(payload.get(name))


Adapt = Callable[[Call, Quirks], None]

_WITH_PROFILES = frozenset(
    {"SetChargingProfile", "RemoteStartTransaction", "RequestStartTransaction"}
)
_ADAPTATIONS: tuple[tuple[Quirk, frozenset[str], Adapt], ...] = (
    (Quirk.PROFILES_IN_AMPERES_ONLY, _WITH_PROFILES, _in_amperes),
    (Quirk.PROFILES_IN_WATTS_ONLY, _WITH_PROFILES, _in_watts),
    (Quirk.IGNORES_STACK_LEVEL, _WITH_PROFILES, _at_the_bottom),
    (
        Quirk.REFUSES_CONNECTOR_ZERO_PROFILES,
        frozenset({"SetChargingProfile"}),
        _on_connector_one,
    ),
    (
        Quirk.SOC_NOT_ALLOWED_IN_SAMPLED_DATA,
        frozenset({"ChangeConfiguration", "SetVariables"}),
        _without_soc,
    ),
)
