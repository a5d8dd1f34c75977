"""Firmware and logs: the states a station passes through, told one by one, and what they leave.

Nothing is downloaded: the address names the new version (`…/fw-2.4.0.bin` installs 2.4.0), and the
quirk `firmware` names what goes wrong. The reboot with the new version is a real one.
Source: OCPP 1.6 edition 2 sections 4.3 and 4.5, security whitepaper edition 3 section 4.3 and 4.4,
OCPP 2.0.1 part 2 blocks L and N01.
"""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509

from simulator.stations.messages import Answer, Json, Message

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

WAIT_S_MAX = 24 * 3600.0
IDLE_POLL_S = 0.1
_VERSION = re.compile(r"\d+(?:\.\d+)+")


def update_16(station: "SimulatedStation", payload: Json) -> Answer:
    """Unsigned: the answer is empty whatever comes of it."""
    order = {"location": payload["location"], "retrieve": payload["retrieveDate"], "action": _PLAIN}
    return Answer({}, lambda: _start(station, order))


def update(station: "SimulatedStation", payload: Json) -> Answer:
    """1.6 SignedUpdateFirmware and 2.x UpdateFirmware: a second one replaces the first."""
    firmware = payload["firmware"]
    certificate = firmware.get("signingCertificate")
    if certificate is not None and not _is_certificate(certificate):
        return Answer({"status": "InvalidCertificate"})
    is_16 = station.config.protocol == "ocpp1.6"
    order = {
        "location": firmware["location"],
        "retrieve": firmware["retrieveDateTime"],
        "install": firmware.get("installDateTime"),
        "signed": "signature" in firmware,
        "request_id": payload["requestId"],
        "action": _SIGNED if is_16 else _PLAIN,
    }
    is_busy = station.jobs.get("firmware") is not None
    status = "AcceptedCanceled" if is_busy else "Accepted"
    return Answer({"status": status}, lambda: _start(station, order))


def update_locally(station: "SimulatedStation", version: str) -> None:
    """A technician installs a version at the station; the states are told as for an order."""
    now = datetime.now(UTC).isoformat()
    order = {"location": f"local/fw-{version}", "retrieve": now, "action": _PLAIN}
    _start(station, order)


def publish(station: "SimulatedStation", payload: Json) -> Answer:
    """L03: a local controller takes an image and serves it to its neighbours."""

    async def run() -> None:
        location = [f"http://local.invalid/{payload['checksum']}.bin"]
        for status in ("Downloading", "Downloaded", "ChecksumVerified", "Published"):
            told: Json = {"status": status, "requestId": payload["requestId"]}
            if status == "Published":
                told["location"] = location
                published = station.memory.read("published", {})
                station.memory.write("published", published | {payload["checksum"]: location[0]})
            station.tell(Message("PublishFirmwareStatusNotification", told))
            await asyncio.sleep(station.timing.step_s)

    return Answer({"status": "Accepted"}, lambda: station.job("publish", run()))


def unpublish(station: "SimulatedStation", payload: Json) -> Answer:
    """L04."""
    if station.jobs.get("publish") is not None:
        return Answer({"status": "DownloadOngoing"})
    published = dict(station.memory.read("published", {}))
    if published.pop(payload["checksum"], None) is None:
        return Answer({"status": "NoFirmware"})
    station.memory.write("published", published)
    return Answer({"status": "Unpublished"})


def diagnostics_16(station: "SimulatedStation", payload: Json) -> Answer:
    """Section 5.11: the file's name, then the states of its upload."""

    async def run() -> None:
        ok = station.quirks.log_upload == "uploaded"
        for status in ("Uploading", "Uploaded" if ok else "UploadFailed"):
            station.tell(Message("DiagnosticsStatusNotification", {"status": status}))
            await asyncio.sleep(station.timing.step_s)

    name = f"{station.identity}-diagnostics.log"[:255]
    return Answer({"fileName": name}, lambda: station.job("log", run()))


def get_log(station: "SimulatedStation", payload: Json) -> Answer:
    """Whitepaper and N01: a second request cancels the first."""
    is_busy = station.jobs.get("log") is not None
    ok = station.quirks.log_upload == "uploaded"

    async def run() -> None:
        for status in ("Uploading", "Uploaded" if ok else "UploadFailure"):
            told = {"status": status, "requestId": payload["requestId"]}
            station.tell(Message("LogStatusNotification", told))
            await asyncio.sleep(station.timing.step_s)

    status = "AcceptedCanceled" if is_busy else "Accepted"
    name = f"{station.identity}-{payload['logType']}.log"[:255]
    return Answer(
        {"status": status, "filename": name},
        lambda: station.job("log", run()),
    )


_PLAIN = "FirmwareStatusNotification"
_SIGNED = "SignedFirmwareStatusNotification"


def _start(station: "SimulatedStation", order: Json) -> None:
    station.job("firmware", _install(station, order))


async def _install(station: "SimulatedStation", order: Json) -> None:
    if not await _download(station, order):
        return
    if wait_s := _seconds_until(order.get("install")):
        _tell(station, order, "InstallScheduled")
        await asyncio.sleep(wait_s)
    await _until(lambda: not station.is_charging)
    await _step(station, order, "Installing")
    if station.quirks.firmware == "installation-failed":
        _tell(station, order, "InstallationFailed")
        return
    if order["action"] == _SIGNED or station.config.protocol != "ocpp1.6":
        await _step(station, order, "InstallRebooting")
    station.memory.write("firmware", version_after(station.firmware, order["location"]))
    await station.reboot(keep=True, reason="FirmwareUpdate")
    await _until(lambda: station.is_online)
    _tell(station, order, "Installed")
    if station.config.protocol != "ocpp1.6":
        _security_event(station, "FirmwareUpdated")


async def _download(station: "SimulatedStation", order: Json) -> bool:
    """Down to a verified image; False where that failed."""
    outcome = station.quirks.firmware
    if wait_s := _seconds_until(order["retrieve"]):
        _tell(station, order, "DownloadScheduled")
        await asyncio.sleep(wait_s)
    await _step(station, order, "Downloading")
    if outcome == "download-failed":
        _tell(station, order, "DownloadFailed")
        return False
    await _step(station, order, "Downloaded")
    if order.get("signed"):
        if outcome == "invalid-signature":
            _tell(station, order, "InvalidSignature")
            _security_event(station, "InvalidFirmwareSignature")
            return False
        await _step(station, order, "SignatureVerified")
    return True


async def _until(condition: Callable[[], bool]) -> None:
    """Look again every moment, for a day at most."""
    for _ in range(int(WAIT_S_MAX / IDLE_POLL_S)):
        if condition():
            return
        await asyncio.sleep(IDLE_POLL_S)


def version_after(current: str, location: str) -> str:
    """The version in the image's name, else the present one with its last number raised."""
    named = _VERSION.findall(location.rsplit("/", 1)[-1])
    if named:
        return str(named[-1])[:50]
    head, dot, last = current.rpartition(".")
    return f"{head}{dot}{int(last) + 1}" if last.isdecimal() else f"{current}.1"[:50]


def _tell(station: "SimulatedStation", order: Json, status: str) -> None:
    told: Json = {"status": status}
    if order.get("request_id") is not None:
        told["requestId"] = order["request_id"]
    station.memory.write("firmware_status", told)
    station.tell(Message(order["action"], told))


async def _step(station: "SimulatedStation", order: Json, status: str) -> None:
    _tell(station, order, status)
    await asyncio.sleep(station.timing.step_s)


def _security_event(station: "SimulatedStation", kind: str) -> None:
    at = station.station_time().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    station.tell(Message("SecurityEventNotification", {"type": kind, "timestamp": at}))


def _seconds_until(text: str | None) -> float:
    if text is None:
        return 0.0
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    wait_s = (at - datetime.now(UTC)).total_seconds()
    return min(wait_s, WAIT_S_MAX) if wait_s > 1 else 0.0


def _is_certificate(pem: str) -> bool:
    try:
        x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return False
    return True
