"""Sampled values of one moment: which of them is the register, the power, the state of charge.

Shared by all versions: OCPP 1.6 section 7.28 (SampledValue) and 2.0.1 part 2 section 2.45 differ
only in how they write the unit. The register is Energy.Active.Import.Register of the whole
connector, at the outlet; where a station sends phases only, their sum.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from gateway.reading import instant, milliwatthours, number, objects, text
from holdfast.contracts.facts import Sample, SignedValue
from holdfast.domain.signed_record import KEY_LENGTH_MAX, Wrapped, wrapped

ENERGY = "Energy.Active.Import.Register"
POWER = "Power.Active.Import"
STATE_OF_CHARGE = "SoC"
POWER_W_MAX = 10**9
SIGNED_MAX = 20  # of one moment

# How a version writes the unit: the sampled value in, (unit or None, power of ten) out.
UnitOf = Callable[[Mapping[str, Any]], tuple[str | None, int]]

_FACTORS = {"wh": 1_000, "kwh": 1_000_000, "mwh": 1_000_000_000}


def samples(meter_values: object, received_at: datetime, unit_of: UnitOf) -> tuple[Sample, ...]:
    """One Sample per MeterValue, in the order sent."""
    return tuple(_sample(item, received_at, unit_of) for item in objects(meter_values))


def _sample(meter_value: dict[str, Any], received_at: datetime, unit_of: UnitOf) -> Sample:
    at, clock = instant(meter_value.get("timestamp"), received_at)
    raw = meter_value.get("sampledValue")
    energy: dict[str | None, int] = {}
    power: dict[str | None, Decimal] = {}
    soc: Decimal | None = None
    context: str | None = None
    for value in objects(raw):
        measurand = value.get("measurand") or ENERGY
        if measurand == ENERGY:
            found = _energy(value, unit_of)
            if found is not None:
                energy.setdefault(_phase(value), found)
        elif measurand == POWER:
            watts = _power(value, unit_of)
            if watts is not None:
                power.setdefault(_phase(value), watts)
        elif measurand == STATE_OF_CHARGE:
            soc = number(value.get("value"))
        if context is None and isinstance(value.get("context"), str):
            context = value["context"].replace("\x00", "")[:64]
    return Sample(
        at=at,
        clock=clock,
        context=context,
        signed=_signed(raw),
        energy_mwh=energy.get(None, sum(energy.values())) if energy else None,
        power_w=_watts(power),
        soc_percent=round(soc) if soc is not None and 0 <= soc <= 100 else None,
        raw=raw,
    )


def _signed(raw: object) -> tuple[SignedValue, ...]:
    """Signed values, character for character: OCPP 1.6 says `format` SignedData, and some of its
    stations put JSON with `signedMeterData` into a plain value; 2.x has `signedMeterValue`."""
    found: list[SignedValue] = []
    for value in objects(raw):
        signed = _signed_201(value) or _signed_16(value)
        if signed is not None and len(found) < SIGNED_MAX:
            found.append(signed)
    return tuple(found)


def _signed_201(value: Mapping[str, Any]) -> SignedValue | None:
    said = value.get("signedMeterValue")
    data = said.get("signedMeterData") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(data, str) or not data:
        return None
    return SignedValue(
        data=data,
        encoding=text(said, "encodingMethod", 50),
        signing_method=text(said, "signingMethod", 50),
        public_key=text(said, "publicKey", KEY_LENGTH_MAX),
        context=text(value, "context", 64),
    )


def _signed_16(value: Mapping[str, Any]) -> SignedValue | None:
    data = value.get("value")
    if isinstance(data, dict):
        data = orjson.dumps(data).decode()
    if not isinstance(data, str) or not data:
        return None
    inner = wrapped(data)
    if inner is None and value.get("format") != "SignedData":
        return None
    parts = inner or Wrapped(data=data)
    said = {
        "encoding": parts.encoding,
        "signing_method": parts.signing_method,
        "public_key": parts.public_key,
    }
    return SignedValue(
        data=data,
        encoding=text(said, "encoding", 50),
        signing_method=text(said, "signing_method", 50),
        public_key=text(said, "public_key", KEY_LENGTH_MAX),
        context=text(value, "context", 64),
    )


def _phase(value: Mapping[str, Any]) -> str | None:
    phase = value.get("phase")
    return phase if isinstance(phase, str) and phase else None


def _energy(value: Mapping[str, Any], unit_of: UnitOf) -> int | None:
    if value.get("format") == "SignedData" or value.get("location") in ("Inlet", "EV"):
        return None
    unit, power_of_ten = unit_of(value)
    factor = _FACTORS.get((unit or "Wh").casefold())
    if factor is None:
        return None
    if power_of_ten < 0:
        found = number(value.get("value"))
        scaled = None if found is None else found.scaleb(power_of_ten)
        return None if scaled is None else milliwatthours(str(scaled), factor)
    return milliwatthours(value.get("value"), factor * 10**power_of_ten)


def _power(value: Mapping[str, Any], unit_of: UnitOf) -> Decimal | None:
    if value.get("format") == "SignedData":
        return None
    unit, power_of_ten = unit_of(value)
    found = number(value.get("value"))
    if found is None:
        return None
    scale = {"w": 0, "kw": 3}.get((unit or "W").casefold())
    return None if scale is None else found.scaleb(scale + power_of_ten)


def _watts(power: Mapping[str | None, Decimal]) -> int | None:
    if not power:
        return None
    total = power.get(None, sum(power.values(), Decimal(0)))
    return round(total) if abs(total) <= POWER_W_MAX else None
