"""What a station knows about tokens by itself: the local list and the cache.

Source: OCPP 1.6 edition 2 section 3.5, OCPP 2.0.1 part 2 block C10 to C13 and D.
"""

from typing import TYPE_CHECKING, Any

from simulator.stations.messages import Answer, Json, PayloadWrong

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

LIST_ENTRIES_MAX = 10_000
CACHE_ENTRIES_MAX = 1_000


def known_status(station: "SimulatedStation", token: str) -> str | None:
    """What the list says, else what the cache says, else None."""
    entries = station.memory.read("local_list", {"entries": {}})["entries"]
    if token in entries:
        return str(entries[token])
    cached = station.memory.read("cache", {}).get(token)
    return None if cached is None else str(cached)


def learn(station: "SimulatedStation", token: str, info: Any) -> None:
    """Remember an answer of the back office, as far as the cache goes."""
    if not isinstance(info, dict) or "status" not in info or not station.settings.flag("is_cached"):
        return
    cache = station.memory.read("cache", {})
    if cache.get(token) == info["status"]:
        return
    cache = {name: status for name, status in cache.items() if name != token}
    while len(cache) >= CACHE_ENTRIES_MAX:
        cache.pop(next(iter(cache)))
    station.memory.write("cache", cache | {token: info["status"]})


def clear_cache(station: "SimulatedStation", payload: Json) -> Answer:
    """Forget what was learnt. Rejected where the cache is switched off."""
    if not station.settings.flag("is_cached"):
        return Answer({"status": "Rejected"})
    station.memory.write("cache", {})
    return Answer({"status": "Accepted"})


def list_version_16(station: "SimulatedStation", payload: Json) -> Answer:
    """1.6: 0 is an empty list, -1 a station without one."""
    return Answer({"listVersion": _version(station)})


def list_version(station: "SimulatedStation", payload: Json) -> Answer:
    """2.x: 0 when there is none."""
    return Answer({"versionNumber": max(_version(station), 0)})


def send_list_16(station: "SimulatedStation", payload: Json) -> Answer:
    """Section 5.15."""
    if not station.settings.flag("is_list_enabled"):
        return Answer({"status": "NotSupported"})
    entries = {
        one["idTag"]: one.get("idTagInfo", {}).get("status")
        for one in payload.get("localAuthorizationList", [])
    }
    return _take_list(station, payload["listVersion"], entries, payload)


def send_list(station: "SimulatedStation", payload: Json) -> Answer:
    """D01 and D02."""
    if not station.settings.flag("is_list_enabled"):
        return Answer({"status": "Failed"})
    entries = {
        one["idToken"]["idToken"]: one.get("idTokenInfo", {}).get("status")
        for one in payload.get("localAuthorizationList", [])
    }
    return _take_list(station, payload["versionNumber"], entries, payload)


def _version(station: "SimulatedStation") -> int:
    if not station.settings.flag("is_list_enabled"):
        return -1
    return int(station.memory.read("local_list", {"version": 0})["version"])


def _take_list(
    station: "SimulatedStation", version: int, entries: dict[str, str | None], payload: Json
) -> Answer:
    """An entry without a status is one to delete; a full list replaces all there was."""
    if len(payload.get("localAuthorizationList", [])) > station.quirks.local_list_chunk:
        raise PayloadWrong("localAuthorizationList is longer than one message may be")
    kept = station.memory.read("local_list", {"version": 0, "entries": {}})
    is_full = payload["updateType"] == "Full"
    if version <= 0 or (not is_full and version <= kept["version"]):
        return Answer({"status": "VersionMismatch" if version > 0 else "Failed"})
    merged = {} if is_full else dict(kept["entries"])
    for token, status in entries.items():
        if status is None:
            merged.pop(token, None)
        else:
            merged[token] = status
    if len(merged) > min(station.quirks.local_list_max, LIST_ENTRIES_MAX):
        return Answer({"status": "Failed"})
    station.memory.write("local_list", {"version": version, "entries": merged})
    return Answer({"status": "Accepted"})
