"""What is in a signed meter value, and where stations put the keys of their meters. Pure.

OCPP 1.6 has no field for it: "OCPP 1.6 and signed meter values" of the Open Charge Alliance puts a
JSON text of 2.x's SignedMeterValueType into the value, whose data and key are base64; older
stations put the record itself there (charger-quirks 17). The record is OCMF, or of a meter's own
format, which is kept and not verified.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

RECORD_PREFIX = "OCMF|"
DATA_LENGTH_MAX = 100_000
KEY_LENGTH_MAX = 4_000
KEY_BYTES_MAX = 600
KEY_BYTES_MIN = 40
DEPTH_MAX = 4
KEYS_MAX = 20
READINGS_MAX = 500
REGISTER_MAX = Decimal(10**12)

_MILLIWATTHOURS = {"kWh": 1_000_000, "Wh": 1_000}

_SEQUENCE = 0x30  # of ASN.1: every SubjectPublicKeyInfo begins with one
_KEY_NAMES = ("publickey", "meterpublickey", "signaturepublickey")
_EVSE_NAMES = ("connectorid", "evseid", "meterid", "id")
KEY_MESSAGES = frozenset({"setmeterconfiguration", "meterconfiguration", "setmeterpublickey"})
KEY_VENDORS = frozenset({"generalconfiguration"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """A signed value's parts, where its text is 2.x's SignedMeterValueType written as JSON."""

    data: str
    encoding: str | None = None
    signing_method: str | None = None
    public_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedKey:
    """A key that a station told of; EVSE 0: it named none."""

    evse: int
    public_key: str


def wrapped(text: str) -> Wrapped | None:
    """The parts of a value that is JSON with `signedMeterData`; None for any other."""
    if not text.lstrip().startswith("{") or len(text) > DATA_LENGTH_MAX:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    data = found.get("signedMeterData") if isinstance(found, dict) else None
    if not isinstance(data, str) or not data:
        return None
    return Wrapped(
        data=data,
        encoding=_text(found.get("encodingMethod")),
        signing_method=_text(found.get("signingMethod")),
        public_key=_text(found.get("publicKey")),
    )


def record_of(data: str) -> str | None:
    """The OCMF record in a signed value as sent: plain, in base64, in hex, or wrapped in JSON.
    None where there is none."""
    inner = wrapped(data)
    text = (inner.data if inner is not None else data).strip()
    for candidate in (text, _base64_text(text), _hex_text(text)):
        if candidate is not None and candidate.lstrip().startswith(RECORD_PREFIX):
            return candidate.strip()
    return None


def register_points(
    records: Iterable[tuple[datetime, str]],
) -> list[tuple[datetime, int | None]]:
    """The instants of signed readings, and their registers since the lowest that a meter marked as
    the begin, in mWh; None where that cannot be said. `records`: when a value was stamped, and the
    value as sent.

    A record of a format that nothing here reads is a reading at its stamp, without a register.
    """
    found: list[_Register] = []
    points: list[tuple[datetime, int | None]] = []
    for at, data in records:
        record = record_of(data)
        registers = [] if record is None else _registers(record, at)
        found += registers
        if not registers:
            points.append((at, None))
    begin = min(
        (register for register in found if register.begins),
        key=lambda register: register.register_mwh,
        default=None,
    )
    for register in found:
        grown = None
        if begin is not None and register.name == begin.name:
            grown = register.register_mwh - begin.register_mwh
        points.append((register.at, grown if grown is None or grown >= 0 else None))
    return points


@dataclass(frozen=True, slots=True)
class _Register:
    """A reading of an OCMF record. `name` is its OBIS code, as the meter writes it."""

    at: datetime
    name: str
    register_mwh: int
    begins: bool


def _registers(record: str, stamped_at: datetime) -> list[_Register]:
    """The readings (RD) of an OCMF record (1.4, "Payload"). What one leaves out is as before."""
    try:
        payload, _ = json.JSONDecoder(parse_float=Decimal).raw_decode(
            record[len(RECORD_PREFIX) :].lstrip()
        )
    except (ValueError, RecursionError):
        return []
    readings = payload.get("RD") if isinstance(payload, Mapping) else None
    found: list[_Register] = []
    known: dict[str, Any] = {}
    for reading in readings[:READINGS_MAX] if isinstance(readings, list) else ():
        if not isinstance(reading, Mapping):
            continue
        known.update({name: reading[name] for name in ("RI", "RU") if name in reading})
        factor = _MILLIWATTHOURS.get(str(known.get("RU")))
        value = _decimal(reading.get("RV"))
        if factor is None or value is None:
            continue
        found.append(
            _Register(
                at=_time_of(reading.get("TM")) or stamped_at,
                name=str(known.get("RI")),
                register_mwh=int(value * factor),
                begins=reading.get("TX") == "B",
            )
        )
    return found


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found <= REGISTER_MAX else None


def _time_of(written: object) -> datetime | None:
    """ "2026-11-22T12:15:00,000+0100 S": None where the clock of the meter was not set (U)."""
    if not isinstance(written, str) or written.endswith("U"):
        return None
    try:
        return datetime.strptime(
            written.split(" ", maxsplit=1)[0].replace(",", "."), "%Y-%m-%dT%H:%M:%S.%f%z"
        )
    except ValueError:
        return None


def public_key_hex(text: str) -> str | None:
    """A public key's DER in lower-case hex, from what stations and registers write: hex, base64,
    PEM, base64 of hex, and the same behind "oca:base16:asn1:". None for what is no such key."""
    if len(text) > KEY_LENGTH_MAX:
        return None
    written = text.strip()
    if written.startswith("-----"):
        lines = [line for line in written.splitlines() if not line.startswith("-----")]
        written = "".join(lines)
    for _ in range(2):
        bare = "".join(written.split(":")[-1].split())
        der = _key_bytes(_from_hex(bare)) or _key_bytes(_from_base64(bare))
        if der is not None:
            return der.hex()
        inner = _base64_text(bare)
        if inner is None:
            return None
        written = inner
    return None


def tells_keys(vendor_id: str, message_id: str | None) -> bool:
    """Whether a DataTransfer of this vendor and message is one that configures meters."""
    said = {vendor_id.casefold(), (message_id or "").casefold()}
    return bool(said & (KEY_MESSAGES | KEY_VENDORS))


def keys_told(vendor_id: str, message_id: str | None, data: Any) -> tuple[NamedKey, ...]:
    """The meter keys in a DataTransfer that configures meters (systems.md E10). Stations nest them
    in their own way, so every `publicKey` counts, with the nearest number of a connector."""
    if not tells_keys(vendor_id, message_id):
        return ()
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            key = public_key_hex(data)
            return () if key is None else (NamedKey(evse=0, public_key=key),)
    found: dict[NamedKey, None] = {}
    for evse, text in _keys_in(data, 0, DEPTH_MAX):
        key = public_key_hex(text)
        if key is not None and len(found) < KEYS_MAX:
            found[NamedKey(evse=evse, public_key=key)] = None
    return tuple(found)


def _keys_in(data: Any, evse: int, depth: int) -> Iterator[tuple[int, str]]:
    if depth < 0:
        return
    if isinstance(data, list):
        for item in data[:KEYS_MAX]:
            yield from _keys_in(item, evse, depth - 1)
    if not isinstance(data, Mapping):
        return
    names = {str(name).casefold(): value for name, value in data.items()}
    for name in _EVSE_NAMES:
        number = names.get(name)
        if isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= 1_000:
            evse = number
            break
    for name, value in names.items():
        if name in _KEY_NAMES and isinstance(value, str):
            yield evse, value
        elif isinstance(value, Mapping | list):
            yield from _keys_in(value, evse, depth - 1)


def _text(value: object) -> str | None:
    return value[:KEY_LENGTH_MAX] if isinstance(value, str) and value else None


def _key_bytes(found: bytes | None) -> bytes | None:
    if found is None or not KEY_BYTES_MIN <= len(found) <= KEY_BYTES_MAX:
        return None
    return found if found[0] == _SEQUENCE else None


def _from_hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _base64_text(text: str) -> str | None:
    return _as_text(_from_base64("".join(text.split())))


def _hex_text(text: str) -> str | None:
    return _as_text(_from_hex(text))


def _as_text(found: bytes | None) -> str | None:
    try:
        return None if found is None else found.decode()
    except UnicodeDecodeError:
        return None
