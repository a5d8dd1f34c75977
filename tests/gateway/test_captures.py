"""Traffic of independent chargers, played into a gateway: everything is answered, most accepted."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.app import GatewayApp
from gateway.protocols import DIALECTS
from holdfast.settings import Settings
from tests.gateway.conftest import Database, Network, Start, connect_station

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "ocpp" / "captures"
MESSAGES_MAX = 300


def calls_of(path: Path) -> list[list[Any]]:
    """Calls of the station that parse and that we implement."""
    found = []
    protocol = "ocpp1.6" if "_16" in path.name else "ocpp2.0.1"
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


FILES = [
    path
    for path in (*sorted(CAPTURES.glob("*_16*.jsonl")), *sorted(CAPTURES.glob("*_201*.jsonl")))
    if calls_of(path)
]

pytestmark = pytest.mark.skipif(
    not FILES, reason="the shared OCPP captures are not beside this repository"
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_a_real_charger_is_understood(
    start_gateway: Start,
    gateway_settings: Settings,
    network: Network,
    database: Database,
    path: Path,
) -> None:
    app: GatewayApp = await start_gateway(gateway_settings)
    protocol = "ocpp1.6" if "_16" in path.name else "ocpp2.0.1"
    numbers: dict[int, int] = {}  # the capture's transaction ids to ours
    refused = []
    async with await connect_station(app.port, "CP1", protocol) as station:
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
    assert await database.until(
        "SELECT 1 FROM frames WHERE NOT outbound HAVING count(*) = %s", len(calls)
    )
    broken = await database.rows("SELECT error FROM quarantine WHERE error LIKE '%%Error%%'")
    assert broken == []
