"""No order keeps a station's password in the clear: it is refused with the way that does not."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from holdfast.store.database import Sessions
from holdfast.store.tables import AuditEntry, Order, Station
from tests.api.test_stations import make

STATION = "/api/v1/stations/CP-1"
SECRET = "hunter2-hunter2-hunter2"  # noqa: S105 - of nobody


def set_variable(name: str) -> dict[str, Any]:
    data = {"component": {"name": "C"}, "variable": {"name": name}, "attributeValue": SECRET}
    return {"setVariableData": [data]}


@pytest.mark.parametrize(
    ("path", "body", "way"),
    [
        ("commands/configure", {"variables": {"AuthorizationKey": SECRET}}, "rotations"),
        (
            "commands/configure",
            {"variables": {"SecurityCtrlr.BasicAuthPassword": SECRET}},
            "rotations",
        ),
        (
            "ocpp-calls",
            {
                "action": "ChangeConfiguration",
                "payload": {"key": "authorizationKEY", "value": SECRET},
            },
            "rotations",
        ),
        (
            "ocpp-calls",
            {"action": "SetVariables", "payload": set_variable("BasicAuthPassword")},
            "rotations",
        ),
        (
            "ocpp-calls",
            {
                "action": "SetNetworkProfile",
                "payload": {"connectionData": {"vpn": {"server": "v", "key": SECRET}}},
            },
            "network-changes",
        ),
        (
            "ocpp-calls",
            {
                "action": "SetNetworkProfile",
                "payload": {"connectionData": {"ocppCsmsUrl": f"wss://u:{SECRET}@h/ocpp"}},
            },
            "network-changes",
        ),
        (
            "security/network-changes",
            {"slot": 2, "profile": {"url": f"wss://u:{SECRET}@h/ocpp", "security_profile": 2}},
            "network-changes",
        ),
    ],
)
async def test_a_password_in_an_order_is_refused_with_the_way_to_go(
    client: httpx.AsyncClient,
    db_sessions: Sessions,
    path: str,
    body: dict[str, Any],
    way: str,
) -> None:
    await make(client)
    async with db_sessions.begin() as db:
        # One that never connected has no version, so that every action is known.
        await db.execute(update(Station).values(protocol=None))

    answer = await client.post(f"{STATION}/{path}", json=body)

    assert answer.status_code == 422, answer.text
    assert way in answer.text
    assert SECRET not in answer.text
    async with db_sessions() as db:
        assert await db.scalar(select(func.count()).select_from(Order)) == 0
        told = str([one.details for one in await db.scalars(select(AuditEntry))])
    assert SECRET not in told


async def test_what_is_no_secret_is_ordered(client: httpx.AsyncClient) -> None:
    await make(client)

    plain = {"variables": {"AuthorizeRemoteTxRequests": "true"}}
    configured = await client.post(f"{STATION}/commands/configure?wait=0", json=plain)
    called = await client.post(
        f"{STATION}/ocpp-calls",
        json={"action": "SetVariables", "payload": set_variable("Interval")},
    )

    assert configured.status_code == 202
    assert called.json()["status"] == "offline"
