"""Random frames and random orders, from a fixed seed: what must hold holds for all of them."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from gateway.app import GatewayApp
from holdfast.settings import Settings
from tests.gateway.conftest import CARD, Database, Network, Start, StationClient, connect_station

SEED = 20_260_301
FRAMES = 900
WINDOW = 15
TRANSACTIONS = 12
T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
TRANSACTIONAL = {
    "ocpp1.6": {"StartTransaction", "MeterValues", "StopTransaction"},
    "ocpp2.0.1": {"TransactionEvent", "MeterValues"},
}


def stamp(seconds: float) -> str:
    return (T0 + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def sample(seconds: float, watt_hours: int, context: str = "Sample.Periodic") -> dict[str, Any]:
    return {
        "timestamp": stamp(seconds),
        "sampledValue": [{"value": watt_hours, "context": context}],
    }


def event(
    transaction: str, kind: str, number: int, seconds: float, watt_hours: int, context: str
) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": stamp(seconds),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": number,
        "transactionInfo": {"transactionId": transaction},
        "evse": {"id": 1, "connectorId": 1},
        "meterValue": [sample(seconds, watt_hours, context)],
    }


VALID: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "ocpp1.6": [
        (
            "StartTransaction",
            {"connectorId": 1, "idTag": CARD, "timestamp": stamp(0), "meterStart": 5},
        ),
        ("MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": [sample(9, 70)]}),
        (
            "StopTransaction",
            {
                "transactionId": 1,
                "timestamp": stamp(99),
                "meterStop": 900,
                "transactionData": [sample(99, 900)],
            },
        ),
        ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}),
        ("Authorize", {"idTag": CARD}),
        ("DataTransfer", {"vendorId": "Acme", "data": "x"}),
        ("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "X"}),
    ],
    "ocpp2.0.1": [
        ("TransactionEvent", event("A", "Started", 0, 0, 10, "Transaction.Begin")),
        ("TransactionEvent", event("A", "Updated", 1, 5, 20, "Sample.Periodic")),
        ("TransactionEvent", event("A", "Ended", 2, 9, 30, "Transaction.End")),
        ("MeterValues", {"evseId": 1, "meterValue": [sample(9, 70)]}),
        (
            "StatusNotification",
            {
                "evseId": 1,
                "connectorId": 1,
                "connectorStatus": "Occupied",
                "timestamp": stamp(1),
            },
        ),
        ("Authorize", {"idToken": {"idToken": CARD, "type": "ISO14443"}}),
    ],
}


def odd_value(chance: random.Random) -> Any:
    deep: Any = 1
    for _ in range(chance.choice((3, 60, 300))):
        deep = [deep]
    return chance.choice(
        [
            None,
            True,
            "",
            "a\x00b",
            "\u202e\U0001f50c",
            "x" * 5000,
            -1,
            0,
            2**31,
            2**63 - 1,
            -(2**63),
            2**64 - 1,
            1e308,
            0.1 + 0.2,
            "1e999999",
            "9999-12-31T23:59:59-14:00",
            "0001-01-01T00:00:00Z",
            [],
            {},
            [[]],
            {"a": {"b": []}},
            [None] * 1500,
            deep if chance.random() < 0.2 else "deep",
        ]
    )


def spoil(value: Any, chance: random.Random) -> Any:
    """The same with one thing in it changed, left out, doubled or renamed."""
    if isinstance(value, dict) and value:
        name = chance.choice(list(value))
        rest = {key: item for key, item in value.items() if key != name}
        turn = chance.random()
        if turn < 0.15:
            return rest
        if turn < 0.25:
            return rest | {name + "\x00X": value[name]}
        if turn < 0.5:
            return value | {name: odd_value(chance)}
        return value | {name: spoil(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        return [spoil(value[0], chance), *value[: chance.randint(0, 3)]]
    return odd_value(chance)


def frame_of(protocol: str, message_id: str, chance: random.Random) -> bytes:
    action, payload = chance.choice(VALID[protocol])
    items: list[Any] = [2, message_id, action, payload]
    turn = chance.random()
    if turn < 0.65:
        items[3] = spoil(payload, chance)
    elif turn < 0.8:
        items[chance.choice((0, 2, 3))] = odd_value(chance)
    elif turn < 0.85:
        items = items[: chance.randint(0, 3)]
    try:
        frame = orjson.dumps(items)
    except TypeError:  # too deep to be written by it
        return b'[2,"%s","%s",{"a":%s}]' % (
            message_id.encode(),
            action.encode(),
            b"[" * 300 + b"]" * 300,
        )
    if chance.random() < 0.12:
        cut = chance.randint(0, len(frame))
        return chance.choice((frame[:cut], frame[:cut] + b"\xff" + frame[cut:], b"", b"\x00"))
    return frame


def must_be_confirmed(protocol: str, frame: bytes) -> str | None:
    """The id of a frame whose envelope is right and which is about a transaction or a meter."""
    try:
        items = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return None
    match items:
        case [2, str(message_id), str(action), dict(), *_] if (
            action in TRANSACTIONAL[protocol] and message_id
        ):
            return message_id
    return None


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_no_frame_closes_the_socket_and_no_transaction_is_refused(
    gateway: GatewayApp, database: Database, protocol: str
) -> None:
    print("seed", SEED)
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    async with await connect_station(gateway.port, "CP1", protocol) as station:
        for turn in range(0, FRAMES, WINDOW):
            frames = [frame_of(protocol, f"f{turn}-{n}", chance) for n in range(WINDOW)]
            wanted = {found for one in frames if (found := must_be_confirmed(protocol, one))}
            for one in frames:
                await station.socket.send(one, text=False)
            # Its answer is the last but for heartbeats: whatever came before it was answered.
            last = await station.post("Authorize", {})
            answers: dict[str, int] = {}
            while last not in answers:
                answer = await station.receive()
                answers[answer[1]] = answer[0]
            for message_id in wanted:
                assert answers.get(message_id) == 3, (message_id, answers.get(message_id))
        assert "currentTime" in await station.call("Heartbeat", {})


async def ask(station: StationClient, action: str, payload: Any, seen: dict[str, bytes]) -> Any:
    """A call whose answer must be, to the byte, what it was the last time."""
    key = orjson.dumps([action, {k: v for k, v in payload.items() if k != "offline"}]).decode()
    message_id = await station.post(action, payload)
    async with asyncio.timeout(20):
        frame = await station.socket.recv(decode=False)
    begin = b'[3,"%s",' % message_id.encode()
    assert frame.startswith(begin), frame
    body = frame.removeprefix(begin)
    assert seen.setdefault(key, body) == body
    return orjson.loads(body[:-1])


async def energies(database: Database) -> Counter[int]:
    return Counter(
        row["energy_wh"] for row in await database.rows("SELECT energy_wh FROM sessions")
    )


class Network201:
    """A station of 2.0.1 whose events are shuffled, repeated and partly lost."""

    def __init__(self, chance: random.Random) -> None:
        self.events: list[dict[str, Any]] = []
        self.energies: Counter[int] = Counter()
        for number in range(TRANSACTIONS):
            register = chance.randint(0, 10**8)
            first = register
            begin = number * 4000
            count = chance.randint(0, 8)
            kinds = ["Started", *["Updated"] * count, "Ended"]
            made = []
            for sequence, kind in enumerate(kinds):
                context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(
                    kind, "Sample.Periodic"
                )
                made.append(
                    event(f"T{number}", kind, sequence, begin + sequence * 60, register, context)
                )
                register += chance.randint(0, 900)
            self.energies[made[-1]["meterValue"][0]["sampledValue"][0]["value"] - first] += 1
            lost = [one for one in made if one["eventType"] != "Updated" or chance.random() < 0.7]
            again = [one | {"offline": True} for one in lost if chance.random() < 0.5]
            self.events += lost + again
        chance.shuffle(self.events)


async def test_events_in_any_order_make_a_session_each_with_its_energy(
    start_gateway: Start, gateway_settings: Settings, network: Network, database: Database
) -> None:
    print("seed", SEED)
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    told = Network201(chance)
    seen: dict[str, bytes] = {}
    gateway = await start_gateway(gateway_settings)
    station = await connect_station(gateway.port, "CP1", "ocpp2.0.1")
    for turn, one in enumerate(told.events):
        await ask(station, "TransactionEvent", one, seen)
        if turn == len(told.events) // 2:  # the gateway restarts
            await gateway.drain()
            gateway = await start_gateway(gateway_settings)
            station = await connect_station(gateway.port, "CP1", "ocpp2.0.1")
    for one in told.events:  # everything once more, after the end
        await ask(station, "TransactionEvent", one, seen)
    await station.close()

    assert await energies(database) == told.energies


async def test_transactions_that_are_repeated_and_replayed_keep_their_energy(
    start_gateway: Start, gateway_settings: Settings, network: Network, database: Database
) -> None:
    print("seed", SEED)
    chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    seen: dict[str, bytes] = {}
    expected: Counter[int] = Counter()
    sent: list[tuple[str, dict[str, Any]]] = []
    gateway = await start_gateway(gateway_settings)
    station = await connect_station(gateway.port, "CP1")
    for number in range(TRANSACTIONS):
        begin, register = number * 4000, chance.randint(0, 10**8)
        connector = chance.randint(1, 2)
        start = {
            "connectorId": connector,
            "idTag": chance.choice((CARD, "STRANGER")),
            "timestamp": stamp(begin),
            "meterStart": register,
        }
        answer = await ask(station, "StartTransaction", start, seen)
        rest: list[tuple[str, dict[str, Any]]] = []
        for minute in range(chance.randint(0, 6)):
            values = {
                "connectorId": connector,
                "transactionId": answer["transactionId"],
                "meterValue": [sample(begin + minute * 60, register + minute * 100)],
            }
            rest.append(("MeterValues", values))
        charged = chance.randint(700, 9000)
        stop = {
            "transactionId": answer["transactionId"],
            "timestamp": stamp(begin + 3600),
            "meterStop": register + charged,
        }
        expected[charged] += 1
        rest += [("StopTransaction", stop), ("StartTransaction", start)]
        rest += [item for item in rest if chance.random() < 0.4]
        chance.shuffle(rest)
        for action, payload in rest:
            await ask(station, action, payload, seen)
        sent += rest
        if number == TRANSACTIONS // 2:
            await gateway.drain()
            gateway = await start_gateway(gateway_settings)
            station = await connect_station(gateway.port, "CP1")
    chance.shuffle(sent)
    for action, payload in sent:
        await ask(station, action, payload, seen)
    await station.close()

    assert await energies(database) == expected
    numbers = await database.rows("SELECT DISTINCT transaction_id FROM sessions")
    assert len(numbers) == TRANSACTIONS
