"""`holdfast up` as a new user runs it: everything real, with the demo network, twice."""

import json
import re
import signal
import stat
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.e2e.installation import Installation, eventually, installed

STOP_WITHIN_S = 90


async def overview(installation: Installation) -> dict[str, Any]:
    """What the live line of `up` shows."""
    async with installation.api() as api:
        answer = await api.get("overview")
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content


async def test_the_demo_network_charges_and_goes_on_after_a_stop(tmp_path: Path) -> None:
    state_dir = tmp_path / "my state"

    async with installed(state_dir) as first:
        key = (state_dir / "api-key").read_text()
        await eventually(
            lambda: all_stations_online(first), within_s=120, what="all stations are online"
        )
        await plug_in_somewhere(first)
        await eventually(lambda: someone_charges(first), within_s=120, what="somebody charges")
        await check_pages(first)
        pids = first.ready()["pids"]
        known = await session_ids(first)
    ended = [name for name, pid in pids.items() if psutil.pid_exists(pid) and not gone(pid)]

    assert first.up.returncode == 0
    assert ended == []
    assert not (state_dir / "ready.json").exists()

    async with installed(state_dir) as second:
        assert (state_dir / "api-key").read_text() == key
        await eventually(
            lambda: all_stations_online(second), within_s=120, what="all are online again"
        )
        assert known <= await session_ids(second)
        verified = second.command("verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        assert json.loads(verified.stdout)["ok"] is True


async def all_stations_online(installation: Installation) -> bool:
    """The demo has twelve."""
    figures = await overview(installation)
    return bool(figures["stations_online"] == figures["stations"] == 12)


async def plug_in_somewhere(installation: Installation) -> None:
    """One car more than the drivers bring by themselves, so that the test need not wait."""
    fleet = json.loads((installation.state_dir / "fleet.json").read_text())
    station = fleet["stations"][0]
    control_url = installation.ready()["urls"]["fleet_control"]
    async with httpx.AsyncClient(base_url=control_url, timeout=60) as control:
        answer = await control.post(
            f"/stations/{station['identity']}/plug-in",
            json={"connector": 1, "token": station["tokens"][0]},
        )
    # 409: a driver was there first, which is as good.
    assert answer.is_success or answer.status_code == 409, answer.text


async def someone_charges(installation: Installation) -> bool:
    """At least one session is under way."""
    return int((await overview(installation))["sessions_active"]) > 0


async def session_ids(installation: Installation) -> set[str]:
    """The newest sessions."""
    async with installation.api() as api:
        answer = await api.get("sessions", params={"limit": 500})
        answer.raise_for_status()
        return {item["id"] for item in answer.json()["items"]}


async def check_pages(installation: Installation) -> None:
    """Every printed address answers, and the key is its owner's alone."""
    urls = installation.ready()["urls"]
    async with httpx.AsyncClient(follow_redirects=True, timeout=20) as client:
        for name in ("dashboard", "api_docs", "openapi", "temporal_ui"):
            assert (await client.get(urls[name])).status_code == 200, name
        for name in ("gateway_admin", "api_admin", "workers_admin"):
            for path in ("healthz", "readyz", "metrics"):
                assert (await client.get(f"{urls[name]}/{path}")).status_code == 200, (name, path)
        assert (await client.get(f"{urls['dashboard']}healthz")).status_code == 200
    mode = (installation.state_dir / "api-key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    printed = (installation.state_dir / "up.out").read_text()
    assert (installation.state_dir / "api-key").read_text().strip() not in printed
    assert re.search(r"\d+/12 stations online", printed)


def gone(pid: int) -> bool:
    """Whether a process only waits to be noticed."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_sigterm_stops_everything_in_time(tmp_path: Path) -> None:
    async with installed(tmp_path / "state", "--no-demo") as installation:
        pids = installation.ready()["pids"]
        assert "fleet" not in pids

        installation.up.send_signal(signal.SIGTERM)
        assert installation.up.wait(STOP_WITHIN_S) == 0

    assert [name for name, pid in pids.items() if not gone(pid)] == []
