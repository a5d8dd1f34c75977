"""Security profiles 2 and 3 over real TLS sockets on loopback."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, update
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage, InvalidStatus

from gateway.app import GatewayApp
from gateway.tls import ServerTls, TlsFiles
from holdfast.adapters.certificate_authority import Issued, PrivateKey, new_key, subject_name
from holdfast.adapters.organization_authority import organization_authority
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import (
    CertificateRequest,
    Organization,
    Station,
    StationCertificateRow,
)
from tests.gateway.certificates import client_context, server_authority, write_server
from tests.gateway.conftest import Database, Network, Start, StationClient

PASSWORD = "a-password-of-20-chr"  # noqa: S105 - of a station that this test makes


@pytest.fixture
async def secure(
    start_gateway: Start, gateway_settings: Settings, network: Network, tmp_path: Path
) -> GatewayApp:
    """A gateway that listens on TLS too."""
    files = write_server(tmp_path)
    return await start_gateway(
        gateway_settings.model_copy(
            update={
                "gateway_tls_certificate": files.certificate,
                "gateway_tls_key": files.key,
            }
        )
    )


async def connect_securely(
    gateway: GatewayApp,
    context: ssl.SSLContext,
    identity: str = "CP1",
    password: str | None = None,
) -> StationClient:
    headers = {}
    if password is not None:
        credentials = base64.b64encode(f"{identity}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
    return StationClient(
        await connect(
            f"wss://localhost:{gateway.tls_port}/ocpp/{identity}",
            host="127.0.0.1",
            subprotocols=["ocpp1.6"],  # type: ignore[list-item]
            additional_headers=headers,
            compression=None,
            ssl=context,
        )
    )


async def refusal(
    gateway: GatewayApp, context: ssl.SSLContext, password: str | None = None
) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as refused:
        await connect_securely(gateway, context, password=password)
    return refused.value


async def issue(
    db_sessions: Sessions, settings: Settings, network: Network, station_id: UUID, name: str
) -> tuple[Issued, PrivateKey]:
    """A station's certificate by the organization's own authority, in the rows."""
    key = new_key()
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        organization = await db.get_one(Organization, network.organization_id)
        authority_id, authority = await organization_authority(
            db, organization, "station", settings.secret_key.get_secret_value(), now
        )
        issued = authority.sign(
            key.public_key(),
            subject_name(name, organization.name),
            "station",
            now=now,
            valid_days=30,
        )
        owned = {"organization_id": organization.id, "station_id": station_id, "use": "station"}
        request = await db.scalar(
            insert(CertificateRequest).values(**owned, csr="").returning(CertificateRequest.id)
        )
        await db.execute(
            insert(StationCertificateRow).values(
                **owned,
                request_id=request,
                authority_id=authority_id,
                subject=name,
                serial=issued.serial,
                fingerprint=issued.fingerprint,
                chain_pem=issued.chain_pem,
                not_before=now,
                not_after=now,
            )
        )
    return issued, key


async def trusted(gateway: GatewayApp) -> None:
    """The gateway has seen the organization's authority."""
    trust = gateway._port.trust
    assert trust is not None
    await trust.look()
    assert trust.authorities()


async def test_a_station_of_profile_2_comes_over_tls_alone(
    secure: GatewayApp,
    database: Database,
    db_sessions: Sessions,
    password_hash: Callable[[str], bytes],
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(
            update(Station).values(security_profile=2, password_hash=password_hash(PASSWORD))
        )

    with pytest.raises(InvalidStatus) as plain:
        await connect(
            f"ws://127.0.0.1:{secure.port}/ocpp/CP1",
            subprotocols=["ocpp1.6"],  # type: ignore[list-item]
        )
    wrong = await refusal(secure, client_context(), "another-password")
    async with await connect_securely(secure, client_context(), password=PASSWORD) as station:
        answer = await station.call(
            "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}
        )
    row = await database.row("SELECT * FROM station_connections")
    events = await database.rows("SELECT name, details FROM station_events WHERE kind='security'")

    assert plain.value.response.status_code == 401
    assert "WWW-Authenticate" not in plain.value.response.headers
    assert wrong.response.status_code == 401
    assert "WWW-Authenticate" in wrong.response.headers
    assert answer["status"] == "Accepted"
    assert (row["security_profile"], row["tls_version"]) == (2, "TLSv1.3")
    assert [event["name"] for event in events] == ["FailedToAuthenticateAtCsms"]
    assert PASSWORD not in str(events)


async def test_a_certificate_proves_one_station_and_no_other(
    secure: GatewayApp,
    gateway_settings: Settings,
    database: Database,
    db_sessions: Sessions,
    network: Network,
    tmp_path: Path,
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(update(Station).values(security_profile=3))
        other = await db.scalar(
            insert(Station)
            .values(
                organization_id=network.organization_id, identity="CP2", registration="accepted"
            )
            .returning(Station.id)
        )
    assert other is not None
    own = await issue(db_sessions, gateway_settings, network, network.station_id, "CP1")
    foreign = await issue(db_sessions, gateway_settings, network, other, "CP1")
    await trusted(secure)

    bare = await refusal(secure, client_context())
    stranger = await refusal(secure, client_context(tmp_path, foreign))
    async with await connect_securely(secure, client_context(tmp_path, own)) as station:
        await station.call("Heartbeat", {})
    row = await database.row(
        "SELECT * FROM station_connections WHERE station_id = %s", network.station_id
    )
    await database.rows("UPDATE station_certificates SET revoked_at = now()")
    revoked = await refusal(secure, client_context(tmp_path, own))
    events = await database.rows("SELECT name, details->>'reason' AS why FROM station_events")

    assert bare.response.status_code == 401
    assert "WWW-Authenticate" not in bare.response.headers
    assert stranger.response.status_code == 403
    assert revoked.response.status_code == 403
    assert (row["security_profile"], row["certificate_serial"]) == (3, own[0].serial)
    assert {(event["name"], event["why"]) for event in events} == {
        ("FailedToAuthenticateAtCsms", "came without a certificate"),
        ("InvalidChargingStationCertificate", "issued to another station"),
    }


@pytest.mark.parametrize(
    "cipher",
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
    ],
)
def test_each_cipher_suite_of_the_specification_is_spoken(cipher: str, tmp_path: Path) -> None:
    files = write_server(tmp_path)
    tls = ServerTls(TlsFiles.named(files.certificate, files.key, None))
    client = client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(cipher)

    agreed = shaken(tls.listening, client)

    assert agreed == (cipher, "TLSv1.2")


@pytest.mark.parametrize("cipher", ["ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"])
def test_other_cipher_suites_are_refused(cipher: str, tmp_path: Path) -> None:
    files = write_server(tmp_path)
    tls = ServerTls(TlsFiles.named(files.certificate, files.key, None))
    client = client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(cipher)

    with pytest.raises(ssl.SSLError, match="NO_SHARED_CIPHER"):
        shaken(tls.listening, client)


def shaken(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[str, str]:
    """A handshake in memory: the cipher and the version agreed on."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    station = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    port = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        for side in (station, port):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    cipher = port.cipher()
    assert cipher is not None
    return cipher[0], port.version() or ""


async def test_a_tls_version_too_old_is_a_security_event_of_the_station_at_that_address(
    secure: GatewayApp, database: Database
) -> None:
    async with await connect_securely(secure, client_context()) as station:
        await station.call("Heartbeat", {})
    old = client_context()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await connect_securely(secure, old)
    (event,) = await database.until("SELECT station_id, name FROM station_events")

    assert event["name"] == "InvalidTLSVersion"


async def test_a_renewed_server_certificate_is_shown_without_dropping_sockets(
    secure: GatewayApp, tmp_path: Path
) -> None:
    station = await connect_securely(secure, client_context())
    before = served(station)
    write_server(tmp_path)
    secure.reload()
    async with asyncio.timeout(30):
        while True:
            later = await connect_securely(secure, client_context(), identity="CP1")
            if served(later) != before:
                break
            await later.close()
            await asyncio.sleep(0.05)
    await later.close()
    await station.close()


def served(station: StationClient) -> bytes:
    """The server's certificate as this socket saw it."""
    connection = station.socket.transport.get_extra_info("ssl_object")
    return bytes(connection.getpeercert(binary_form=True))


async def test_an_unknown_station_with_a_strange_certificate_gets_no_further_than_tls(
    secure: GatewayApp, tmp_path: Path
) -> None:
    key = new_key()
    issued = server_authority().sign(
        key.public_key(),
        subject_name(f"CP-{uuid4()}"),
        "station",
        now=datetime.now(UTC),
        valid_days=1,
    )

    # TLS 1.3 tells a client of a refused certificate only after its own handshake is done.
    with pytest.raises((ssl.SSLError, ConnectionError, InvalidMessage)):
        await connect_securely(secure, client_context(tmp_path, (issued, key)))
