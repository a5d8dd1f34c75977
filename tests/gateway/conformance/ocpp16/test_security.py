"""The OCPP 1.6 security whitepaper, edition 3: what it asks of the central system."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from simulator.stations.connection import CannotConnect
from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central

ACCEPTED = {"status": "Accepted"}
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a station that exists for a moment


def csr(name: str) -> str:
    """A request for a certificate, as a charge point makes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Acme"),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


async def test_a00_fr_202_the_password_of_the_charge_point_lets_it_in(central: Central) -> None:
    async with central.station("ocpp1.6", password=SECRET) as station:
        assert await station.call("Heartbeat", {})


async def test_a00_fr_204_a_wrong_password_is_unauthorized(central: Central) -> None:
    async with central.station("ocpp1.6", password=SECRET) as station:
        with pytest.raises(CannotConnect, match="401"):
            async with Witness(central.url, station.identity, "ocpp1.6", password="x" * 20):
                pass


async def test_a00_fr_309_a_station_of_a_tls_profile_is_not_let_in_without_tls(
    central: Central,
) -> None:
    identity = await central.add_station(security_profile=2)

    with pytest.raises(CannotConnect, match="401"):
        async with Witness(central.url, identity, "ocpp1.6", password=SECRET):
            pass


async def test_a02_fr_02_a_request_for_a_certificate_is_accepted_and_kept(
    central: Central,
) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("SignCertificate", {"csr": csr(station.identity)})

    assert answer["status"] == "Accepted"
    row = await central.database.row(
        "SELECT count(*) FROM certificate_requests r JOIN stations s ON s.id = r.station_id "
        "WHERE s.identity = %s",
        station.identity,
    )
    assert row["count"] == 1


async def test_a02_fr_03_what_is_no_request_for_a_certificate_is_rejected(
    central: Central,
) -> None:
    async with central.station("ocpp1.6") as station:
        answer = await station.call("SignCertificate", {"csr": "no PEM"})

    assert answer["status"] == "Rejected"


async def test_a02_fr_01_a_charge_point_is_asked_to_request_a_certificate(
    central: Central,
) -> None:
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "trigger", {"message": "SignCertificate"}, ACCEPTED
        )

    assert action == "ExtendedTriggerMessage"
    assert payload == {"requestedMessage": "SignChargePointCertificate"}
    assert done.state == "accepted"


async def test_a02_fr_05_a_signed_certificate_is_sent_as_a_chain(central: Central) -> None:
    chain = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "certificate_signed", {"use": "station", "chain": chain}, ACCEPTED
        )

    assert (action, payload) == ("CertificateSigned", {"certificateChain": chain})
    assert done.state == "accepted"


async def test_a04_fr_01_a_security_event_is_confirmed_and_kept(central: Central) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    payload = {
        "type": "InvalidFirmwareSignature",
        "timestamp": at.isoformat(),
        "techInfo": "slot 2",
    }
    async with central.station("ocpp1.6") as station:
        assert await station.call("SecurityEventNotification", payload) == {}

    rows = await central.database.rows(
        "SELECT e.name, e.at FROM station_events e JOIN stations s ON s.id = e.station_id "
        "WHERE s.identity = %s AND e.kind = 'security'",
        station.identity,
    )
    assert [(row["name"], row["at"]) for row in rows] == [("InvalidFirmwareSignature", at)]


@pytest.mark.parametrize("use", ["central_system", "manufacturer"])
async def test_m05_fr_01_a_root_certificate_is_installed(central: Central, use: str) -> None:
    words = {
        "central_system": "CentralSystemRootCertificate",
        "manufacturer": "ManufacturerRootCertificate",
    }
    order = {"use": use, "certificate": "-----BEGIN CERTIFICATE-----"}
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "install_certificate", order, ACCEPTED
        )

    assert action == "InstallCertificate"
    assert payload["certificateType"] == words[use]
    assert done.state == "accepted"


async def test_m03_fr_01_installed_certificates_are_asked_for(central: Central) -> None:
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "installed_certificates", {"uses": ["central_system"]}, {"status": "NotFound"}
        )

    assert action == "GetInstalledCertificateIds"
    assert payload == {"certificateType": "CentralSystemRootCertificate"}
    assert done.status == "NotFound"


async def test_m04_fr_01_a_certificate_is_deleted_by_its_hashes(central: Central) -> None:
    named = {"algorithm": "SHA256", "issuer_name": "aa", "issuer_key": "bb", "serial": "01"}
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "delete_certificate", {"hash": named}, ACCEPTED
        )

    assert action == "DeleteCertificate"
    assert payload["certificateHashData"] == {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "aa",
        "issuerKeyHash": "bb",
        "serialNumber": "01",
    }
    assert done.state == "accepted"


async def test_n01_fr_01_a_security_log_is_asked_for_and_its_states_confirmed(
    central: Central,
) -> None:
    order = {"type": "security", "location": "https://files.example/upload"}
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(
            station, "log", order, {"status": "Accepted", "filename": "security.log"}
        )
        for status in ("Uploading", "Uploaded"):
            told = {"status": status, "requestId": payload["requestId"]}
            assert await station.call("LogStatusNotification", told) == {}

    assert action == "GetLog"
    assert payload["logType"] == "SecurityLog"
    assert done.state == "accepted"


async def test_l01_fr_01_signed_firmware_goes_with_its_certificate_and_signature(
    central: Central,
) -> None:
    order = {
        "location": "https://files.example/fw.bin",
        "retrieve_at": "2026-01-01T00:00:00Z",
        "certificate": "-----BEGIN CERTIFICATE-----",
        "signature": "c2lnbmVk",
    }
    async with central.station("ocpp1.6") as station:
        action, payload, done = await central.ordered(station, "update_firmware", order, ACCEPTED)
        for status in ("Downloading", "SignatureVerified", "Installing", "Installed"):
            told = {"status": status, "requestId": payload["requestId"]}
            assert await station.call("SignedFirmwareStatusNotification", told) == {}

    assert action == "SignedUpdateFirmware"
    assert payload["firmware"]["signature"] == "c2lnbmVk"
    assert done.state == "accepted"
