"""What identifies people, and what opens doors, is in the rows: never in a log or a history."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from holdfast.services.demo_network import ACCOUNTS
from tests.e2e.installation import Installation, eventually, installed, running_fleet

SETTINGS = {
    "HOLDFAST_LOG_LEVEL": "debug",
    "HOLDFAST_SESSION_FINAL_WAIT_S": "2",
    "HOLDFAST_SESSION_STOP_RETRY_S": "5",
}
# Other people's programs in real life: what they log is theirs.
STAND_INS = ("fleet", "test-fleet", "stripe-simulator")
WRITTEN = "Erika Mustermann rang from +49 30 1234567"
STRANGER = "DEADBEEF00C0FFEE"


async def test_no_log_and_no_history_names_a_person_or_holds_a_secret(tmp_path: Path) -> None:
    async with installed(tmp_path / "state", "--no-fleet", settings=SETTINGS) as installation:
        fleet = json.loads((installation.state_dir / "fleet.json").read_text())
        kept = confidential(installation, fleet)
        async with (
            running_fleet(installation, fleet, seed=7, acceleration=20) as control,
            installation.api() as api,
        ):
            await charge_and_decide(api, control, fleet)
        histories = await histories_of(installation)
    logs = {
        path.name: path.read_bytes()
        for path in [
            *(installation.state_dir / "logs").glob("*.log"),
            installation.state_dir / "up.out",
        ]
        if path.stem not in STAND_INS
    }

    assert {"gateway.log", "api.log", "workers.log", "up.out"} <= set(logs)
    assert {name.partition("-")[0] for name in histories} >= {"session", "payment", "order"}
    # Payloads are readable here: the decision is in them, and why it was taken is not.
    assert any(b'"action":"waive"' in history for history in histories.values())
    found = [
        (place, what)
        for place, content in {**logs, **histories}.items()
        for what, text in kept
        if text.encode() in content
    ]
    assert found == []


def confidential(installation: Installation, fleet: dict[str, Any]) -> list[tuple[str, str]]:
    """What must be nowhere, with its kind: a failed assertion should not print a secret."""
    key = (installation.state_dir / "api-key").read_text().strip()
    secrets = json.loads((installation.state_dir / "secrets.json").read_text())
    kept = [("API key", key), ("what a person wrote", WRITTEN), ("stranger's token", STRANGER)]
    kept += [
        (name, secrets[name]) for name in ("secret_key", "stripe_api_key", "stripe_webhook_secret")
    ]
    kept += [("name", account.name) for account in ACCOUNTS]
    kept += [("email", account.email) for account in ACCOUNTS]
    for uid in fleet["tokens"]:
        kept += [("token", uid), ("token", uid.lower())]
    for station in fleet["stations"]:
        basic = base64.b64encode(f"{station['identity']}:{station['password']}".encode())
        kept += [("password", station["password"]), ("password", basic.decode())]
    assert len(kept) > 90
    return kept


async def charge_and_decide(
    api: httpx.AsyncClient, control: httpx.AsyncClient, fleet: dict[str, Any]
) -> None:
    """A card account, a stranger and an ad hoc driver; one ends by itself, people end the rest."""
    first, second, third = fleet["stations"][:3]
    known = first["tokens"][0]
    await online(api, [station["identity"] for station in (first, second, third)])
    for station, token, stay_s in (
        (second, STRANGER, 60),
        (first, known, 60),
        (second, second["tokens"][0], 3600),
    ):
        plugged = await control.post(
            f"/stations/{station['identity']}/plug-in",
            json={"connector": 1, "token": token, "energy_wh": 900, "stay_s": stay_s},
        )
        assert plugged.is_success is (token != STRANGER), plugged.text
    hold = await api.post(
        "/payments",
        json={"currency": "EUR", "amount_minor": 5000, "payment_method": "pm_card_visa"},
    )
    assert hold.status_code == 202, hold.text

    async def is_held() -> bool:
        payment = await api.get(f"/payments/{hold.json()['id']}")
        return bool(payment.json()["state"] == "held")

    await eventually(is_held, within_s=120, what="the hold is held")
    started = await api.post(
        f"/stations/{third['identity']}/commands/start?wait=5",
        json={"evse": 1, "payment": hold.json()["id"]},
    )
    assert started.is_success, started.text
    ad_hoc = started.json()["session"]
    await decide(api, ad_hoc, "waive")

    async def ended() -> bool:
        # Refused while the station has not said that it started: then it is said again.
        await decide(api, ad_hoc, "force-end")
        return await closed(api, [ad_hoc])

    await eventually(ended, within_s=120, what="the waived one is closed", every_s=2)
    listed = await api.get("/sessions", params={"token": known})
    assert listed.is_success, listed.text
    await asyncio.sleep(3)
    every = [item["id"] for item in (await api.get("/sessions")).json()["items"]]

    async def all_closed() -> bool:
        # Asked again: the station of one may only now have said that it charges.
        for session in (await api.get("/sessions", params={"state": "charging"})).json()["items"]:
            await decide(api, session["id"], "force-end")
        return await closed(api, every)

    await eventually(all_closed, within_s=180, what="every session is closed", every_s=2)


async def online(api: httpx.AsyncClient, identities: list[str]) -> None:
    """Until these stations are connected."""

    async def all_online() -> bool:
        shown = [(await api.get(f"/stations/{identity}")).json() for identity in identities]
        return all(station["online"] for station in shown)

    await eventually(all_online, within_s=120, what="the stations are online")


async def decide(api: httpx.AsyncClient, session: str, what: str) -> None:
    """With the kind of reason that people give."""
    answer = await api.post(f"/sessions/{session}/{what}", json={"reason": WRITTEN})
    assert answer.status_code in (202, 409), answer.text


async def closed(api: httpx.AsyncClient, sessions: list[str]) -> bool:
    """All of these."""
    shown = [(await api.get(f"/sessions/{session}")).json() for session in sessions]
    return all(session["closed_at"] is not None for session in shown)


async def histories_of(installation: Installation) -> dict[str, bytes]:
    """Every workflow's history as the server keeps it, payloads in plain bytes."""
    client = await Client.connect(
        installation.ready()["urls"]["temporal"], namespace="holdfast", lazy=False
    )
    found = {}
    async for execution in client.list_workflows():
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        history = await handle.fetch_history()
        found[execution.id] = b"\n".join(event.SerializeToString() for event in history.events)
    return found
