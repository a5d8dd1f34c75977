"""OCPP 2.0.1 block L: firmware, signed and unsigned, and its publication by a local controller."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import ACCEPTED, events, now

PROTOCOL = "ocpp2.0.1"
LATER = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
PLAIN = {"location": "https://files.example/fw.bin", "retrieve_at": LATER.isoformat()}
SIGNED = PLAIN | {
    "install_at": (LATER + timedelta(hours=1)).isoformat(),
    "certificate": "-----BEGIN CERTIFICATE-----",
    "signature": "c2lnbmVk",
    "retries": 3,
    "retry_interval_s": 60,
}
COURSE = [
    "DownloadScheduled",
    "Downloading",
    "DownloadPaused",
    "Downloaded",
    "SignatureVerified",
    "InstallScheduled",
    "InstallRebooting",
    "Installing",
    "InstallVerificationFailed",
    "Installed",
]
PUBLISH = {
    "location": "https://files.example/fw.bin",
    "checksum": "d41d8cd98f00b204e9800998ecf8427e",
    "requestId": 5,
}


async def ordered(
    central: Central, station: Witness, order: dict[str, Any], status: str = "Accepted"
) -> tuple[dict[str, Any], str]:
    """What is sent, and the order's end."""
    action, payload, done = await central.ordered(
        station, "update_firmware", order, {"status": status}
    )
    assert (action, done.status) == ("UpdateFirmware", status)
    return payload, done.state


async def told(central: Central, station: Witness, statuses: list[str], number: int | None) -> None:
    """Each status is confirmed, and kept with the number of its order."""
    numbered = {} if number is None else {"requestId": number}
    for status in statuses:
        payload = {"status": status} | numbered
        assert await station.call("FirmwareStatusNotification", payload) == {}
    kept = await events(central, station, "firmware")
    assert [(row["name"], row["request_id"]) for row in kept] == [
        (status, number) for status in statuses
    ]


async def test_l01_fr_01_each_state_of_a_signed_update_is_confirmed_and_kept(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        payload, _ = await ordered(central, station, SIGNED)
        await told(central, station, COURSE, payload["requestId"])


@pytest.mark.parametrize("status", ["InvalidSignature", "DownloadFailed", "InstallationFailed"])
async def test_l01_fr_02_an_update_that_fails_is_confirmed_and_kept(
    central: Central, status: str
) -> None:
    async with central.station(PROTOCOL) as station:
        payload, _ = await ordered(central, station, SIGNED)
        await told(central, station, ["Downloading", status], payload["requestId"])


@pytest.mark.parametrize("name", ["InvalidFirmwareSignature", "InvalidFirmwareSigningCertificate"])
async def test_l01_fr_03_the_security_event_of_a_bad_signature_is_confirmed_and_kept(
    central: Central, name: str
) -> None:
    async with central.station(PROTOCOL) as station:
        said = {"type": name, "timestamp": now()}
        assert await station.call("SecurityEventNotification", said) == {}
        (kept,) = await events(central, station, "security")

    assert kept["name"] == name


async def test_l01_fr_11_signed_firmware_goes_with_its_certificate_and_signature(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        payload, state = await ordered(central, station, SIGNED)

    firmware = payload["firmware"]
    assert firmware["location"] == SIGNED["location"]
    assert firmware["signingCertificate"] == SIGNED["certificate"]
    assert firmware["signature"] == SIGNED["signature"]
    assert datetime.fromisoformat(firmware["retrieveDateTime"]) == LATER
    assert datetime.fromisoformat(firmware["installDateTime"]) == LATER + timedelta(hours=1)
    assert (payload["retries"], payload["retryInterval"]) == (3, 60)
    assert state == "accepted"


async def test_l01_fr_20_a_status_without_a_number_is_confirmed(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        await told(central, station, ["Idle"], None)


@pytest.mark.parametrize("status", ["InvalidCertificate", "RevokedCertificate", "Rejected"])
async def test_l01_fr_22_a_station_that_does_not_trust_the_certificate_is_understood(
    central: Central, status: str
) -> None:
    async with central.station(PROTOCOL) as station:
        _, state = await ordered(central, station, SIGNED, status)

    assert state == "rejected"


async def test_l01_fr_24_an_update_that_replaces_another_is_understood(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        first, _ = await ordered(central, station, SIGNED)
        second, state = await ordered(central, station, SIGNED, "AcceptedCanceled")
        await told(central, station, ["Downloading", "Installed"], second["requestId"])

    assert state == "accepted"
    assert first["requestId"] != second["requestId"]


async def test_l02_fr_01_unsigned_firmware_goes_without_certificate_and_its_states_are_kept(
    central: Central,
) -> None:
    course = ["Downloading", "Downloaded", "Installing", "Installed"]
    async with central.station(PROTOCOL) as station:
        payload, state = await ordered(central, station, PLAIN)
        await told(central, station, course, payload["requestId"])

    assert state == "accepted"
    assert set(payload["firmware"]) == {"location", "retrieveDateTime"}


async def published(station: Witness, status: str, **more: Any) -> None:
    payload = {"status": status, "requestId": 5} | more
    assert await station.call("PublishFirmwareStatusNotification", payload) == {}


async def test_l03_fr_01_firmware_is_published_and_each_state_confirmed_and_kept(
    central: Central,
) -> None:
    course = ["DownloadScheduled", "Downloading", "Downloaded", "ChecksumVerified"]
    order = {"action": "PublishFirmware", "payload": PUBLISH}
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(station, "call", order, ACCEPTED)
        for status in course:
            await published(station, status)
        kept = await events(central, station, "firmware_publication")

    assert (action, payload, done.state) == ("PublishFirmware", PUBLISH, "accepted")
    assert [(row["name"], row["request_id"]) for row in kept] == [(one, 5) for one in course]


async def test_l03_fr_04_where_published_firmware_lies_is_kept(central: Central) -> None:
    places = ["http://10.0.0.2/fw.bin", "ftp://10.0.0.2/fw.bin"]
    async with central.station(PROTOCOL) as station:
        await published(station, "Published", location=places)
        (kept,) = await events(central, station, "firmware_publication")

    assert kept["details"] == {"location": places}


@pytest.mark.parametrize("status", ["InvalidChecksum", "DownloadFailed", "PublishFailed"])
async def test_l03_fr_06_a_publication_that_fails_is_confirmed_and_kept(
    central: Central, status: str
) -> None:
    async with central.station(PROTOCOL) as station:
        await published(station, status)
        (kept,) = await events(central, station, "firmware_publication")

    assert kept["name"] == status


@pytest.mark.parametrize(
    ("status", "state"),
    [("Unpublished", "accepted"), ("DownloadOngoing", "rejected"), ("NoFirmware", "rejected")],
)
async def test_l04_fr_01_published_firmware_is_taken_back(
    central: Central, status: str, state: str
) -> None:
    order = {"action": "UnpublishFirmware", "payload": {"checksum": PUBLISH["checksum"]}}
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(station, "call", order, {"status": status})

    assert (action, payload) == ("UnpublishFirmware", {"checksum": PUBLISH["checksum"]})
    assert (done.state, done.status) == (state, status)
