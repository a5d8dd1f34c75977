"""A dump, restored into a new folder beside an empty Temporal, goes on where it was taken.

As docs/howto/backup.md says it: `pg_dump` while everything runs, `pg_restore` into a new
installation, `holdfast rebuild`. What charged during the dump ends and is paid afterwards; the
stations, which outlive both installations, are the witnesses.
"""

import asyncio
import json
import shutil
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.embedded.databases import database_url
from cli.embedded.postgres import DATABASE, programs
from tests.e2e.installation import (
    Installation,
    eventually,
    installed,
    running_fleet,
)
from tests.ports import free_row

SEED = 7
SETTINGS = {"HOLDFAST_SESSION_FINAL_WAIT_S": "5"}
# Station, and a connector of each of its two EVSEs: of each protocol one AC and one DC.
PLACES = (
    ("HF-BER-01", 1, 2),
    ("HF-BER-03", 1, 2),
    ("HF-BER-04", 1, 2),
    ("HF-BER-05", 1, 3),
)
SEND_AWAY = """SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE datname = 'holdfast' AND usename = current_user"""
SECRETS, PROVIDER = "secrets.json", "stripe.sqlite"

pytestmark = pytest.mark.chaos


def run_program(name: str, installation: Installation, database: str, *arguments: str) -> None:
    """One of the wheel's own Postgres programs on a database of this installation's server."""
    told = json.loads((installation.state_dir / "environment.json").read_text())
    url = database_url(told["HOLDFAST_DATABASE_URL"], database)
    done = subprocess.run(  # noqa: S603 - the wheel's own program
        [str(programs() / name), f"--dbname={url}", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def four_stations(installation: Installation) -> dict[str, Any]:
    """Those of PLACES, from the demo."""
    fleet: dict[str, Any] = json.loads((installation.state_dir / "fleet.json").read_text())
    wanted = [identity for identity, _, _ in PLACES]
    return {**fleet, "stations": [s for s in fleet["stations"] if s["identity"] in wanted]}


async def plug_in(
    control: httpx.AsyncClient, station: str, connector: int, token: str, stay_s: float
) -> None:
    """A car that could take more than it will be given."""
    answer = await control.post(
        f"/stations/{station}/plug-in",
        json={"connector": connector, "token": token, "energy_wh": 60_000, "stay_s": stay_s},
    )
    assert answer.status_code == 200, answer.text


async def sessions_of(installation: Installation) -> list[dict[str, Any]]:
    """All of them: a handful."""
    async with installation.api() as api:
        answer = await api.get("/sessions", params={"limit": "100"})
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["items"]
        return found


async def charge(control: httpx.AsyncClient, old: Installation, fleet: dict[str, Any]) -> None:
    """Four sessions that are settled, and four that are in the middle."""
    tokens = fleet.get("tokens") or fleet["stations"][0]["tokens"]

    async def all_connected() -> bool:
        stations = (await control.get("/fleet")).json()["stations"]
        return all(station["connected"] for station in stations)

    await eventually(all_connected, within_s=120, what="four stations connected")
    for number, (station, first, second) in enumerate(PLACES):
        await plug_in(control, station, first, tokens[number], stay_s=2)
        await plug_in(control, station, second, tokens[number + 4], stay_s=3_600)

    states: list[str] = []

    async def half_are_settled() -> bool:
        states[:] = sorted(
            (session["state"] for session in await sessions_of(old)),
            key=lambda state: state == "settled",
        )
        # "started" is a station that has not said whether energy flows.
        return states.count("settled") == 4 and set(states[:4]) <= {"charging", "started"}

    try:
        await eventually(half_are_settled, within_s=180, what="four settled, four charging")
    except AssertionError as error:
        raise AssertionError(f"{states}\n{old.logs()}") from error


def back_up(old: Installation, backup: Path) -> None:
    """The dump and the secrets; and the provider's books, which are elsewhere in real life."""
    backup.mkdir()
    run_program("pg_dump", old, DATABASE, "--format=custom", f"--file={backup / 'holdfast.dump'}")
    shutil.copy(old.state_dir / SECRETS, backup)


def prepare(backup: Path, provider: Path, state_dir: Path) -> None:
    """A folder with the old secrets, and what the provider knows."""
    state_dir.mkdir(mode=0o711)
    shutil.copy(backup / SECRETS, state_dir)
    shutil.copy(provider, state_dir)


def exchange(installation: Installation, dump: Path) -> None:
    """Restore beside the empty database, then put it in its place: nobody sees a half of it."""
    psql = ("--set=ON_ERROR_STOP=1", "--no-psqlrc", "--quiet")
    run_program("psql", installation, "postgres", *psql, "--command=CREATE DATABASE restored")
    run_program("pg_restore", installation, "restored", "--no-owner", "--exit-on-error", str(dump))
    run_program(
        "psql",
        installation,
        "postgres",
        *psql,
        "--command=ALTER DATABASE holdfast ALLOW_CONNECTIONS false",
        f"--command={SEND_AWAY}",
        "--command=DROP DATABASE holdfast",
        "--command=ALTER DATABASE restored RENAME TO holdfast",
    )


async def assert_holds(installation: Installation, *options: str) -> None:
    """`holdfast verify` finds nothing, soon."""
    last = {"out": ""}

    async def holds() -> bool:
        done = await asyncio.to_thread(installation.command, "verify", *options)
        last["out"] = done.stdout + done.stderr[-500:]
        return done.returncode == 0

    try:
        await eventually(holds, within_s=180, what=f"verify {options}", every_s=1)
    except AssertionError as error:
        raise AssertionError(f"{last['out']}\n{installation.logs()}") from error


async def test_a_restored_dump_goes_on_where_it_was_taken(tmp_path: Path) -> None:
    ports = ("--port-base", str(free_row()))
    async with AsyncExitStack() as stations:
        async with installed(tmp_path / "old", "--no-fleet", *ports, settings=SETTINGS) as old:
            fleet = four_stations(old)
            control = await stations.enter_async_context(
                running_fleet(old, fleet, seed=SEED, acceleration=1)
            )
            await charge(control, old, fleet)
            before = {session["id"]: session for session in await sessions_of(old)}
            await asyncio.to_thread(back_up, old, tmp_path / "backup")

        new_folder = tmp_path / "new"
        prepare(tmp_path / "backup", old.state_dir / PROVIDER, new_folder)
        async with installed(new_folder, "--no-demo", *ports, settings=SETTINGS) as empty:
            await asyncio.to_thread(exchange, empty, tmp_path / "backup" / "holdfast.dump")
        shutil.rmtree(new_folder / "temporal")
        async with installed(new_folder, "--no-fleet", *ports, settings=SETTINGS) as new:
            rebuilt = await asyncio.to_thread(new.command, "rebuild")
            assert rebuilt.returncode == 0, rebuilt.stderr
            counted = json.loads(rebuilt.stdout)
            # A message of a station may have made the relay start its workflow just before.
            assert sum(counts.get("ChargingSession", 0) for counts in counted.values()) == 4
            await assert_holds(new)
            after = {session["id"]: session for session in await sessions_of(new)}
            assert after.keys() == before.keys()
            for session_id, session in before.items():
                if session["state"] == "settled":
                    assert after[session_id] == session

            for station, _, second in PLACES:
                gone = await control.post(f"/stations/{station}/unplug", json={"connector": second})
                assert gone.status_code == 200, gone.text
            drained = await control.post("/drain", json={"timeout_s": 120})
            assert drained.status_code == 200, drained.text
            await assert_holds(new, "--quiescent")
            await assert_ended_as_the_stations_say(new, control)


async def assert_ended_as_the_stations_say(
    installation: Installation, control: httpx.AsyncClient
) -> None:
    """Each transaction is one settled session with the energy of the station's own register."""
    transactions = (await control.get("/transactions")).json()
    sessions = {(s["station"], s["transaction_id"]): s for s in await sessions_of(installation)}
    assert len(transactions) == len(sessions) == 8
    for transaction in transactions:
        session = sessions[(transaction["station"], str(transaction["transaction_id"]))]
        counted_mwh = transaction["stop_register_mwh"] - transaction["start_register_mwh"]
        assert session["energy_wh"] == (counted_mwh + 500) // 1000, (transaction, session)
        assert session["settlement"]["outcome"] is not None
