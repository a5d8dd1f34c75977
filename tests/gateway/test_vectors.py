"""Every file of the shared OCPP vectors, against a gateway over a socket: the recorded traffic is
played in `test_captures`, charging profiles, the device model and quoted frames here."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway import schemas
from gateway.dialect import OrderContext
from gateway.protocols import DIALECTS
from tests.gateway.device_model import report_data
from tests.gateway.field import Field, Wire
from tests.gateway.test_captures import ANSWERED, FILES, QUOTED, VECTORS

PROFILES_OF = {"v16": "ocpp1.6", "v2": "ocpp2.0.1", "v21": "ocpp2.1"}
PROFILES = sorted((VECTORS / "charging-profiles").rglob("*.json"))
COMPONENTS = sorted((VECTORS / "device-model").rglob("*.json"))
QUOTED_FRAMES = (
    [json.loads(line) for line in QUOTED.read_text().splitlines()] if QUOTED.is_file() else []
)

pytestmark = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the shared OCPP vectors are not beside this repository"
)

Lines = dict[str, Wire]


@pytest.fixture(scope="module")
async def lines(field: Field) -> AsyncIterator[Lines]:
    """A station of every version, whose socket all tests share: none of them may close it."""
    async with AsyncExitStack() as stack:
        yield {
            protocol: await stack.enter_async_context(field.station(protocol))
            for protocol in DIALECTS
        }


def named(path: Path) -> str:
    return str(path.relative_to(VECTORS)) if path.is_relative_to(VECTORS) else path.name


def test_every_file_of_the_vectors_is_played() -> None:
    held = {path for path in VECTORS.rglob("*") if path.is_file() and path.suffix != ".md"}

    assert held == {*FILES, *ANSWERED, QUOTED, *PROFILES, *COMPONENTS}


def content(path: Path) -> Any:
    return json.loads(path.read_text())


def version_of(path: Path) -> str:
    return PROFILES_OF[path.relative_to(VECTORS / "charging-profiles").parts[0]]


async def called(field: Field, station: Wire, action: str, payload: Any, answer: Any) -> Any:
    """What the gateway's call looks like on the wire, and what it makes of the answer."""
    calls = field.connection(station.identity).calls
    asking = asyncio.create_task(calls.call(action, payload, 5.0))
    frame = await station.receive()
    await station.raw(json.dumps([3, frame[1], answer]))
    assert (await asking).payload == answer
    return frame


@pytest.mark.parametrize("path", PROFILES, ids=named)
async def test_a_charging_profile_is_sent_as_it_is_and_taken_as_reported(
    field: Field, lines: Lines, path: Path
) -> None:
    protocol, profile = version_of(path), content(path)
    station = lines[protocol]
    v16 = protocol == "ocpp1.6"
    payload = {
        "connectorId" if v16 else "evseId": 1,
        "csChargingProfiles" if v16 else "chargingProfile": profile,
    }
    order = {"action": "SetChargingProfile", "payload": payload}
    (call,) = DIALECTS[protocol].translate_order("call", order, OrderContext())

    frame = await called(field, station, call.action, call.payload, {"status": "Accepted"})

    assert frame[2:] == ["SetChargingProfile", payload]
    if not v16:
        report = {
            "requestId": 1,
            "chargingLimitSource": "CSO",
            "evseId": 1,
            "chargingProfile": [profile],
        }
        sent = await station.post("ReportChargingProfiles", report)
        wrong = schemas.violation(protocol, "ReportChargingProfiles", report)
        answer = await station.receive()
        assert answer[:2] == ([3, sent] if wrong is None else [4, sent])


@pytest.mark.parametrize("path", COMPONENTS, ids=named)
async def test_a_component_of_the_device_model_is_kept_whole(lines: Lines, path: Path) -> None:
    station, number = lines["ocpp2.0.1"], COMPONENTS.index(path)
    data = report_data([path])
    report = {
        "requestId": 1000 + number,
        "generatedAt": "2026-11-20T10:00:00Z",
        "seqNo": 0,
        "tbc": False,
        "reportData": data,
    }

    assert await station.call("NotifyReport", report) == {}

    component = data[0]["component"]
    evse = component.get("evse", {})
    kept = {
        row["variable"]
        for row in await station.rows("station_variables")
        if (row["component"], row["evse"], row["connector"])
        == (component["name"], evse.get("id"), evse.get("connectorId"))
    }
    assert kept == {item["variable"]["name"] for item in data}


@pytest.mark.parametrize(
    "record",
    [one for one in QUOTED_FRAMES if one["raw"] and one["dir"] != "handshake"],
    ids=lambda one: f"{one['charger']}: {one['raw'][:40]}",
)
async def test_a_quoted_frame_passes_and_the_socket_lives(
    field: Field, lines: Lines, record: dict[str, Any]
) -> None:
    station = lines[f"ocpp{record['ocpp']}"]
    if record["dir"] == "csms>cp":
        _, _, action, payload = json.loads(record["raw"])
        frame = await called(field, station, action, payload, {"status": "Accepted"})
        assert frame[2:] == [action, payload]
        return
    raw = record["raw"]
    await station.raw(raw)
    await station.raw('[2,"alive","Heartbeat",{}]')
    answers: dict[str, Any] = {}
    while len(answers) < 1 + raw.lstrip().startswith("[2"):
        answer = await station.receive()  # a heartbeat's comes before those of older messages
        answers[answer[1]] = answer
    assert answers.pop("alive")[0] == 3
    assert all(str(message_id) in raw for message_id in answers)


async def test_a_quoted_handshake_without_an_identity_is_refused_in_words(field: Field) -> None:
    """Its path is "/": there is nobody to be. Its subprotocol is missing too."""
    (record,) = [one for one in QUOTED_FRAMES if one["dir"] == "handshake" and one["raw"]]
    reader, writer = await asyncio.open_connection("127.0.0.1", field.app.port)
    more = ["Host: 127.0.0.1", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
    writer.write("\r\n".join([record["raw"], *more]).encode())
    async with asyncio.timeout(30):
        status = await reader.readline()
    writer.close()

    assert status.startswith(b"HTTP/1.1 4")


def test_what_is_told_of_2_x_chargers_is_no_frame() -> None:
    """Once there are frames of them, the test above plays them too."""
    told = [one for one in QUOTED_FRAMES if one["ocpp"] != "1.6"]

    assert told
    assert {one["raw"] for one in told} == {""}
