"""Traffic of independent chargers, played into a gateway: everything is answered, most accepted."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.envelope import CallError, CallResult
from gateway.protocols import DIALECTS
from tests.gateway.field import Field

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "ocpp"
CAPTURES = VECTORS / "captures"
QUOTED = VECTORS / "issue-frames.jsonl"
MESSAGES_MAX = 300
VERSIONS = {"_16": "ocpp1.6", "_201": "ocpp2.0.1", "_21": "ocpp2.1"}
TRANSACTIONS = ("StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent")


def protocol_of(path: Path) -> str:
    """The version, from the file's name."""
    return next(
        name
        for part, name in VERSIONS.items()
        if path.stem.find(part + "_") >= 0 or path.stem.endswith(part)
    )


def calls_of(path: Path) -> list[list[Any]]:
    """Calls of the station that parse and that we implement."""
    found = []
    protocol = protocol_of(path)
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if record["dir"] != "<<":
            continue
        try:
            frame = json.loads(record["raw"])
        except ValueError:
            continue
        if frame[0] == 2 and frame[2] in DIALECTS[protocol].handlers:
            found.append(frame)
    return found[:MESSAGES_MAX]


def exchanges_of(path: Path) -> list[tuple[list[Any], list[Any]]]:
    """Calls of the server, with the station's answers as it wrote them."""
    asked: dict[str, list[Any]] = {}
    found = []
    for line in path.read_text().splitlines():
        record = json.loads(line)
        if record["dir"] not in ("<<", ">>"):
            continue
        try:
            frame = json.loads(record["raw"])
        except ValueError:
            continue
        if record["dir"] == ">>" and frame[0] == 2:
            asked[frame[1]] = frame
        elif record["dir"] == "<<" and frame[0] in (3, 4) and frame[1] in asked:
            found.append((asked.pop(frame[1]), frame))
    return found[:MESSAGES_MAX]


ANSWERED = [path for path in sorted(CAPTURES.glob("*.jsonl")) if exchanges_of(path)]
FILES = [path for path in sorted(CAPTURES.glob("*.jsonl")) if calls_of(path)]

pytestmark = pytest.mark.skipif(
    not FILES, reason="the shared OCPP captures are not beside this repository"
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_a_real_charger_is_understood(field: Field, path: Path) -> None:
    protocol = protocol_of(path)
    numbers: dict[int, int] = {}  # the capture's transaction ids to ours
    refused = []
    async with field.station(protocol) as station:
        calls = calls_of(path)
        for _, message_id, action, payload in calls:
            lenient = DIALECTS[protocol].handlers[action].lenient
            if isinstance(payload, dict) and payload.get("transactionId") in numbers:
                payload["transactionId"] = numbers[payload["transactionId"]]
            await station.post(action, payload, message_id)
            answer = await station.receive()
            assert answer[1] == message_id
            if answer[0] != 3:
                assert not lenient, answer
                refused.append((action, answer[2:4]))
            elif action == "StartTransaction":
                numbers[len(numbers) + 1] = answer[2]["transactionId"]

    assert len(refused) <= len(calls) // 20, refused
    # What changes nothing (heartbeats, refusals) reaches the log a moment later.
    assert await field.database.until(
        "SELECT 1 FROM frames f JOIN stations s ON s.id = f.station_id"
        " WHERE NOT f.outbound AND s.identity = %s HAVING count(*) = %s",
        station.identity,
        len(calls),
    )
    broken = [row for row in await station.rows("quarantine") if "Error" in row["error"]]
    assert broken == []


@pytest.mark.parametrize("path", ANSWERED, ids=lambda path: path.stem)
async def test_a_real_chargers_answers_are_understood(field: Field, path: Path) -> None:
    async with field.station(protocol_of(path)) as station:
        await station.alive()
        calls = field.connection(station.identity).calls
        for (_, _, action, payload), (kind, _, *rest) in exchanges_of(path):
            asking = asyncio.create_task(calls.call(action, payload, 5.0))
            sent = await station.receive()
            assert sent[2:] == [action, payload]
            await station.raw(json.dumps([kind, sent[1], *rest]))
            answer = await asking
            if kind == 3:
                assert isinstance(answer, CallResult)
                assert answer.payload == rest[0]
            else:
                assert isinstance(answer, CallError)
                assert answer.code == rest[0]
        await station.alive()


def quoted_frames() -> list[str]:
    """What real chargers sent, as people quoted it when it broke something."""
    records = [json.loads(line) for line in QUOTED.read_text().splitlines()]
    return [item["raw"] for item in records if item["dir"] == "cp>csms" and item["ocpp"] == "1.6"]


async def test_no_frame_of_a_real_charger_closes_the_socket(field: Field) -> None:
    frames = quoted_frames()
    assert len(frames) > 20
    async with field.station() as station:
        for number, raw in enumerate(frames):
            await station.raw(raw)
            await station.post("Heartbeat", {}, f"alive{number}")
            # A heartbeat is answered at once, before older messages.
            answers: dict[str, list[Any]] = {}
            while len(answers) < 1 + raw.lstrip().startswith("[2"):
                answer = await station.receive()
                answers[answer[1]] = answer
            assert answers.pop(f"alive{number}")[0] == 3
            for message_id, answer in answers.items():
                assert message_id in raw, (raw, answer)
                readable = _parsed(raw)
                if readable is not None and readable[2] in TRANSACTIONS:
                    assert answer[0] == 3, (raw, answer)


def _parsed(raw: str) -> list[Any] | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    assert isinstance(found, list)
    return found
