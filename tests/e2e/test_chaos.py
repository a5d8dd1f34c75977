"""Kill everything, in turn and at random moments, while twenty stations charge. Lose nothing.

The witnesses are independent: the stations' own registers, and the payment provider's own books.
Set HOLDFAST_CHAOS_SEED to repeat a run, HOLDFAST_CHAOS_ROUNDS for a longer one.
"""

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.ad_hoc import AdHocDrivers
from tests.e2e.installation import Installation, eventually, installed, running_fleet

SEED = int(os.environ.get("HOLDFAST_CHAOS_SEED", "20261122"))
ROUNDS = int(os.environ.get("HOLDFAST_CHAOS_ROUNDS", "1"))
VICTIMS = ("gateway", "workers", "api", "temporal", "postgres")
STATIONS = 20
AD_HOC_STATIONS = 4  # the last ones, where cars come for remote starts only
RECOVERY_S = 90.0
# Short waits, so that what a killed process leaves behind is settled within the test.
SETTINGS = {
    "HOLDFAST_SESSION_FINAL_WAIT_S": "5",
    "HOLDFAST_SESSION_STOP_RETRY_S": "10",
    "HOLDFAST_LOG_LEVEL": "info",
}

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path / "state dir", "--no-fleet", settings=SETTINGS) as running:
        yield running


def twenty_stations(installation: Installation) -> dict[str, Any]:
    """The demo's stations, and as many unknown ones as are missing: they are onboarded."""
    fleet: dict[str, Any] = json.loads((installation.state_dir / "fleet.json").read_text())
    stations = fleet["stations"]
    tokens = fleet.get("tokens") or stations[0]["tokens"]
    for number in range(len(stations), STATIONS):
        stations.append(
            {
                "identity": f"CHAOS-{number:02}",
                "protocol": "ocpp2.0.1" if number % 2 else "ocpp1.6",
                "vendor": "Chaos",
                "model": "C-1",
                "firmware": "1.0",
                "password": None,
                "evses": [{"connectors": 1, "max_power_w": 22_000, "current_type": "AC"}] * 2,
                "tokens": tokens,
            }
        )
    return fleet


async def make_it_expensive(installation: Installation) -> None:
    """A price at which sessions of seconds are worth a card's while, everywhere."""
    elements = [
        {
            "price_components": [
                {"type": "FLAT", "price": "1.00", "vat": "20", "step_size": 1},
                {"type": "ENERGY", "price": "19.90", "vat": "20", "step_size": 1},
                {"type": "TIME", "price": "3.00", "vat": "20", "step_size": 1},
                {"type": "PARKING_TIME", "price": "7.00", "vat": "20", "step_size": 1},
            ]
        }
    ]
    async with installation.api() as api:
        alone = await api.patch("/organizations/current", json={"tariff_approval": "author"})
        assert alone.status_code == 200, alone.text
        made = await api.post(
            "/tariffs",
            json={
                "name": "Chaos",
                "currency": "EUR",
                "version": {"elements": elements, "valid_from": "2026-01-01T00:00:00Z"},
            },
        )
        assert made.status_code == 201, made.text
        tariff = made.json()["id"]
        places = [{"site": s["id"]} for s in (await api.get("/sites")).json()["items"]]
        for place in [{}, *places]:
            put = await api.put("/tariff-assignments", json={"tariff": tariff, **place})
            assert put.status_code == 200, put.text
        for assigned in (await api.get("/tariff-assignments")).json()["items"]:
            if assigned["station_id"] is not None or assigned["audience"] != "everybody":
                gone = await api.delete(f"/tariff-assignments/{assigned['id']}")
                assert gone.status_code == 204, gone.text


class Drivers:
    """Cars that come and go while things die; every choice comes from the seed."""

    def __init__(
        self, control: httpx.AsyncClient, api: httpx.AsyncClient, fleet: dict[str, Any]
    ) -> None:
        self.control = control
        self.stations = fleet["stations"][:-AD_HOC_STATIONS]
        self.shared_tokens = fleet.get("tokens", [])
        self.chance = random.Random(SEED)  # noqa: S311 - repeatable, not secret
        self.plugged = 0
        places = [
            (station["identity"], evse)
            for station in fleet["stations"][-AD_HOC_STATIONS:]
            for evse in range(1, len(station["evses"]) + 1)
        ]
        self.ad_hoc = AdHocDrivers(api, places, self.chance)

    async def plug_in_everywhere(self) -> None:
        """A car at every free connector. Busy ones refuse, and that is fine."""
        for station in self.stations:
            for number, evse in enumerate(station["evses"], start=1):
                await self.plug_in(station, number, evse)
        await self.ad_hoc.go_on()

    async def plug_in(self, station: dict[str, Any], connector: int, evse: dict[str, Any]) -> None:
        stay_s = self.chance.uniform(8, 40)
        energy_wh = int(evse["max_power_w"] * stay_s * self.chance.uniform(0.3, 1.1) / 3600) + 5
        answer = await self.control.post(
            f"/stations/{station['identity']}/plug-in",
            json={
                "connector": connector,
                "token": self.chance.choice(station.get("tokens") or self.shared_tokens),
                "energy_wh": energy_wh,
                "stay_s": stay_s,
            },
        )
        assert answer.status_code in (200, 409), answer.text
        self.plugged += answer.status_code == 200

    async def make_trouble(self) -> None:
        """One fault at one station."""
        station = self.chance.choice(self.stations)
        fault = self.chance.choice(
            [
                {"kind": "drop"},
                {"kind": "drop", "close_frame": True},
                {"kind": "offline", "seconds": 6},
                {"kind": "duplicate"},
                {"kind": "late_meter"},
                {"kind": "reboot", "keep": True},
                {"kind": "reboot", "keep": True, "boot_notification": False},
            ]
        )
        answer = await self.control.post(f"/stations/{station['identity']}/fault", json=fault)
        assert answer.status_code == 200, answer.text


async def everything_answers(installation: Installation) -> bool:
    """All of our processes are ready again."""
    urls = installation.ready()["urls"]
    async with httpx.AsyncClient(timeout=5) as client:
        for name in ("gateway_admin", "api_admin", "workers_admin"):
            if (await client.get(f"{urls[name]}/readyz")).status_code != 200:
                return False
    return True


async def kill_and_recover(installation: Installation, victim: str, drivers: Drivers) -> None:
    """At a random moment; cars keep coming meanwhile."""
    await drivers.plug_in_everywhere()
    await drivers.make_trouble()
    await asyncio.sleep(drivers.chance.uniform(1, 6))
    print(f"chaos: kill -9 {victim}")
    installation.kill(victim)
    await asyncio.sleep(drivers.chance.uniform(0.5, 3))
    await drivers.plug_in_everywhere()
    await eventually(
        lambda: everything_answers(installation),
        within_s=RECOVERY_S,
        what=f"recovery after kill -9 of {victim}",
    )


async def lose_temporal(installation: Installation, drivers: Drivers) -> None:
    """Its data is deleted under it; the workflows are built again from the rows."""
    await drivers.plug_in_everywhere()
    await asyncio.sleep(drivers.chance.uniform(3, 6))
    print("chaos: delete Temporal's data, kill -9, rebuild")
    for path in (installation.state_dir / "temporal").rglob("*"):
        if path.is_file() and ".db" in path.name:
            path.unlink()
    installation.kill("temporal")
    await eventually(
        lambda: everything_answers(installation), within_s=RECOVERY_S, what="an empty Temporal"
    )

    async def rebuilt() -> bool:
        done = await asyncio.to_thread(installation.command, "rebuild")
        print(f"chaos: {done.stdout.strip()} {done.stderr.strip()[-300:]}")
        return done.returncode == 0

    await eventually(rebuilt, within_s=RECOVERY_S, what="`holdfast rebuild`", every_s=2)


async def all_sessions(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Every session, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
        answer = await api.get("/sessions", params=query)
        answer.raise_for_status()
        page = answer.json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def energy_wh(transaction: dict[str, Any]) -> int:
    """The register's difference in mWh, rounded half up once."""
    difference = transaction["stop_register_mwh"] - transaction["start_register_mwh"]
    return int((difference + 500) // 1000)


async def test_nothing_is_lost_when_everything_dies_in_turn(installation: Installation) -> None:
    print(f"chaos: HOLDFAST_CHAOS_SEED={SEED}")
    fleet = twenty_stations(installation)
    await make_it_expensive(installation)
    async with (
        running_fleet(installation, fleet, seed=SEED, acceleration=1) as control,
        installation.api() as api,
    ):

        async def all_connected() -> bool:
            stations = (await control.get("/fleet")).json()["stations"]
            return sum(bool(s["connected"]) for s in stations) == STATIONS

        await eventually(all_connected, within_s=180, what="all stations connected")
        drivers = Drivers(control, api, fleet)
        for _round in range(ROUNDS):
            victims = list(VICTIMS)
            drivers.chance.shuffle(victims)
            for victim in victims:
                await kill_and_recover(installation, victim, drivers)
        await lose_temporal(installation, drivers)
        await eventually(
            lambda: every_hold_is_used(drivers.ad_hoc), within_s=180, what="every hold is used"
        )
        drained = await control.post("/drain", json={"timeout_s": 150})
        assert drained.json()["unconfirmed"] == [], "a message was never answered"
        assert drained.json()["drained"], drained.text
        transactions = (await control.get("/transactions")).json()
        print(f"chaos: {len(transactions)} transactions, {drivers.plugged} cars")
        assert len(transactions) >= STATIONS * 2
        await assert_quiescent(installation)
        sessions = await assert_every_transaction_settled_once(installation, transactions)
        assert_ad_hoc_drivers_were_served(drivers.ad_hoc, sessions)


async def every_hold_is_used(ad_hoc: AdHocDrivers) -> bool:
    """Nobody's money is left held without a session that it is for."""
    await ad_hoc.start_sessions()
    return not ad_hoc.holds


def assert_ad_hoc_drivers_were_served(ad_hoc: AdHocDrivers, sessions: list[dict[str, Any]]) -> None:
    """Started by the API and paid from a hold; what was waived took nothing."""
    by_id = {session["id"]: session for session in sessions}
    served = [by_id[name] for name in ad_hoc.started if by_id[name]["started_at"] is not None]
    print(
        f"chaos: {len(served)} of {len(ad_hoc.started)} remote starts, {len(ad_hoc.waived)} waived"
    )
    assert len(served) >= len(ad_hoc.started) // 2 > 0
    for session in served:
        waived = session["id"] in ad_hoc.waived
        assert session["settlement"]["outcome"] == ("waived" if waived else "captured"), session


async def assert_quiescent(installation: Installation) -> None:
    """`verify --quiescent` holds, soon."""
    last: dict[str, Any] = {}

    async def holds() -> bool:
        done = await asyncio.to_thread(installation.command, "verify", "--quiescent")
        last["out"] = done.stdout + done.stderr[-500:]
        return done.returncode == 0

    try:
        await eventually(holds, within_s=180, what="verify --quiescent", every_s=2)
    except AssertionError as error:
        raise AssertionError(f"{last['out']}\n{installation.logs()}") from error


async def assert_every_transaction_settled_once(
    installation: Installation, transactions: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """One session per transaction, its energy the register's, its money the provider's."""
    async with installation.api() as api:
        sessions = await all_sessions(api)
    started = [s for s in sessions if s["started_at"] is not None]
    by_transaction = {(s["station"], s["transaction_id"]): s for s in started}
    assert len(by_transaction) == len(started) == len(transactions)
    for transaction in transactions:
        session = by_transaction[(transaction["station"], str(transaction["transaction_id"]))]
        assert session["energy_wh"] == energy_wh(transaction), (transaction, session)
        assert session["settlement"]["outcome"] is not None, session
        if session["settlement"]["outcome"] == "captured":
            assert session["settlement"]["amount_minor"] == round(
                float(session["price"]["incl_vat"]) * 100
            )
    captured = sum(
        s["settlement"]["amount_minor"] for s in started if s["settlement"]["outcome"] == "captured"
    )
    assert captured > 0
    async with httpx.AsyncClient(timeout=20) as client:
        url = installation.ready()["urls"]["stripe_simulator"]
        books = (await client.get(f"{url}/_sim/state")).json()
    received = sum(intent["amount_received"] for intent in books["payment_intents"])
    held = [i for i in books["payment_intents"] if i["status"] == "requires_capture"]
    print(f"chaos: {len(started)} sessions, {captured} minor units captured")
    assert received == captured
    assert held == []
    return sessions
