"""OCPP 2.0.1 A01 to A05 and A00.FR.5xx: passwords, certificates and security events."""

import re
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from holdfast.services import password_rotations
from simulator.stations.connection import CannotConnect
from simulator.stations.witness import Witness
from tests.conftest import TEST_SECRET
from tests.gateway.certificates import csr_pem
from tests.gateway.conformance.secured import PASSWORD, V201, Secured

ACCEPTED = {"status": "Accepted"}
CHAIN = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
STRENGTH_BITS = 112


async def changed_password(secured: Secured, station: Witness, status: str = "Accepted") -> str:
    """The central system gives a station a new password; the station says this to it."""
    async with secured.sessions.begin() as db:
        await password_rotations.begin_rotation(
            db,
            TEST_SECRET,
            secured.central.organization_id,
            station.identity,
            now=datetime.now(UTC),
            days=7,
            reset=False,
            actor="key:test",
        )
    named = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    action, payload, _ = await secured.central.ordered(
        station, "password", {}, {"setVariableResult": [named | {"attributeStatus": status}]}
    )
    assert action == "SetVariables"
    (one,) = payload["setVariableData"]
    assert {name: one[name] for name in named} == named
    return str(one["attributeValue"])


async def lets_in(secured: Secured, identity: str, password: str) -> bool:
    """Whether a station with this password is let in."""
    try:
        async with Witness(secured.central.url, identity, V201, password=password) as station:
            return station.close_code is None
    except CannotConnect:
        return False


async def test_a00_fr_205_a_password_of_ours_is_one_that_stations_take(secured: Secured) -> None:
    async with secured.central.station(V201, password=PASSWORD) as station:
        password = await changed_password(secured, station)

    assert re.fullmatch(r"[A-Za-z0-9*\-_=:+|@.]{16,40}", password)


async def test_a01_fr_02_a_new_password_is_set_as_a_variable(secured: Secured) -> None:
    async with secured.central.station(V201, password=PASSWORD) as station:
        assert await changed_password(secured, station) != PASSWORD


async def test_a01_fr_03_once_the_new_password_was_used_the_old_one_is_refused(
    secured: Secured,
) -> None:
    async with secured.central.station(V201, password=PASSWORD) as station:
        password = await changed_password(secured, station)

    assert await lets_in(secured, station.identity, password)
    assert not await lets_in(secured, station.identity, PASSWORD)


@pytest.mark.parametrize("status", ["Rejected", "NotSupportedAttributeType"])
async def test_a01_fr_04_a_station_that_refuses_keeps_its_old_password(
    secured: Secured, status: str
) -> None:
    async with secured.central.station(V201, password=PASSWORD) as station:
        await changed_password(secured, station, status)

    assert await lets_in(secured, station.identity, PASSWORD)


async def test_a01_fr_06_every_station_gets_a_password_of_its_own(secured: Secured) -> None:
    async with (
        secured.central.station(V201, password=PASSWORD) as one,
        secured.central.station(V201, password=PASSWORD) as other,
    ):
        passwords = {await changed_password(secured, station) for station in (one, other)}

    assert len(passwords) == 2


async def test_a01_fr_07_passwords_are_long_enough_to_be_random(secured: Secured) -> None:
    async with secured.central.station(V201, password=PASSWORD) as station:
        password = await changed_password(secured, station)

    # 6 bits in each of its URL-safe characters.
    assert 6 * len(password) >= STRENGTH_BITS
    assert len(set(password)) > 8


async def test_a01_fr_08_passwords_are_stored_as_keyed_hashes(secured: Secured) -> None:
    async with secured.central.station(V201, password=PASSWORD) as station:
        password = await changed_password(secured, station)
    assert await lets_in(secured, station.identity, password)

    row = await secured.central.database.row(
        "SELECT s::text AS station, r::text AS rotation, r.password_sealed FROM stations s "
        "JOIN password_rotations r ON r.station_id = s.id WHERE s.identity = %s",
        station.identity,
    )
    assert row["password_sealed"] is None
    for written in (password, password.encode().hex(), PASSWORD, PASSWORD.encode().hex()):
        assert written not in row["station"] + row["rotation"]


async def test_a01_fr_09_the_message_log_holds_no_password(secured: Secured) -> None:
    async with secured.central.station(V201, password=PASSWORD) as station:
        password = await changed_password(secured, station)

    rows = await secured.central.database.until(
        "SELECT f.frame FROM frames f JOIN stations s ON s.id = f.station_id "
        "WHERE s.identity = %s AND f.action = 'SetVariables' AND f.outbound",
        station.identity,
    )
    assert b"BasicAuthPassword" in bytes(rows[0]["frame"])
    assert password.encode() not in b"".join(bytes(row["frame"]) for row in rows)


async def test_a02_fr_01_a_station_is_asked_to_take_a_new_key(secured: Secured) -> None:
    async with secured.central.station(V201) as station:
        action, payload, done = await secured.central.ordered(
            station, "trigger", {"message": "SignChargingStationCertificate"}, ACCEPTED
        )

    assert (action, payload["requestedMessage"]) == (
        "TriggerMessage",
        "SignChargingStationCertificate",
    )
    assert done.state == "accepted"


@pytest.mark.parametrize("use", ["ChargingStationCertificate", "V2GCertificate"])
async def test_a02_fr_11_a_request_that_can_be_signed_is_accepted(
    secured: Secured, use: str
) -> None:
    async with secured.central.station(V201) as station:
        asked = {"csr": csr_pem(station.identity), "certificateType": use}
        answer = await station.call("SignCertificate", asked)

    assert answer["status"] == "Accepted"


async def test_a02_fr_12_what_is_no_request_is_rejected(secured: Secured) -> None:
    async with secured.central.station(V201) as station:
        answers = [
            await station.call("SignCertificate", {"csr": wrong})
            for wrong in ("no PEM", CHAIN, csr_pem(station.identity)[:-80])
        ]

    assert [answer["status"] for answer in answers] == ["Rejected"] * 3


@pytest.mark.parametrize(
    ("use", "word"), [("station", "ChargingStationCertificate"), ("v2g", "V2GCertificate")]
)
async def test_a02_fr_14_the_kind_of_a_signed_certificate_is_named(
    secured: Secured, use: str, word: str
) -> None:
    async with secured.central.station(V201) as station:
        action, payload, done = await secured.central.ordered(
            station, "certificate_signed", {"use": use, "chain": CHAIN}, ACCEPTED
        )

    assert (action, payload) == (
        "CertificateSigned",
        {"certificateChain": CHAIN, "certificateType": word},
    )
    assert done.state == "accepted"


async def test_a03_fr_11_a_station_that_asks_by_itself_gets_its_certificate(
    secured: Secured,
) -> None:
    async with secured.central.station(V201) as station:
        chain, key = await secured.certified(station, station.identity)

    async with secured.witness(station.identity, secured.context(chain, key)) as renewed:
        assert (await renewed.boot())["status"] == "Accepted"


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=1024),  # noqa: S505 - refused
        ec.generate_private_key(ec.SECP192R1()),
    ],
    ids=["RSA of 1024 bits", "EC of 192 bits"],
)
async def test_a00_fr_501_a_key_that_is_too_weak_is_not_signed(
    secured: Secured, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
) -> None:
    async with secured.central.station(V201) as station:
        answer = await station.call("SignCertificate", {"csr": csr_pem(station.identity, key)})

    assert answer["status"] == "Rejected"


@pytest.fixture(scope="module")
async def issued(secured: Secured) -> list[x509.Certificate]:
    """What the central system signed for a station whose serial number is SN-1, and its issuer."""
    described = {"vendorName": "Witness", "model": "W-1", "serialNumber": "SN-1"}
    async with secured.central.station(V201, boot=False) as station:
        await station.call("BootNotification", {"reason": "PowerUp", "chargingStation": described})
        chain, _ = await secured.certified(station, "SN-1")
    return x509.load_pem_x509_certificates(chain.encode())


def test_a00_fr_505_our_authority_signs_with_ecdsa(issued: list[x509.Certificate]) -> None:
    for certificate in issued:
        assert isinstance(certificate.signature_algorithm_parameters, ec.ECDSA)


def test_a00_fr_506_hashes_are_sha_256(issued: list[x509.Certificate]) -> None:
    assert {type(one.signature_hash_algorithm) for one in issued} == {hashes.SHA256}


def test_a00_fr_507_certificates_are_x509_in_pem(issued: list[x509.Certificate]) -> None:
    leaf, issuer = issued

    leaf.verify_directly_issued_by(issuer)


def test_a00_fr_508_certificates_have_serial_numbers(issued: list[x509.Certificate]) -> None:
    assert len({one.serial_number for one in issued}) == 2


def test_a00_fr_509_the_organization_is_the_operator(issued: list[x509.Certificate]) -> None:
    for certificate in issued:
        (name,) = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        assert name.value == "Acme"


def test_a00_fr_511_the_common_name_is_the_serial_number(issued: list[x509.Certificate]) -> None:
    (name,) = issued[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)

    assert name.value == "SN-1"


def test_a00_fr_512_a_certificate_says_what_its_key_is_for(issued: list[x509.Certificate]) -> None:
    usage = issued[0].extensions.get_extension_for_class(x509.KeyUsage).value
    extended = issued[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert list(extended) == [ExtendedKeyUsageOID.CLIENT_AUTH]


async def test_a00_fr_806_a_pending_station_may_get_its_credentials_first(
    secured: Secured,
) -> None:
    async with secured.central.station(
        V201, boot=False, password=PASSWORD, registration="pending"
    ) as station:
        await station.boot(accepted=False)
        password = await changed_password(secured, station)
        _, _, done = await secured.central.ordered(
            station, "certificate_signed", {"use": "station", "chain": CHAIN}, ACCEPTED
        )

    assert done.state == "accepted"
    assert await lets_in(secured, station.identity, password)


async def test_a04_fr_03_a_security_event_is_confirmed_and_kept(secured: Secured) -> None:
    payload = {
        "type": "TamperDetectionActivated",
        "timestamp": datetime.now(UTC).isoformat(),
        "techInfo": "door",
    }
    async with secured.central.station(V201) as station:
        assert await station.call("SecurityEventNotification", payload) == {}

    assert await secured.events(station.identity) == [("TamperDetectionActivated", None)]


async def test_a05_fr_07_after_a_higher_profile_was_used_a_lower_one_is_refused(
    secured: Secured,
) -> None:
    async with secured.central.station(V201, password=PASSWORD) as station:
        identity = station.identity
        await secured.central.database.rows(
            "UPDATE stations SET wanted_security_profile = 2 WHERE identity = %s", identity
        )
    assert await lets_in(secured, identity, PASSWORD)

    async with secured.witness(identity, password=PASSWORD) as raised:
        await raised.boot()

    assert not await lets_in(secured, identity, PASSWORD)
