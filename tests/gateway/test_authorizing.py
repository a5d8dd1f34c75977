"""What stations are told of tokens: groups, places, how many at once, and how they speak to
drivers. One gateway, both versions."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, update

from gateway.app import GatewayApp
from holdfast.store.database import Sessions
from holdfast.store.tables import Evse, Organization, Station, Token
from tests.gateway.conftest import CARD, Database, Network, StationClient, connect_station

V201 = "ocpp2.0.1"


async def add_tokens(db_sessions: Sessions, network: Network, *tokens: dict[str, Any]) -> None:
    async with db_sessions.begin() as db:
        for values in tokens:
            await db.execute(
                insert(Token).values(
                    {"organization_id": network.organization_id, "type": "ISO14443"} | values
                )
            )


async def told16(station: StationClient, uid: str) -> Any:
    return (await station.call("Authorize", {"idTag": uid}))["idTagInfo"]


async def told201(station: StationClient, uid: str) -> Any:
    asked = {"idToken": {"idToken": uid, "type": "ISO14443"}}
    return (await station.call("Authorize", asked))["idTokenInfo"]


def start(evse: int, uid: str, minutes: int = 0) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(minutes=30 - minutes)
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"connectorId": evse, "idTag": uid, "meterStart": 0, "timestamp": stamp}


async def test_c09_a_group_is_told_and_another_card_of_it_stops(
    gateway: GatewayApp, db_sessions: Sessions, network: Network
) -> None:
    await add_tokens(
        db_sessions,
        network,
        {"uid": "FAMILY1", "group_id": "FAMILY"},
        {"uid": "FAMILY2", "group_id": "FAMILY"},
        {"uid": "LONGGROUP", "group_id": "A-GROUP-OF-MORE-THAN-20"},
        {"uid": "GONE", "status": "blocked", "group_id": "FAMILY"},
    )
    async with await connect_station(gateway.port, "CP1") as station:
        started = await station.call("StartTransaction", start(1, "FAMILY1"))
        assert started["idTagInfo"] == {"parentIdTag": "FAMILY", "status": "Accepted"}
        stop = {
            "transactionId": started["transactionId"],
            "idTag": "FAMILY2",
            "meterStop": 1000,
            "timestamp": start(1, "")["timestamp"],
        }
        stopped = await station.call("StopTransaction", stop)
        assert stopped["idTagInfo"] == {"parentIdTag": "FAMILY", "status": "Accepted"}
        assert await told16(station, "LONGGROUP") == {"status": "Accepted"}
        blocked = await told16(station, "GONE")
        assert blocked["status"] == "Blocked"
        # It expires at once, so that no cache keeps the refusal.
        expiry = datetime.fromisoformat(blocked["expiryDate"])
        assert abs(datetime.now(UTC) - expiry) < timedelta(minutes=1)
    async with await connect_station(gateway.port, "CP1", V201) as station:
        told = await told201(station, "family2")
        assert told["groupIdToken"] == {"idToken": "FAMILY", "type": "Central"}
        assert (await told201(station, "NOBODY"))["status"] == "Unknown"


async def test_a_token_speaks_its_language_and_charges_where_it_may(
    gateway: GatewayApp, db_sessions: Sessions, network: Network
) -> None:
    elsewhere = ["00000000-0000-4000-8000-000000000001"]
    await add_tokens(
        db_sessions,
        network,
        {"uid": "POLITE", "language": "de", "message": "Guten Tag", "charging_priority": 3},
        {"uid": "DEPOT", "site_ids": [str(network.site_id)]},
        {"uid": "ELSEWHERE", "site_ids": elsewhere},
        {"uid": "DCONLY", "current_type": "DC"},
    )
    async with db_sessions.begin() as db:
        for number, kind in ((1, "AC"), (2, "DC"), (3, "DC")):
            await db.execute(
                insert(Evse).values(
                    organization_id=network.organization_id,
                    station_id=network.station_id,
                    number=number,
                    current_type=kind,
                )
            )
    async with await connect_station(gateway.port, "CP1", V201) as station:
        assert await told201(station, "POLITE") == {
            "status": "Accepted",
            "chargingPriority": 3,
            "language1": "de",
            "personalMessage": {"format": "UTF8", "content": "Guten Tag", "language": "de"},
        }
        assert await told201(station, "DEPOT") == {"status": "Accepted"}
        assert await told201(station, "ELSEWHERE") == {"status": "NotAtThisLocation"}
        assert await told201(station, "DCONLY") == {"status": "Accepted", "evseId": [2, 3]}
        began = {
            "eventType": "Started",
            "timestamp": start(1, "")["timestamp"],
            "triggerReason": "Authorized",
            "seqNo": 0,
            "transactionInfo": {"transactionId": "T-AC"},
            "evse": {"id": 1},
            "idToken": {"idToken": "DCONLY", "type": "ISO14443"},
        }
        answer = await station.call("TransactionEvent", began)
        assert answer["idTokenInfo"]["status"] == "NotAllowedTypeEVSE"
    async with await connect_station(gateway.port, "CP1") as station:
        assert await told16(station, "ELSEWHERE") == {"status": "Invalid"}


async def test_a_token_that_charges_elsewhere_already_is_concurrent_only_at_a_start(
    gateway: GatewayApp, db_sessions: Sessions, database: Database, network: Network
) -> None:
    await add_tokens(db_sessions, network, {"uid": "MANY", "concurrent_max": 2})
    async with db_sessions.begin() as db:
        await db.execute(update(Organization).values(token_concurrent_max=1))
        await db.execute(
            insert(Station).values(
                organization_id=network.organization_id, identity="CP2", registration="accepted"
            )
        )
    async with (
        await connect_station(gateway.port, "CP1") as here,
        await connect_station(gateway.port, "CP2") as there,
    ):
        first = await here.call("StartTransaction", start(1, CARD))
        assert first["idTagInfo"]["status"] == "Accepted"
        # A start sent again is answered as it was, and asking in between is no start.
        assert await here.call("StartTransaction", start(1, CARD)) == first
        assert (await told16(there, CARD))["status"] == "Accepted"
        second = await there.call("StartTransaction", start(1, CARD))
        assert second["idTagInfo"]["status"] == "ConcurrentTx"
        for station, evse, status in ((here, 2, "Accepted"), (there, 2, "Accepted")):
            begun = await station.call("StartTransaction", start(evse, "MANY"))
            assert begun["idTagInfo"]["status"] == status
        third = await there.call("StartTransaction", start(3, "MANY", 1))
        assert third["idTagInfo"]["status"] == "ConcurrentTx"

    refused = await database.rows(
        "SELECT s.authorization, findings FROM sessions s WHERE s.authorization <> 'accepted'"
    )
    assert [row["authorization"] for row in refused] == ["concurrent_tx", "concurrent_tx"]
    assert refused[0]["findings"][0]["code"] == "token_not_accepted"
