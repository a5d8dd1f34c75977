"""OCPP 2.0.1 A00: security profiles 1 to 3, and the TLS beneath them."""

import ssl

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from holdfast.adapters.certificate_authority import CertificateAuthority
from simulator.stations.connection import CannotConnect
from simulator.stations.messages import ConnectionGone
from simulator.stations.witness import Witness
from tests.gateway.certificates import client_context
from tests.gateway.conformance.secured import (
    NOW,
    PASSWORD,
    V201,
    Secured,
    basic,
    refused,
)

SUITES = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
]
WEAK = ["AES128-SHA", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"]
CUT_OFF = (ssl.SSLError, ConnectionError)


def only(cipher: str) -> ssl.SSLContext:
    """A station that offers one cipher suite of TLS 1.2."""
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    return context


async def profile_of(secured: Secured, identity: str) -> int:
    """As which the newest socket of a station was taken."""
    row = await secured.central.database.row(
        "SELECT c.security_profile FROM station_connections c JOIN stations s "
        "ON s.id = c.station_id WHERE s.identity = %s",
        identity,
    )
    return int(row["security_profile"])


async def with_password(secured: Secured) -> str:
    """A station that has a password, which was seen to work."""
    async with secured.central.station(V201, password=PASSWORD) as station:
        return station.identity


async def test_a00_fr_001_a_socket_has_one_security_profile(secured: Secured) -> None:
    async with secured.central.station(V201, password=PASSWORD) as plain:
        assert await profile_of(secured, plain.identity) == 1
    async with secured.witness(plain.identity, password=PASSWORD) as safe:
        await safe.boot()
        assert await profile_of(secured, plain.identity) == 2


@pytest.mark.parametrize("expected", [2, 3])
async def test_a00_fr_002_a_lower_profile_than_expected_is_turned_away(
    secured: Secured, expected: int
) -> None:
    identity = await with_password(secured)
    await secured.central.database.rows(
        "UPDATE stations SET security_profile = %s WHERE identity = %s", expected, identity
    )

    plain = await refused(secured.central.url, identity, basic(identity, PASSWORD))

    assert plain.response.status_code == 401
    assert "WWW-Authenticate" not in plain.response.headers
    if expected == 3:
        with pytest.raises(CannotConnect, match="401"):
            async with secured.witness(identity, password=PASSWORD):
                pass


async def test_a00_fr_006_profiles_with_and_without_tls_have_ports_of_their_own(
    secured: Secured,
) -> None:
    identity = await with_password(secured)

    ports = secured.central.app.port, secured.central.app.tls_port
    swapped = [f"ws://127.0.0.1:{ports[1]}/ocpp", f"wss://localhost:{ports[0]}/ocpp"]
    for url in swapped:
        context = secured.context() if url.startswith("wss") else None
        with pytest.raises(CannotConnect):
            async with Witness(url, identity, V201, password=PASSWORD, ssl=context):
                pass


async def test_a00_fr_203_without_credentials_a_password_is_asked_for(secured: Secured) -> None:
    identity = await with_password(secured)

    answer = await refused(secured.central.url, identity)

    assert answer.response.status_code == 401
    assert answer.response.headers["WWW-Authenticate"].startswith("Basic ")


async def test_a00_fr_207_the_user_is_the_identity_in_the_path(secured: Secured) -> None:
    one, other = await with_password(secured), await with_password(secured)

    answer = await refused(secured.central.url, one, basic(other, PASSWORD))

    assert answer.response.status_code == 401


async def test_a00_fr_301_over_tls_the_password_lets_in_and_no_other(secured: Secured) -> None:
    identity = await with_password(secured)

    async with secured.witness(identity, password=PASSWORD) as station:
        assert await station.call("Heartbeat", {})
    with pytest.raises(CannotConnect, match="401"):
        async with secured.witness(identity, password="wrong" * 4):
            pass


async def test_a00_fr_306_the_central_system_is_the_tls_server(secured: Secured) -> None:
    agreed = await secured.handshake(secured.context())

    assert not agreed.server_side
    assert agreed.version() in ("TLSv1.2", "TLSv1.3")


async def test_a00_fr_307_the_server_shows_a_certificate_that_verifies(secured: Secured) -> None:
    agreed = await secured.handshake(secured.context())
    with pytest.raises(ssl.SSLCertVerificationError):
        await secured.handshake(ssl.create_default_context())

    shown = agreed.getpeercert(binary_form=True)
    assert shown is not None
    names = x509.load_der_x509_certificate(shown).subject.get_attributes_for_oid(
        NameOID.COMMON_NAME
    )
    assert [name.value for name in names] == ["localhost"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a00_fr_313_tls_1_2_and_newer_are_spoken(
    secured: Secured, version: ssl.TLSVersion
) -> None:
    context = secured.context()
    context.minimum_version = context.maximum_version = version

    agreed = await secured.handshake(context)

    assert agreed.version() == version.name.replace("_", ".")


async def test_a00_fr_315_a_station_that_speaks_only_older_versions_is_cut_off(
    secured: Secured,
) -> None:
    old = secured.context()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises(CUT_OFF):
        await secured.handshake(old)


@pytest.mark.parametrize("cipher", SUITES)
async def test_a00_fr_318_each_of_the_four_cipher_suites_is_spoken(
    secured: Secured, cipher: str
) -> None:
    agreed = await secured.handshake(only(cipher))

    found = agreed.cipher()
    assert found is not None
    assert found[0] == cipher


@pytest.mark.parametrize("cipher", WEAK)
async def test_a00_fr_320_a_cipher_suite_that_is_not_suitable_is_not_spoken(
    secured: Secured, cipher: str
) -> None:
    context = only(cipher)
    context.set_ciphers(f"{cipher}:{SUITES[0]}:@SECLEVEL=0")

    agreed = await secured.handshake(context)

    found = agreed.cipher()
    assert found is not None
    assert found[0] == SUITES[0]


async def test_a00_fr_321_nothing_is_compressed_by_tls(secured: Secured) -> None:
    context = secured.context()
    context.options &= ~ssl.OP_NO_COMPRESSION

    agreed = await secured.handshake(context)

    assert agreed.compression() is None


@pytest.mark.parametrize("cipher", WEAK)
async def test_a00_fr_322_a_station_that_speaks_only_others_is_cut_off(
    secured: Secured, cipher: str
) -> None:
    with pytest.raises(CUT_OFF):
        await secured.handshake(only(cipher))


async def test_a00_fr_324_a_refusal_for_security_is_an_event(secured: Secured) -> None:
    identity = await with_password(secured)

    with pytest.raises(CannotConnect, match="401"):
        async with secured.witness(identity, password="wrong" * 4):
            pass

    assert ("FailedToAuthenticateAtCsms", "the password is wrong") in await secured.events(identity)


async def certified_station(secured: Secured, serial: str | None = None) -> str:
    """A station of profile 3, known by a serial number."""
    return await secured.central.add_station(security_profile=3, serial_number=serial)


async def turned_away(secured: Secured, identity: str, context: ssl.SSLContext) -> str:
    """What became of a station that shows this certificate."""
    with pytest.raises((*CUT_OFF, CannotConnect)) as error:
        async with secured.witness(identity, context):
            pass
    return str(error.value)


async def test_a00_fr_403_the_path_of_a_stations_certificate_is_verified(secured: Secured) -> None:
    identity = await certified_station(secured)
    stranger = CertificateAuthority.founded("Vendor", "Stations", NOW)

    async with secured.witness(identity, secured.by_vendor(identity)) as station:
        assert await station.call("Heartbeat", {})
        assert await profile_of(secured, identity) == 3
    forged = secured.by_vendor(identity, authority=stranger)
    assert "401" not in await turned_away(secured, identity, forged)


@pytest.mark.parametrize("organization", ["Another operator", None])
async def test_a00_fr_404_a_certificate_of_another_operator_is_refused(
    secured: Secured, organization: str | None
) -> None:
    identity = await certified_station(secured)

    answer = await turned_away(secured, identity, secured.by_vendor(identity, organization))

    assert "403" in answer


async def test_a00_fr_405_the_common_name_is_the_stations_serial_number(secured: Secured) -> None:
    identity = await certified_station(secured, "SN-4711")

    async with secured.witness(identity, secured.by_vendor("SN-4711")) as station:
        assert await station.call("Heartbeat", {})
    assert "403" in await turned_away(secured, identity, secured.by_vendor("SN-4712"))


async def test_a00_fr_407_without_a_valid_certificate_there_is_no_connection(
    secured: Secured,
) -> None:
    identity = await certified_station(secured)

    assert "401" in await turned_away(secured, identity, secured.context())
    assert await turned_away(secured, identity, secured.by_vendor(identity, days=-30))


async def test_a00_fr_408_a_certificate_that_is_not_good_is_an_event(secured: Secured) -> None:
    identity = await certified_station(secured)

    await turned_away(secured, identity, secured.by_vendor("SOMEBODY"))

    names = [name for name, _ in await secured.events(identity)]
    assert names == ["InvalidChargingStationCertificate"]


async def test_a00_fr_427_a_certificate_is_one_stations_alone(secured: Secured) -> None:
    async with secured.central.station(V201) as one:
        chain, key = await secured.certified(one, one.identity)
    other = await certified_station(secured)

    async with secured.witness(one.identity, secured.context(chain, key)) as station:
        assert await station.call("Heartbeat", {})
    assert "403" in await turned_away(secured, other, secured.context(chain, key))


async def test_a00_fr_702_a_revoked_certificate_lets_nobody_in(secured: Secured) -> None:
    async with secured.central.station(V201) as one:
        chain, key = await secured.certified(one, one.identity)
    await secured.central.database.rows(
        "UPDATE station_certificates c SET revoked_at = now() FROM stations s "
        "WHERE s.id = c.station_id AND s.identity = %s",
        one.identity,
    )

    answer = await turned_away(secured, one.identity, secured.context(chain, key))

    assert "403" in answer


async def boot_with(secured: Secured, identity: str, serial: str) -> Witness:
    """A station of a certificate boots with this serial number."""
    witness = secured.witness(identity, secured.by_vendor("SN-1"))
    async with witness:
        station = {"vendorName": "Witness", "model": "W-1", "serialNumber": serial}
        payload = {"reason": "PowerUp", "chargingStation": station}
        await witness.call("BootNotification", payload)
    return witness


async def test_b01_fr_11_the_serial_number_of_the_boot_is_that_of_the_certificate(
    secured: Secured,
) -> None:
    identity = await certified_station(secured, "SN-1")

    witness = await boot_with(secured, identity, "SN-1")

    assert witness.frames[0].envelope[2]["status"] == "Accepted"


async def test_b01_fr_12_another_serial_number_ends_the_connection(secured: Secured) -> None:
    identity = await certified_station(secured, "SN-1")

    with pytest.raises(ConnectionGone, match="1008"):
        await boot_with(secured, identity, "SN-2")

    row = await secured.central.database.row(
        "SELECT serial_number FROM stations WHERE identity = %s", identity
    )
    assert row["serial_number"] == "SN-1"
