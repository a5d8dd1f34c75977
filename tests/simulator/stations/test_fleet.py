"""The fleet as a process: killed and continued, told what to do by HTTP, drained."""

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest

from simulator.stations.config import FleetConfig, FleetFileWrong, StationConfig, parse_fleet
from simulator.stations.control import control_port
from simulator.stations.fleet import PRIME_STAY_S, Fleet
from simulator.stations.ledger import Ledger, StateInUse
from tests.simulator.stations.back_office import BackOffice
from tests.simulator.stations.conftest import FAST, station_16, station_201

ROOT = Path(__file__).parents[3]


@contextlib.asynccontextmanager
async def fleet_process(
    office: BackOffice, folder: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """`python -m simulator.stations` on a folder, and a client of its control port."""
    (folder / "fleet.json").write_bytes(
        orjson.dumps(
            {
                "tokens": ["CARD1"],
                "stations": [
                    {"identity": "P-16", "protocol": "ocpp1.6"},
                    {"identity": "P-201", "protocol": "ocpp2.0.1"},
                ],
            }
        )
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "simulator.stations", "--url", office.url, "--fleet", folder / "fleet.json"),
        *("--state-dir", folder / "state", "--no-drivers", "--meter-interval", "0.1"),
        *("--reconnect-base", "0.05", "--reconnect-max", "0.2", "--call-timeout", "3"),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found is not None, line
        async with httpx.AsyncClient(base_url=found[0], timeout=15) as client:
            yield process, client
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_killed_fleet_goes_on_where_it_was(office: BackOffice, tmp_path: Path) -> None:
    async with fleet_process(office, tmp_path) as (process, client):
        await office.until(lambda: len(office.of("StatusNotification")) == 2)
        for name in ("P-16", "P-201"):
            body = {"connector": 1, "token": "CARD1", "energy_wh": 50_000, "stay_s": 600}
            answer = await client.post(f"/stations/{name}/plug-in", json=body)
            assert answer.status_code == 200, answer.text
        await office.until(lambda: office.of("MeterValues") and len(office.events()) > 4)
        office.deaf_to |= {"MeterValues", "TransactionEvent"}
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    heard = len(office.received)
    office.deaf_to.clear()

    async with fleet_process(office, tmp_path) as (process, client):
        await office.until(lambda: len(office.of("BootNotification")) == 4)
        result = (await client.post("/drain", json={"timeout_s": 8})).json()
        records = (await client.get("/transactions")).json()
        fleet = (await client.get("/fleet")).json()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0

    assert heard < len(office.received)
    assert result == {"drained": True, "queue_length": 0, "unconfirmed": []}
    assert len(records) == 2
    assert all(one["confirmed"] for one in records)
    # Nothing twice: the answered start was not told again, and numbers go on without a gap.
    assert len(office.of("StartTransaction")) == 1
    answered = [one.payload["seqNo"] for one in office.of("TransactionEvent") if one.answered]
    assert answered == list(range(len(answered)))
    registers = {one["identity"]: one["connectors"][0]["register_wh"] for one in fleet["stations"]}
    stop = office.of("StopTransaction")[0].payload
    assert stop["meterStop"] == int(registers["P-16"])
    for one in records:
        assert int(one["stop_register_wh"]) == int(registers[one["station"]])
        assert one["delivered_wh"] > 0


async def test_a_second_fleet_on_the_same_state_is_turned_away(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "stations.sqlite")

    with pytest.raises(StateInUse):
        Ledger(tmp_path / "stations.sqlite")

    first.close()


async def test_the_first_cars_are_there_at_once_and_half_of_them_on_dc(
    office: BackOffice,
) -> None:
    config = FleetConfig(stations=(station_16(), station_201()))
    async with Fleet(config, office.url, timing=FAST, state_dir=None, seed=1, demand=0) as fleet:
        fleet.start_drivers(prime=4)
        await office.until(lambda: fleet.counters["drivers_arrived"] == 4)
        on_dc = [
            connector.car
            for station in fleet.stations.values()
            for connector in station.connectors.values()
            if connector.is_dc and connector.car is not None
        ]

    assert len(on_dc) == 1, "the only one on DC is taken first"
    assert on_dc[0].departs_at - datetime.now(UTC) <= timedelta(seconds=PRIME_STAY_S)


@pytest.fixture
async def control(office: BackOffice) -> AsyncIterator[tuple[Fleet, httpx.AsyncClient]]:
    """A fleet of two in this process, and a client of its control port."""
    config = FleetConfig(stations=(station_16(), station_201()))
    async with (
        Fleet(config, office.url, timing=FAST, state_dir=None, seed=1) as fleet,
        control_port(fleet, 0) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        await office.until(lambda: all(one.is_online for one in fleet.stations.values()))
        yield fleet, client


async def test_the_control_port_runs_a_session(
    office: BackOffice, control: tuple[Fleet, httpx.AsyncClient]
) -> None:
    _, client = control

    body = {"connector": 2, "token": "CARD1", "energy_wh": 900, "stay_s": 60}
    started = (await client.post("/stations/CP-16/plug-in", json=body)).json()["transaction"]
    busy = await client.post("/stations/CP-16/plug-in", json=body)
    await office.until(lambda: office.of("MeterValues"))
    fleet = (await client.get("/fleet")).json()
    ended = (await client.post("/stations/CP-16/unplug", json={"connector": 2})).json()
    drained = (await client.post("/drain", json={})).json()
    records = (await client.get("/transactions", params={"station": "CP-16"})).json()

    shown = next(one for one in fleet["stations"] if one["identity"] == "CP-16")
    assert shown["connected"]
    assert shown["connectors"][1]["status"] == "Charging"
    assert shown["connectors"][1]["transaction"]["key"] == started["key"]
    assert busy.status_code == 409
    assert ended["transaction"]["key"] == started["key"]
    assert drained["drained"]
    assert [one["key"] for one in records] == [started["key"]]
    assert records[0]["confirmed"]
    assert records[0]["transaction_id"] == "7001"


async def test_the_control_port_injects_faults_and_sends_messages(
    office: BackOffice, control: tuple[Fleet, httpx.AsyncClient]
) -> None:
    _, client = control

    fault = await client.post("/stations/CS-201/fault", json={"kind": "drop"})
    await office.until(lambda: office.accepted_sockets == 3)
    wrong = await client.post("/stations/CS-201/fault", json={"kind": "melt"})
    nobody = await client.post("/stations/NOBODY/fault", json={"kind": "drop"})
    message = {"action": "DataTransfer", "payload": {"vendorId": "Acme", "data": "x"}}
    answer = await client.post("/stations/CP-16/message", json=message)
    kept_out = await client.post("/stations/CP-16/message", json={"action": "StopTransaction"})

    assert fault.status_code == 200
    assert (wrong.status_code, nobody.status_code, kept_out.status_code) == (400, 404, 400)
    assert answer.json() == {"answer": {"status": "Accepted"}}
    assert office.of("DataTransfer")[0].payload == {"vendorId": "Acme", "data": "x"}


async def test_a_refused_token_is_a_conflict(
    office: BackOffice, control: tuple[Fleet, httpx.AsyncClient]
) -> None:
    _, client = control
    office.refused_tokens.add("STOLEN")

    body = {"connector": 1, "token": "STOLEN"}
    answer = await client.post("/stations/CS-201/plug-in", json=body)

    assert (answer.status_code, answer.json()) == (409, {"error": "token refused"})


async def test_a_drain_that_cannot_finish_says_what_is_left(
    office: BackOffice, control: tuple[Fleet, httpx.AsyncClient]
) -> None:
    fleet, client = control
    running = await fleet.stations["CP-16"].plug_in(1, "CARD1", energy_wh=900, stay_s=60)
    office.deaf_to.add("StopTransaction")

    result = (await client.post("/drain", json={"timeout_s": 0.5})).json()

    assert running is not None
    assert result == {"drained": False, "queue_length": 1, "unconfirmed": [running.key]}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"stations": []},
        {"stations": [{"protocol": "ocpp1.6"}]},
        {"stations": [{"identity": "A", "protocol": "ocpp1.5"}]},
        {"stations": [{"identity": "A"}, {"identity": "A"}]},
        {"stations": [{"identity": "A", "colour": "red"}]},
        {"stations": [{"identity": "A", "evses": [{"connectors": 0}]}]},
        {"stations": [{"identity": "A", "tokens": [1]}]},
        {"stations": [{"identity": "A", "password": 1}]},
        {"stations": [{"identity": "A", "vendor": None}]},
    ],
)
def test_a_fleet_file_with_a_mistake_is_refused(document: object) -> None:
    with pytest.raises(FleetFileWrong):
        parse_fleet(document)


def test_stations_take_the_fleets_tokens_unless_they_have_their_own() -> None:
    fleet = parse_fleet(
        {"tokens": ["A", "B"], "stations": [{"identity": "X"}, {"identity": "Y", "tokens": ["C"]}]}
    )

    assert [one.tokens for one in fleet.stations] == [("A", "B"), ("C",)]
    assert fleet.stations[0] == StationConfig(identity="X", tokens=("A", "B"))
