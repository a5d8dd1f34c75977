"""Who may open a socket: refused with plain HTTP before the upgrade, or let in."""

import asyncio
import base64
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import insert, update
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from gateway.admission import identity_of
from gateway.app import GatewayApp
from gateway.credentials import passwords_of
from gateway.gate import LAST_RETRY_S
from gateway.protocols import choose
from gateway.server import STRANGE_BURST
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import Station
from tests.gateway.conftest import Database, Network, Start, connect_station

OLD, NEW = "old-password-20-chars", "new-password-20-chars"


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/ocpp/CP1", "CP1"),
        ("/ocpp/CP1/", "CP1"),
        ("//ocpp///CP1", "CP1"),
        ("/ocpp/CP1?token=x", "CP1"),
        ("/ocpp/DE%2AABC%2AE1", "DE*ABC*E1"),
        ("/ocpp/" + "x" * 48, "x" * 48),
        ("/ocpp/" + "x" * 49, None),
        ("/ocpp/", None),
        ("/", None),
        ("/CP1", None),
        ("/other/CP1", None),
        ("/ocpp/a/b", None),
        ("/ocpp/a%2Fb", None),
        ("/ocpp/a%00b", None),
        ("/ocpp/%ff", None),
        ("/ocpp/..%2f", None),
    ],
)
def test_the_identity_is_read_from_the_path(path: str, identity: str | None) -> None:
    assert identity_of(path) == identity


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "password"),
    [
        (basic("CP1:secret"), "secret"),
        (basic("cp1:secret"), "secret"),
        (basic("CP1:a:b"), "a:b"),
        (basic("CP2:secret"), None),
        (basic("secret"), None),
        ("Bearer x", None),
        ("Basic !!!", None),
        ("Basic " + "A" * 5000, None),
        (None, None),
    ],
)
def test_the_password_is_read_from_the_header(header: str | None, password: str | None) -> None:
    assert passwords_of(header, "CP1")[:1] == (() if password is None else (password,))


@pytest.mark.parametrize(
    ("offered", "on_record", "chosen"),
    [
        (["ocpp2.0.1", "ocpp1.6"], None, "ocpp2.0.1"),
        (["ocpp1.6", "ocpp2.0.1"], None, "ocpp1.6"),
        (["ocpp9", "ocpp1.6"], None, "ocpp1.6"),
        (["ocpp9"], "ocpp1.6", None),
        ([], "ocpp1.6", "ocpp1.6"),
        ([], None, None),
        ([], "ocpp9", None),
    ],
)
def test_the_stations_own_preference_comes_first(
    offered: list[str], on_record: str | None, chosen: str | None
) -> None:
    assert choose(offered, on_record) == chosen


async def status_of(port: int, identity: str, password: str | None = None) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as refused:
        await connect_station(port, identity, password=password)
    return refused.value


@pytest.fixture
async def guarded(
    db_sessions: Sessions, network: Network, password_hash: Callable[[str], bytes]
) -> UUID:
    """The station GUARDED, whose password is being rotated from OLD to NEW."""
    async with db_sessions.begin() as db:
        row = await db.execute(
            insert(Station)
            .values(
                organization_id=network.organization_id,
                identity="GUARDED",
                registration="accepted",
                password_hash=password_hash(NEW),
                previous_password_hash=password_hash(OLD),
            )
            .returning(Station.id)
        )
        return row.scalar_one()


async def test_a_password_is_asked_for_before_the_upgrade(
    gateway: GatewayApp, guarded: UUID
) -> None:
    for password in (None, "wrong", NEW + "x", ""):
        refused = await status_of(gateway.port, "GUARDED", password)
        assert refused.response.status_code == 401
        assert refused.response.headers["WWW-Authenticate"].startswith("Basic ")
    for password in (OLD, OLD, NEW, NEW):
        async with await connect_station(gateway.port, "GUARDED", password=password) as station:
            await station.call("Heartbeat", {})


async def test_the_old_password_is_good_until_the_new_one_is_first_used(
    gateway: GatewayApp, guarded: UUID, database: Database
) -> None:
    async with await connect_station(gateway.port, "GUARDED", password=OLD) as station:
        await station.call("Heartbeat", {})
    kept = "SELECT previous_password_hash IS NOT NULL AS kept FROM stations WHERE id = %s"
    assert (await database.row(kept, guarded))["kept"]

    async with await connect_station(gateway.port, "GUARDED", password=NEW) as station:
        await station.call("Heartbeat", {})

    assert (await status_of(gateway.port, "GUARDED", OLD)).response.status_code == 401
    assert not (await database.row(kept, guarded))["kept"]


async def test_a_rotated_password_is_no_longer_good(
    gateway: GatewayApp, guarded: UUID, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(update(Station).values(previous_password_hash=None))

    refused = await status_of(gateway.port, "GUARDED", OLD)

    assert refused.response.status_code == 401


async def test_a_retired_station_is_forbidden_and_an_unknown_one_not_found(
    gateway: GatewayApp, guarded: UUID, database: Database
) -> None:
    await database.rows("UPDATE stations SET retired_at = now()")

    assert (await status_of(gateway.port, "CP1")).response.status_code == 403
    # Whoever has no password is not told that the station was retired.
    assert (await status_of(gateway.port, "GUARDED")).response.status_code == 401
    assert (await status_of(gateway.port, "NOBODY")).response.status_code == 404


async def test_without_a_subprotocol_the_record_decides(
    gateway: GatewayApp, database: Database
) -> None:
    address = f"ws://127.0.0.1:{gateway.port}/ocpp/CP1"
    with pytest.raises(InvalidStatus) as refused:
        await connect(address)
    assert refused.value.response.status_code == 400

    await database.rows("UPDATE stations SET subprotocol = 'ocpp1.6'")
    async with connect(address) as socket:
        assert socket.subprotocol is None
        await socket.send('[2,"1","Heartbeat",{}]')
        assert str(await socket.recv()).startswith('[3,"1",')


async def test_an_unknown_station_waits_to_be_accepted(
    start_gateway: Start, gateway_settings: Settings, network: Network, database: Database
) -> None:
    gateway = await start_gateway(gateway_settings.model_copy(update={"onboarding": "pending"}))
    boot = {"reason": "PowerUp", "chargingStation": {"model": "X", "vendorName": "Acme"}}

    async with await connect_station(gateway.port, "NEW1", "ocpp2.0.1") as station:
        answer = await station.call("BootNotification", boot)
        assert answer["status"] == "Pending"
        await station.post("StatusNotification", {})
        assert (await station.receive())[2] == "SecurityError"
        await database.rows("UPDATE stations SET registration = 'accepted'")
        assert (await station.call("BootNotification", boot))["status"] == "Accepted"
        assert "currentTime" in await station.call("Heartbeat", {})
    # Accepted survives: no boot after a reconnect.
    async with await connect_station(gateway.port, "NEW1", "ocpp2.0.1") as station:
        await station.call("Heartbeat", {})
    kept = await database.until(
        "SELECT finding FROM frames WHERE action = 'StatusNotification' AND NOT outbound"
    )
    assert kept == [{"finding": "the station is not accepted"}]


async def test_accepting_everybody_needs_no_operator(
    start_gateway: Start, gateway_settings: Settings, network: Network
) -> None:
    gateway = await start_gateway(gateway_settings.model_copy(update={"onboarding": "accept"}))

    async with await connect_station(gateway.port, "NEW2", "ocpp2.0.1") as station:
        assert "currentTime" in await station.call("Heartbeat", {})


async def test_an_address_that_knocks_in_vain_waits_behind_the_stations(
    start_gateway: Start, gateway_settings: Settings, network: Network
) -> None:
    reject = gateway_settings.model_copy(
        update={"onboarding": "reject", "gateway_admissions_per_second": 1_000.0}
    )
    app = await start_gateway(reject)

    async def knock(identity: str, address: str = "127.0.0.1") -> tuple[int, str | None]:
        try:
            async with connect(
                f"ws://127.0.0.1:{app.port}/ocpp/{identity}",
                subprotocols=[Subprotocol("ocpp1.6")],
                local_addr=(address, 0),
            ):
                return 101, None
        except InvalidStatus as refused:
            return refused.response.status_code, refused.response.headers.get("Retry-After")

    for _ in range(STRANGE_BURST):
        assert (await knock("NOBODY"))[0] == 404
    assert (await knock("CP1"))[0] == 101, "while nobody waits, it is let in all the same"

    gate = app._port._gate
    assert gate is not None
    gate._next = asyncio.get_running_loop().time() + 0.3  # others have come before
    strange, station = await asyncio.gather(knock("CP1"), knock("CP1", "127.0.0.2"))

    assert strange == (503, str(round(LAST_RETRY_S)))
    assert station[0] == 101
