"""Durable flows of credentials, lists and orders, from the API to a station and back again."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.service import RPCError

from cli.embedded.databases import create_database, drop_database
from holdfast.settings import Settings
from holdfast.store.database import open_engine, open_sessions
from simulator.stations.config import StationConfig
from simulator.stations.connection import CannotConnect
from simulator.stations.messages import Json
from simulator.stations.witness import Witness
from tests.conftest import TEST_SECRET
from tests.e2e.installation import ROOT, own_environment
from tests.e2e.security_network import (
    SecurityNetwork,
    online,
    opened_network,
    security_settings,
    until,
)
from tests.workers.conftest import serving

VERSIONS: tuple[Any, ...] = ("ocpp1.6", "ocpp2.0.1")


@pytest.fixture(scope="module")
async def net(
    postgres_url: str,
    temporal_server: str,
    temporal: Client,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[SecurityNetwork]:
    """One network for all tests here; each has stations of its own."""
    name = f"security_{os.getpid()}"
    url = await create_database(postgres_url, name, template="template_holdfast")
    folder = tmp_path_factory.mktemp("security")
    settings = security_settings(
        Settings.model_validate({"database_url": url, "secret_key": TEST_SECRET}),
        temporal_server,
        folder,
    )
    engine = open_engine(SecretStr(url), pool_size=5)
    async with (
        serving(settings),
        opened_network(settings, open_sessions(engine), folder) as opened,
    ):
        yield opened
    await engine.dispose()
    await drop_database(postgres_url, name)
    async for execution in temporal.list_workflows("ExecutionStatus = 'Running'"):
        # Queues are shared between tests: what this one leaves must not reach the next.
        with contextlib.suppress(RPCError):  # it may be over since it was listed
            await temporal.get_workflow_handle(execution.id).terminate()


async def test_stations_get_certificates_and_come_back_with_them(net: SecurityNetwork) -> None:
    stations = [
        StationConfig(
            identity=f"CERT-{version}",
            protocol=version,
            password=await net.made(f"CERT-{version}"),
            ca_file=str(net.root),
        )
        for version in VERSIONS
    ]
    async with net.living(*stations, url=net.tls_url) as fleet:
        for identity in fleet.stations:
            before = await net.read(f"/stations/{identity}/security")
            assert before["connection"]["security_profile"] == 2
            await net.post(f"/stations/{identity}/security/certificate-requests")
        for identity, station in fleet.stations.items():
            seen = await net.until(
                f"/stations/{identity}/security",
                lambda now: (
                    now["connection"]["security_profile"] == 3
                    and now["certificates"][0]["installed_at"]
                ),
            )
            await online(station, connections=2)
            (certificate,) = seen["certificates"]
            assert seen["connection"]["certificate_serial"] == certificate["serial"]
            assert [one["state"] for one in seen["requests"]] == ["installed"]


async def test_a_new_password_reaches_the_station_and_ends_the_old_one(
    net: SecurityNetwork,
) -> None:
    old = {version: await net.made(f"PASSWORD-{version}") for version in VERSIONS}
    stations = [
        StationConfig(identity=f"PASSWORD-{version}", protocol=version, password=old[version])
        for version in VERSIONS
    ]
    async with net.living(*stations, url=net.plain_url) as fleet:
        for version in VERSIONS:
            identity = f"PASSWORD-{version}"
            asked = await net.post(f"/stations/{identity}/security/password-rotations")
            seen = await net.until(
                f"/stations/{identity}/security", lambda now: now["rotation"]["state"] == "done"
            )
            await online(fleet.stations[identity], connections=2)
            new = fleet.stations[identity].settings.text("password")
            with pytest.raises(CannotConnect):
                async with Witness.connect(net.plain_url, identity, version, password=old[version]):
                    pass
            shown = [asked, seen, await net.read(f"/orders?station={identity}&limit=500")]

            assert asked["state"] == "pending"
            assert new not in (None, old[version])
            assert str(new) not in json.dumps(shown)


async def test_a_station_that_refuses_a_new_password_keeps_the_old_one(
    net: SecurityNetwork,
) -> None:
    identity = "PASSWORD-REFUSED"
    old = await net.made(identity)
    sent: list[Json] = []

    def refuse(payload: Json) -> Json:
        sent.append(payload)
        return {"status": "Rejected"}

    async with Witness.connect(net.plain_url, identity, "ocpp1.6", password=old) as witness:
        witness.answer_always({"ChangeConfiguration": refuse, "GetConfiguration": {}})
        await witness.boot()
        await net.post(f"/stations/{identity}/security/password-rotations")
        seen = await net.until(
            f"/stations/{identity}/security", lambda now: now["rotation"]["state"] == "failed"
        )
    async with Witness.connect(net.plain_url, identity, "ocpp1.6", password=old) as witness:
        await witness.boot()
    (order,) = sent
    plain = bytes.fromhex(order["value"]).decode()
    with pytest.raises(CannotConnect):
        async with Witness.connect(net.plain_url, identity, "ocpp1.6", password=plain):
            pass

    assert seen["rotation"]["reason"] == "the station refused it"


async def test_a_network_profile_is_kept_where_it_works_and_taken_back_where_not(
    net: SecurityNetwork,
) -> None:
    ways = {
        "NETWORK-RIGHT": {"url": net.tls_url.removesuffix("/{identity}"), "security_profile": 2},
        "NETWORK-WRONG": {"url": "ws://127.0.0.1:9/ocpp", "security_profile": 1},
    }
    stations = [
        StationConfig(
            identity=identity,
            protocol="ocpp2.0.1",
            password=await net.made(identity),
            ca_file=str(net.root),
        )
        for identity in ways
    ]
    ended = {}
    async with net.living(*stations, url=net.plain_url) as fleet:
        for identity, profile in ways.items():
            fleet.stations[identity].settings.change("network_tries", "2")
            await net.post(
                f"/stations/{identity}/security/network-changes",
                {"slot": 1, "priority": "0", "profile": profile},
            )
        for identity in ways:
            ended[identity] = await net.until(
                f"/stations/{identity}/security",
                lambda now: now["network_change"]["state"] in ("done", "fallen_back", "failed"),
            )
        right, wrong = (fleet.stations[identity] for identity in ways)
        await online(wrong, connections=2)

    assert ended["NETWORK-RIGHT"]["network_change"]["state"] == "done"
    assert ended["NETWORK-RIGHT"]["connection"]["security_profile"] == 2
    assert right.settings.text("network_priority") == "1,0"
    assert ended["NETWORK-WRONG"]["network_change"]["state"] == "fallen_back"
    assert wrong.settings.text("network_priority") == "0"
    assert wrong.counters["connect_failed"] > 0


async def test_lists_on_stations_follow_the_tokens(net: SecurityNetwork) -> None:
    stations = [
        StationConfig(
            identity=f"LIST-{version}",
            protocol=version,
            password=await net.made(f"LIST-{version}"),
        )
        for version in VERSIONS
    ]

    def listed(fleet: Any) -> list[dict[str, str]]:
        empty: dict[str, Any] = {"entries": {}}
        return [one.memory.read("local_list", empty)["entries"] for one in fleet.stations.values()]

    async with net.living(*stations, url=net.plain_url) as fleet:

        async def all_say(status: str) -> bool:
            return [one.get("LISTED01") for one in listed(fleet)] == [status] * 2

        for one in stations:
            await ruled(net, one.identity, "all")
        token = await net.post("/tokens", {"type": "ISO14443", "uid": "LISTED01"})
        await until(lambda: all_say("Accepted"), lambda: str(listed(fleet)))
        await net.api.patch(f"/tokens/{token['id']}", json={"status": "blocked"})
        await until(lambda: all_say("Blocked"), lambda: str(listed(fleet)))
        for one in stations:
            seen = await net.until(
                f"/stations/{one.identity}/local-list", lambda now: now["state"] == "current"
            )
            assert seen["version_confirmed"] >= 2


async def test_an_order_waits_for_its_station_unless_it_is_not_wanted_any_more(
    net: SecurityNetwork,
) -> None:
    identity = "ORDERED"
    password = await net.made(identity)
    commands = f"/stations/{identity}/commands"
    older = await net.post(f"{commands}/configure?wait=0", {"variables": {"A": "1"}})
    newer = await net.post(f"{commands}/configure?wait=0", {"variables": {"A": "2"}})
    unwanted = await net.post(f"{commands}/unlock?wait=0", {"evse": 1, "connector": 1})
    late = await net.post(f"{commands}/trigger?wait=0&valid_s=1", {"message": "Heartbeat"})
    await net.post(f"/orders/{unwanted['id']}/cancel")
    await net.until(f"/orders/{late['id']}", lambda now: now["state"] == "expired")
    taken: list[Json] = []

    def take(payload: Json) -> Json:
        taken.append(payload)
        return {"status": "Accepted"}

    async with Witness.connect(net.plain_url, identity, "ocpp1.6", password=password) as witness:
        known = {"configurationKey": [{"key": "A", "readonly": False, "value": "2"}]}
        witness.answer_always({"ChangeConfiguration": take, "GetConfiguration": known})
        await witness.boot()
        await net.until(f"/orders/{newer['id']}", lambda now: now["state"] == "accepted")
        await witness.expect_silence(0.2)

    assert taken == [{"key": "A", "value": "2"}]
    assert (await net.read(f"/orders/{older['id']}"))["superseded_by"] == newer["id"]
    assert (await net.read(f"/orders/{unwanted['id']}"))["state"] == "cancelled"


@dataclass(frozen=True)
class Scene:
    """How a shipped scenario is played in a few seconds."""

    name: str
    speed: str  # the patience of a scenario is as short as it is fast, down to half a minute
    arguments: tuple[str, ...] = ()


SCENES = (
    Scene("certificate-renewal", "3"),
    Scene("firmware-states", "25"),
    Scene("reconnect-storm", "40", ("--stations", "20")),
)


async def test_shipped_scenarios_pass_on_the_whole(net: SecurityNetwork, tmp_path: Path) -> None:
    await net.post("/tokens", {"type": "ISO14443", "uid": "SCENE0001"})

    outcomes = await asyncio.gather(*(played(net, one, tmp_path) for one in SCENES))

    for scene, (code, report) in zip(SCENES, outcomes, strict=True):
        assert (scene.name, code, report["failures"]) == (scene.name, 0, [])
        assert report["met"] == report["expected"] > 0, scene.name


async def played(net: SecurityNetwork, scene: Scene, folder: Path) -> tuple[int, dict[str, Any]]:
    """`holdfast simulate`, as a user calls it: its exit code and its report."""
    report = folder / f"{scene.name}.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "simulate", scene.name),
        *("--url", net.plain_url, "--token", "SCENE0001", "--speed", scene.speed),
        *("--report", str(report), *scene.arguments),
        cwd=ROOT,
        env=own_environment({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 300)
    assert report.exists(), output.decode()[-2000:]
    return process.returncode or 0, json.loads(report.read_text())


async def ruled(net: SecurityNetwork, identity: str, rule: str) -> None:
    """Say which tokens go on the station's list."""
    answer = await net.api.put(f"/stations/{identity}/local-list", json={"rule": rule})
    assert answer.status_code == 204, answer.text
