"""Stations by way of the API: made, listed, described, rotated, retired."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import insert, select, update

from holdfast.services.passwords import matches
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import Connector, Gateway, Station, StationConnection

STATION = {
    "identity": "CP-1",
    "name": "Car park",
    "evses": [
        {
            "number": 1,
            "max_power_w": 22_000,
            "current_type": "AC",
            "connectors": [{"number": 1, "standard": "IEC_62196_T2"}],
        },
        {"number": 2},
    ],
}


async def make(client: httpx.AsyncClient, **fields: object) -> dict[str, object]:
    answer = await client.post("/api/v1/stations", json={**STATION, **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, object] = answer.json()
    return body


async def test_a_new_station_has_its_parts_and_a_password_that_is_shown_once(
    client: httpx.AsyncClient,
) -> None:
    made = await make(client)

    read = (await client.get("/api/v1/stations/CP-1")).json()

    assert len(str(made["password"])) == 20
    assert "password" not in read
    assert read["has_password"] is True
    assert [evse["number"] for evse in read["evses"]] == [1, 2]
    assert read["evses"][0]["connectors"][0]["standard"] == "IEC_62196_T2"
    assert read["online"] is False


async def test_an_identity_is_taken_once_whatever_the_organization(
    client: httpx.AsyncClient,
) -> None:
    await make(client)

    answer = await client.post("/api/v1/stations", json=STATION)

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("identity", ["", "a" * 49, "a/b", "a b", "ä", "-a"])
async def test_an_identity_that_no_address_can_carry_is_refused(
    client: httpx.AsyncClient, identity: str
) -> None:
    answer = await client.post("/api/v1/stations", json={"identity": identity})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "identity"


async def test_stations_are_filtered_by_site_status_text_and_socket(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: UUID
) -> None:
    site = (
        await client.post(
            "/api/v1/sites",
            json={"name": "North", "time_zone": "Europe/Berlin", "currency": "EUR"},
        )
    ).json()["id"]
    await make(client)
    await make(client, identity="CP-2", name="Harbour", site=site)
    await make(client, identity="CP-3", name="100% sun")
    async with db_sessions.begin() as db:
        await db.execute(
            update(Connector)
            .where(
                Connector.station_id
                == select(Station.id).where(Station.identity == "CP-2").scalar_subquery(),
                Connector.evse == 1,
            )
            .values(status="faulted")
        )
        await hold_socket(db_sessions, organization, "CP-3")

    async def found(query: str) -> list[str]:
        answer = await client.get(f"/api/v1/stations?{query}")
        assert answer.status_code == 200, answer.text
        return [one["identity"] for one in answer.json()["items"]]

    assert await found(f"site={site}") == ["CP-2"]
    assert await found("status=faulted") == ["CP-2"]
    assert await found("query=harb") == ["CP-2"]
    assert await found("query=100%25") == ["CP-3"]
    assert await found("query=%25") == ["CP-3"]
    assert await found("online=true") == ["CP-3"]
    assert await found("online=false") == ["CP-1", "CP-2"]


async def test_a_station_of_a_gateway_whose_lease_is_over_is_offline(
    client: httpx.AsyncClient, db_sessions: Sessions, organization: UUID
) -> None:
    await make(client)
    await hold_socket(db_sessions, organization, "CP-1", seen_s_ago=60)

    assert (await client.get("/api/v1/stations/CP-1")).json()["online"] is False


async def test_a_rotated_password_leaves_the_one_in_use_until_the_station_has_come_with_it(
    client: httpx.AsyncClient, db_sessions: Sessions, api_settings: Settings
) -> None:
    secret = api_settings.secret_key.get_secret_value()
    in_use = str((await make(client))["password"])

    await client.post("/api/v1/stations/CP-1/credentials")
    second = (await client.post("/api/v1/stations/CP-1/credentials")).json()["password"]

    async with db_sessions() as db:
        station = (await db.scalars(select(Station))).one()
    assert matches(secret, second, station.password_hash)
    assert matches(secret, in_use, station.previous_password_hash)


async def test_described_parts_keep_what_the_station_said_of_them(
    client: httpx.AsyncClient, db_sessions: Sessions
) -> None:
    await make(client)
    async with db_sessions.begin() as db:
        await db.execute(update(Connector).where(Connector.evse == 1).values(status="charging"))

    answer = await client.put(
        "/api/v1/stations/CP-1/evses",
        json=[{"number": 1, "max_power_w": 11_000}, {"number": 3}],
    )

    evses = answer.json()["evses"]
    assert [evse["number"] for evse in evses] == [1, 3]
    assert evses[0]["max_power_w"] == 11_000
    assert evses[0]["connectors"][0]["status"] == "charging"


async def test_a_retired_station_leaves_the_list_and_takes_no_command(
    client: httpx.AsyncClient,
) -> None:
    await make(client)

    await client.post("/api/v1/stations/CP-1/retire", json={"reason": "replaced"})

    assert (await client.get("/api/v1/stations")).json()["items"] == []
    assert len((await client.get("/api/v1/stations?retired=true")).json()["items"]) == 1
    answer = await client.post("/api/v1/stations/CP-1/commands/reset?wait=0", json={})
    assert answer.status_code == 409


async def test_a_site_with_stations_cannot_be_retired(client: httpx.AsyncClient) -> None:
    body = {"name": "North", "time_zone": "Europe/Berlin", "currency": "EUR"}
    site = (await client.post("/api/v1/sites", json=body)).json()["id"]
    await make(client, site=site)

    assert (await client.post(f"/api/v1/sites/{site}/retire")).status_code == 409
    await client.patch("/api/v1/stations/CP-1", json={"site": None})
    assert (await client.post(f"/api/v1/sites/{site}/retire")).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"), [("time_zone", "Europe/Atlantis"), ("currency", "XXX")]
)
async def test_a_site_needs_a_known_zone_and_currency(
    client: httpx.AsyncClient, field: str, value: str
) -> None:
    body = {"name": "North", "time_zone": "Europe/Berlin", "currency": "EUR", field: value}

    answer = await client.post("/api/v1/sites", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": field, "value": value, "expected": answer.json()["errors"][0]["expected"]}
    ]


async def hold_socket(
    sessions: Sessions, organization: UUID, identity: str, *, seen_s_ago: float = -1800
) -> None:
    """As a gateway does when a station has come. Nobody renews its lease: it lasts for the test."""
    boot_id = uuid4()
    async with sessions.begin() as db:
        station = await db.scalar(select(Station.id).where(Station.identity == identity))
        await db.execute(
            insert(Gateway).values(
                boot_id=boot_id,
                gateway_id="gw1",
                task_queue=f"gw.gw1.{boot_id}",
                seen_at=datetime.now(UTC) - timedelta(seconds=seen_s_ago),
            )
        )
        await db.execute(
            insert(StationConnection).values(
                station_id=station, organization_id=organization, generation=1, boot_id=boot_id
            )
        )
