"""What a station said, as it would have said it without its quirks.

Pure: a payload in, another out; the frame is kept as it came, and the natural key is made of what
came, so that editing a rule never makes a repeat look new. Names are those of OCPP 1.6 and 2.x.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

from gateway.dialect import Handler, Reading
from gateway.quirks import Quirks
from gateway.reading import Unreadable, digest, number, objects
from holdfast.domain.quirks import Quirk

Payload = dict[str, Any]

IMPORT = "Energy.Active.Import.Register"
EXPORT = "Energy.Active.Export.Register"
CURRENT, VOLTAGE, POWER = "Current.Import", "Voltage", "Power.Active.Import"
_THOUSAND = Decimal(1_000)
_MEANT_BY_ONE = ("Wh", "")


def read(
    handler: Handler, action: str, payload: Payload, received_at: datetime, quirks: Quirks
) -> tuple[Reading, str | None]:
    """What the handler makes of a payload without the station's quirks, and the finding about it.
    Raises Unreadable."""
    if not quirks:
        return handler.read(payload, received_at), None
    meant, finding = adjusted(payload, action, quirks)
    reading = handler.read(meant, received_at)
    if finding is None:
        return reading, None
    try:
        sent = handler.read(payload, received_at)
    except Unreadable:
        return Reading(replace(reading.fact, key=f"adjusted|{action}|{digest(payload)}")), finding
    return Reading(replace(reading.fact, key=sent.fact.key), twin=sent.twin), finding


def adjusted(payload: Payload, action: str, quirks: Quirks) -> tuple[Payload, str | None]:
    """The payload to read, and the finding that says what was adjusted; itself and None where
    nothing was."""
    done: list[str] = []
    changed: Payload | None = None
    for quirk, adjust in _ADJUSTMENTS.get(action, ()):
        if quirk in quirks.rules:
            changed = deepcopy(payload) if changed is None else changed
            before = deepcopy(changed) if done else payload
            adjust(changed, quirks)
            if changed != before:
                done.append(quirk.value)
    if changed is None or not done:
        return payload, None
    return changed, "adjusted: " + ", ".join(done)


def _stop_in_kwh(payload: Payload, _quirks: Quirks) -> None:
    _multiply(payload, "meterStop", _THOUSAND)


def _meters_in_kwh(payload: Payload, _quirks: Quirks) -> None:
    for value in _sampled(payload):
        if not str(value.get("measurand") or IMPORT).startswith("Energy."):
            continue
        measure = value.get("unitOfMeasure")
        if isinstance(measure, dict):
            if str(measure.get("unit") or "") in _MEANT_BY_ONE:
                measure["unit"] = "kWh"
        elif str(value.get("unit") or "") in _MEANT_BY_ONE:
            # 2.x ignores `unit`, 1.6 ignores `unitOfMeasure`.
            value["unit"] = "kWh"
            value["unitOfMeasure"] = {"unit": "kWh"}


def _without_start(payload: Payload, _quirks: Quirks) -> None:
    payload.pop("meterStart", None)


def _multiplied(payload: Payload, quirks: Quirks) -> None:
    factor = Decimal(str(quirks.rules[Quirk.ENERGY_MULTIPLIER].value))
    for name in ("meterStart", "meterStop"):
        _multiply(payload, name, factor)
    for value in _sampled(payload):
        if str(value.get("measurand") or IMPORT).startswith("Energy."):
            _multiply(value, "value", factor)


def _power(payload: Payload, quirks: Quirks) -> None:
    volts = Decimal(int(quirks.rules[Quirk.POWER_FROM_CURRENT].value))
    for meter_value in _meter_values(payload):
        values = objects(meter_value.get("sampledValue"))
        if any(value.get("measurand") == POWER for value in values):
            continue
        currents = _by_phase(values, CURRENT)
        if not currents:
            continue
        # A current without a phase beside those with one is their sum or their mean: nobody says.
        phases = {phase: amps for phase, amps in currents.items() if phase} or currents
        voltages = _by_phase(values, VOLTAGE)
        watts = sum(
            (amps * (voltages.get(phase) or volts) for phase, amps in phases.items()), Decimal(0)
        )
        made = {"measurand": POWER, "unit": "W", "value": str(round(watts, 1))}
        meter_value["sampledValue"] = [*values, made]


def _by_phase(values: list[dict[str, Any]], measurand: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for value in values:
        amount = number(value.get("value"))
        if value.get("measurand") == measurand and amount is not None:
            # "L1-N" is the voltage that "L1" flows at.
            found.setdefault(str(value.get("phase") or "").removesuffix("-N"), amount)
    return found


def _imported(payload: Payload, _quirks: Quirks) -> None:
    for meter_value in _meter_values(payload):
        values = objects(meter_value.get("sampledValue"))
        if any((value.get("measurand") or IMPORT) == IMPORT for value in values):
            continue
        for value in values:
            if value.get("measurand") == EXPORT:
                value["measurand"] = IMPORT


def _of_no_transaction(payload: Payload, _quirks: Quirks) -> None:
    if number(payload.get("connectorId")) == 0:
        payload.pop("transactionId", None)


def _card_alone(payload: Payload, quirks: Quirks) -> None:
    separator = str(quirks.rules[Quirk.ID_TAG_SUFFIX_SERIAL].value)
    token = payload.get("idToken")
    places: tuple[tuple[object, str], ...] = ((payload, "idTag"), (token, "idToken"))
    for place, name in places:
        if isinstance(place, dict) and isinstance(place.get(name), str):
            card, found, _ = place[name].rpartition(separator)
            if found and card:
                place[name] = card


def _unnumbered(payload: Payload, _quirks: Quirks) -> None:
    payload.pop("seqNo", None)


def _in_zone(payload: Payload, quirks: Quirks) -> None:
    zone = quirks.zone
    if zone is None:
        return
    for place in (payload, *_meter_values(payload)):
        stamp = place.get("timestamp")
        if isinstance(stamp, str):
            place["timestamp"] = _local(stamp, zone)


def _local(stamp: str, zone: ZoneInfo) -> str:
    """What says UTC, as an instant of the zone; anything else as it is."""
    text = stamp.strip()
    for label in ("Z", "z", "+00:00"):
        if text.endswith(label):
            try:
                wall = datetime.fromisoformat(text.removesuffix(label))
            except ValueError:
                return stamp
            return wall.replace(tzinfo=zone).isoformat() if wall.tzinfo is None else stamp
    return stamp


def _multiply(place: Payload, name: str, factor: Decimal) -> None:
    found = number(place.get(name))
    if found is None:
        return
    with localcontext(prec=60):
        place[name] = format((found * factor).normalize(), "f")


def _meter_values(payload: Payload) -> Iterator[dict[str, Any]]:
    for name in ("meterValue", "transactionData"):
        yield from objects(payload.get(name))


def _sampled(payload: Payload) -> Iterator[dict[str, Any]]:
    for meter_value in _meter_values(payload):
        yield from objects(meter_value.get("sampledValue"))


Adjust = Callable[[Payload, Quirks], None]

# In this order: units before multipliers, registers before what is made of them.
_METERED: tuple[tuple[Quirk, Adjust], ...] = (
    (Quirk.EXPORT_REGISTER_IS_IMPORT, _imported),
    (Quirk.METER_VALUES_CARRY_KWH, _meters_in_kwh),
    (Quirk.ENERGY_MULTIPLIER, _multiplied),
    (Quirk.POWER_FROM_CURRENT, _power),
    (Quirk.LOCAL_TIME_LABELLED_UTC, _in_zone),
)
_CARD: tuple[Quirk, Adjust] = (Quirk.ID_TAG_SUFFIX_SERIAL, _card_alone)
_ADJUSTMENTS: Mapping[str, tuple[tuple[Quirk, Adjust], ...]] = {
    "Authorize": (_CARD,),
    "StatusNotification": ((Quirk.LOCAL_TIME_LABELLED_UTC, _in_zone),),
    "MeterValues": ((Quirk.SUM_CONNECTOR_ZERO, _of_no_transaction), *_METERED),
    "StartTransaction": ((Quirk.IGNORE_METER_START, _without_start), _CARD, *_METERED),
    "StopTransaction": ((Quirk.STOP_CARRIES_KWH, _stop_in_kwh), _CARD, *_METERED),
    "TransactionEvent": ((Quirk.SEQUENCE_ALWAYS_ZERO, _unnumbered), _CARD, *_METERED),
}
