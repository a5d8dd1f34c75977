"""What only a 2.1 station answers: tariffs, DER control, battery swap, event streams and the rest.

Source: OCPP 2.1 part 2: I07 to I12 (tariffs), K (smart charging), N11 to N15 (streams), Q (V2X),
R (DER control), S (battery swap).
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from simulator.stations import charging
from simulator.stations.dialect import stamp
from simulator.stations.messages import Answer, Json, Message
from simulator.stations.monitoring import current_value

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

TARIFFS_MAX = 50
PRICES_MAX = 20
DER_CONTROLS_MAX = 24
SWAP_S = 1.0
STREAM_INTERVAL_S = 10

_PRICED = ("energy", "chargingTime", "idleTime", "fixedFee")
_DER_FIELDS = {
    "EnterService": "enterService",
    "FreqDroop": "freqDroop",
    "FixedPFAbsorb": "fixedPFAbsorb",
    "FixedPFInject": "fixedPFInject",
    "FixedVar": "fixedVar",
    "Gradients": "gradient",
    "LimitMaxDischarge": "limitMaxDischarge",
}
"""Every other control type comes as a curve."""


def set_default_tariff(station: "SimulatedStation", payload: Json) -> Answer:
    """I07: per EVSE, 0 for all."""
    tariff, evse = payload["tariff"], payload["evseId"]
    if evse and all(one.evse != evse for one in station.connectors.values()):
        return Answer({"status": "Rejected"})
    if _is_too_long(tariff):
        return Answer({"status": "TooManyElements"})
    kept = station.memory.read("tariffs", {})
    if len(kept) >= TARIFFS_MAX:
        return Answer({"status": "TooManyElements"})
    evses = [evse] if evse else sorted({one.evse for one in station.connectors.values()})
    others = [one for name, one in kept.items() if int(name) not in evses]
    if any(one["tariffId"] == tariff["tariffId"] and one != tariff for one in others):
        return Answer({"status": "DuplicateTariffId"})
    station.memory.write("tariffs", kept | {str(one): tariff for one in evses})
    return Answer({"status": "Accepted"})


def get_tariffs(station: "SimulatedStation", payload: Json) -> Answer:
    """I08."""
    evses_of: dict[str, list[int]] = {}
    for evse, tariff in station.memory.read("tariffs", {}).items():
        if payload["evseId"] in (0, int(evse)):
            evses_of.setdefault(tariff["tariffId"], []).append(int(evse))
    if not evses_of:
        return Answer({"status": "NoTariff"})
    assignments = [
        {"tariffId": tariff_id, "tariffKind": "DefaultTariff", "evseIds": evses}
        for tariff_id, evses in evses_of.items()
    ]
    return Answer({"status": "Accepted", "tariffAssignments": assignments})


def clear_tariffs(station: "SimulatedStation", payload: Json) -> Answer:
    """I09: by id and EVSE; none named clears all."""
    kept = station.memory.read("tariffs", {})
    evse, wanted = payload.get("evseId", 0), payload.get("tariffIds")
    gone = {
        name: one["tariffId"]
        for name, one in kept.items()
        if evse in (0, int(name)) and (wanted is None or one["tariffId"] in wanted)
    }
    station.memory.write("tariffs", {name: one for name, one in kept.items() if name not in gone})
    results: list[Json] = [
        {"tariffId": one, "status": "Accepted"} for one in sorted(set(gone.values()))
    ]
    missing = [one for one in wanted or [] if one not in gone.values()]
    results += [{"tariffId": one, "status": "NoTariff"} for one in missing]
    return Answer({"clearTariffsResult": results or [{"status": "NoTariff"}]})


def change_tariff(station: "SimulatedStation", payload: Json) -> Answer:
    """I11: a running transaction, same currency."""
    connector = station.charging_as(payload["transactionId"])
    if connector is None:
        return Answer({"status": "TxNotFound"})
    if _is_too_long(payload["tariff"]):
        return Answer({"status": "TooManyElements"})
    default = station.memory.read("tariffs", {}).get(str(connector.evse))
    if default is not None and default["currency"] != payload["tariff"]["currency"]:
        return Answer({"status": "NoCurrencyChange"})
    kept = station.memory.read("own_tariffs", {})
    while len(kept) >= TARIFFS_MAX:
        kept.pop(next(iter(kept)))
    station.memory.write("own_tariffs", kept | {payload["transactionId"]: payload["tariff"]})
    return Answer({"status": "Accepted"})


def set_der(station: "SimulatedStation", payload: Json) -> Answer:
    """R04: a control of the same type is superseded by one of at least its priority (low wins)."""
    kept = dict(station.memory.read("der", {}))
    setting = payload.get(_DER_FIELDS.get(payload["controlType"], "curve"))
    if setting is None:
        return Answer({"status": "Rejected"})
    if len(kept) >= DER_CONTROLS_MAX and payload["controlId"] not in kept:
        return Answer({"status": "Rejected"})
    superseded = [
        name
        for name, one in kept.items()
        if name != payload["controlId"]
        and one["controlType"] == payload["controlType"]
        and one["isDefault"] == payload["isDefault"]
        and not one.get("superseded", False)
        and _priority(one) >= setting["priority"]
    ]
    for name in superseded:
        kept[name] = kept[name] | {"superseded": True}
    station.memory.write("der", kept | {payload["controlId"]: payload})
    told = {"controlId": payload["controlId"], "started": True, "timestamp": _now(station)}
    answer: Json = {"status": "Accepted"}
    if superseded:
        answer["supersededIds"] = superseded
        told["supersededIds"] = superseded
    return Answer(answer, lambda: station.tell(Message("NotifyDERStartStop", told)))


def get_der(station: "SimulatedStation", payload: Json) -> Answer:
    """R05: reported one control per message."""
    found = [one for one in station.memory.read("der", {}).values() if _is_wanted(one, payload)]
    if not found:
        return Answer({"status": "NotFound"})

    def report() -> None:
        for at, one in enumerate(found):
            told: Json = {"requestId": payload["requestId"], "tbc": at < len(found) - 1}
            station.tell(Message("ReportDERControl", told | _reported(one)))

    return Answer({"status": "Accepted"}, report)


def clear_der(station: "SimulatedStation", payload: Json) -> Answer:
    """R06."""
    kept = station.memory.read("der", {})
    left = {name: one for name, one in kept.items() if not _is_wanted(one, payload)}
    if len(left) == len(kept):
        return Answer({"status": "NotFound"})
    station.memory.write("der", left)
    stopped = [name for name in kept if name not in left]

    def tell() -> None:
        for name in stopped:
            told = {"controlId": name, "started": False, "timestamp": _now(station)}
            station.tell(Message("NotifyDERStartStop", told))

    return Answer({"status": "Accepted"}, tell)


def battery_swap(station: "SimulatedStation", payload: Json) -> Answer:
    """S03: a full battery comes out for the driver, and the empty one goes in."""

    async def swap() -> None:
        for kind, soc in (("BatteryOut", 95), ("BatteryIn", 12)):
            battery = {"evseId": 1, "serialNumber": f"B-{kind}", "soC": soc, "soH": 98}
            told = {
                "batteryData": [battery],
                "eventType": kind,
                "idToken": payload["idToken"],
                "requestId": payload["requestId"],
            }
            station.tell(Message("BatterySwap", told))
            await asyncio.sleep(station.timing.step_s * SWAP_S)

    return Answer({"status": "Accepted"}, lambda: station.job("swap", swap()))


def allowed_energy(station: "SimulatedStation", payload: Json) -> Answer:
    """Q: which ways of energy transfer a session may use."""
    is_known = station.charging_as(payload["transactionId"]) is not None
    return Answer({"status": "Accepted" if is_known else "Rejected"})


def afrr_signal(station: "SimulatedStation", payload: Json) -> Answer:
    """Q10: taken by a station with a session, kept as the last signal."""
    if not station.is_charging:
        return Answer({"status": "Rejected"})
    station.memory.write("afrr", payload)
    return Answer({"status": "Accepted"})


def open_stream(station: "SimulatedStation", monitor_id: int) -> None:
    """N11: for a periodic monitor; frames of values by SEND from then on."""
    streams = station.memory.read("streams", {})
    data = {
        "id": monitor_id,
        "variableMonitoringId": monitor_id,
        "params": {"interval": STREAM_INTERVAL_S, "values": 10},
    }
    station.memory.write("streams", streams | {str(monitor_id): data})
    station.tell(Message("OpenPeriodicEventStream", {"constantStreamData": data}))
    station.job(f"stream.{monitor_id}", _stream(station, monitor_id))


def get_streams(station: "SimulatedStation", payload: Json) -> Answer:
    """N15."""
    streams = list(station.memory.read("streams", {}).values())
    return Answer({"constantStreamData": streams} if streams else {})


def adjust_stream(station: "SimulatedStation", payload: Json) -> Answer:
    """N14."""
    streams = dict(station.memory.read("streams", {}))
    stream = streams.get(str(payload["id"]))
    if stream is None:
        return Answer({"status": "Rejected"})
    streams[str(payload["id"])] = stream | {"params": stream["params"] | payload["params"]}
    station.memory.write("streams", streams)
    return Answer({"status": "Accepted"})


def close_stream(station: "SimulatedStation", monitor_id: int) -> None:
    """N12."""
    streams = dict(station.memory.read("streams", {}))
    if streams.pop(str(monitor_id), None) is not None:
        station.memory.write("streams", streams)
        station.end_job(f"stream.{monitor_id}")
        station.tell(Message("ClosePeriodicEventStream", {"id": monitor_id}))


async def _stream(station: "SimulatedStation", number: int) -> None:
    while (stream := station.memory.read("streams", {}).get(str(number))) is not None:
        interval_s = max(stream["params"].get("interval", STREAM_INTERVAL_S), 1)
        await asyncio.sleep(interval_s * station.timing.second_s)
        monitor = station.memory.read("monitors", {}).get(str(number))
        if monitor is None:
            continue
        frame = {
            "id": number,
            "pending": 0,
            "basetime": stamp(datetime.now(UTC)),
            "data": [{"t": 0.0, "v": current_value(station, monitor)}],
        }
        station.send(Message("NotifyPeriodicEventStream", frame))


def _is_too_long(tariff: Json) -> bool:
    return any(len(tariff.get(part, {}).get("prices", [])) > PRICES_MAX for part in _PRICED)


def _priority(control: Json) -> int:
    setting = control.get(_DER_FIELDS.get(control["controlType"], "curve"), {})
    return int(setting.get("priority", 0))


def _is_wanted(control: Json, payload: Json) -> bool:
    names = ("isDefault", "controlType", "controlId")
    return all(payload.get(name, control[name]) == control[name] for name in names)


def _reported(control: Json) -> Json:
    field = _DER_FIELDS.get(control["controlType"], "curve")
    inner = "fixedPF" if field.startswith("fixedPF") else field
    one = {"id": control["controlId"], inner: control[field]}
    if field not in ("enterService", "gradient"):
        one["isDefault"] = control["isDefault"]
        one["isSuperseded"] = control.get("superseded", False)
    if field == "curve":
        one["curveType"] = control["controlType"]
    return {field: [one]}


def _now(station: "SimulatedStation") -> str:
    return stamp(station.station_time())


ORDERS_21: dict[str, Callable[["SimulatedStation", Json], Answer]] = {
    "AFRRSignal": afrr_signal,
    "AdjustPeriodicEventStream": adjust_stream,
    "ChangeTransactionTariff": change_tariff,
    "ClearDERControl": clear_der,
    "ClearTariffs": clear_tariffs,
    "GetDERControl": get_der,
    "GetPeriodicEventStream": get_streams,
    "GetTariffs": get_tariffs,
    "NotifyAllowedEnergyTransfer": allowed_energy,
    "RequestBatterySwap": battery_swap,
    "SetDERControl": set_der,
    "SetDefaultTariff": set_default_tariff,
    "UpdateDynamicSchedule": charging.update_dynamic,
    "UsePriorityCharging": charging.use_priority,
}
