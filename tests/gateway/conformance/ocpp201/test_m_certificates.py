"""OCPP 2.0.1 block M: certificates of contracts, of stations, and whether they are revoked.

The provider that signs, revokes and answers OCSP is the independent one of `simulator/contracts`.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

from cli.ports import free_port
from simulator.contracts.app import Provider, create_app
from simulator.contracts.pki import Holder, Pki
from tests.gateway.conformance.conftest import Central, open_central
from tests.gateway.conformance.told import ACCEPTED

PROTOCOL = "ocpp2.0.1"
KEY = "k-1234567890"
EMAID = "DE8AA1A2B3C4D5"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
NAMED = {"algorithm": "SHA384", "issuer_name": "aa", "issuer_key": "bb", "serial": "01"}
HASH = {
    "hashAlgorithm": "SHA384",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "01",
}
ROOTS = [
    ("central_system", "CSMSRootCertificate"),
    ("manufacturer", "ManufacturerRootCertificate"),
    ("v2g", "V2GRootCertificate"),
    ("mo", "MORootCertificate"),
]


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[Provider]:
    port = free_port()
    found = Provider(Pki(f"http://127.0.0.1:{port}/ocsp"), key=KEY)
    server = uvicorn.Server(
        uvicorn.Config(create_app(found), host="127.0.0.1", port=port, log_level="error")
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn raises no event
        await asyncio.sleep(0.01)
    yield found
    server.should_exit = True
    await serving


@pytest.fixture(scope="module")
async def central(postgres_url: str, provider: Provider) -> AsyncIterator[Central]:
    """A central system that may ask the provider, and trusts its issuers."""
    base = provider.pki.responder_url.removesuffix("/ocsp")
    asked = {
        "outbound_hosts": base.removeprefix("http://"),
        "contract_provider_url": f"{base}/contracts",
        "contract_provider_key": KEY,
    }
    async with open_central(postgres_url, **asked) as central:
        for holder in (provider.pki.root, provider.pki.sub2):
            certificate = holder.certificate
            await central.database.rows(
                "INSERT INTO trusted_roots (organization_id, use, subject, pem, fingerprint, "
                "not_before, not_after) VALUES (%s, 'mo', 'MO', %s, %s, %s, %s)",
                central.organization_id,
                holder.pem,
                certificate.fingerprint(hashes.SHA256()),
                certificate.not_valid_before_utc,
                certificate.not_valid_after_utc,
            )
        yield central


def asked_about(holder: Holder, issuer: Holder, url: str) -> dict[str, str]:
    """OCSPRequestDataType."""
    built = (
        ocsp.OCSPRequestBuilder()
        .add_certificate(holder.certificate, issuer.certificate, hashes.SHA256())
        .build()
    )
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": built.issuer_name_hash.hex(),
        "issuerKeyHash": built.issuer_key_hash.hex(),
        "serialNumber": f"{holder.certificate.serial_number:x}",
        "responderURL": url,
    }


async def _contract(central: Central, action: str) -> dict[str, Any]:
    request = {
        "iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef",
        "action": action,
        "exiRequest": b64encode(b"EXI of a car").decode(),
    }
    async with central.station(PROTOCOL) as station:
        return dict(await station.call("Get15118EVCertificate", request))


async def test_m01_fr_01_a_car_gets_the_contract_that_its_provider_signs(
    central: Central, provider: Provider
) -> None:
    answer = await _contract(central, "Install")

    assert answer["status"] == "Accepted"
    assert b64decode(answer["exiResponse"]) == b"contract for EXI of a car"
    assert provider.asked[-1]["action"] == "install"


async def test_m02_fr_01_a_car_gets_its_contract_renewed_or_hears_why_not(
    central: Central, provider: Provider
) -> None:
    assert (await _contract(central, "Update"))["status"] == "Accepted"
    assert provider.asked[-1]["action"] == "update"

    provider.refusing = "NoContract"
    refused = await _contract(central, "Update")
    provider.refusing = None
    assert (refused["status"], refused["statusInfo"]["reasonCode"]) == ("Failed", "NoContract")


async def test_m03_fr_01_installed_certificates_are_asked_for(central: Central) -> None:
    words = dict(ROOTS) | {"v2g_chain": "V2GCertificateChain"}
    found = [{"certificateType": "V2GRootCertificate", "certificateHashData": HASH}]
    answer = ACCEPTED | {"certificateHashDataChain": found}
    async with central.station(PROTOCOL) as station:
        for uses, wanted in (
            ([], {}),
            (["v2g"], {"certificateType": ["V2GRootCertificate"]}),
            (list(words), {"certificateType": list(words.values())}),
        ):
            action, payload, done = await central.ordered(
                station, "installed_certificates", {"uses": uses}, answer
            )
            assert (action, payload) == ("GetInstalledCertificateIds", wanted)
            assert done.state == "accepted"


async def test_m03_fr_02_a_station_without_such_certificates_is_understood(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(
            station, "installed_certificates", {"uses": ["mo"]}, {"status": "NotFound"}
        )

    assert (done.state, done.status) == ("accepted", "NotFound")


@pytest.mark.parametrize(
    ("status", "state"),
    [("Accepted", "accepted"), ("Failed", "rejected"), ("NotFound", "rejected")],
)
async def test_m04_fr_01_a_certificate_is_deleted_and_each_answer_understood(
    central: Central, status: str, state: str
) -> None:
    async with central.station(PROTOCOL) as station:
        action, _, done = await central.ordered(
            station, "delete_certificate", {"hash": NAMED}, {"status": status}
        )

    assert (action, done.state, done.status) == ("DeleteCertificate", state, status)


async def test_m04_fr_07_it_is_named_in_the_hash_that_the_station_told(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        _, payload, _ = await central.ordered(
            station, "delete_certificate", {"hash": NAMED}, ACCEPTED
        )

    assert payload == {"certificateHashData": HASH}


@pytest.mark.parametrize(("use", "word"), ROOTS)
async def test_m05_fr_01_a_root_of_each_use_is_installed(
    central: Central, use: str, word: str
) -> None:
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "install_certificate", {"use": use, "certificate": PEM}, ACCEPTED
        )

    assert action == "InstallCertificate"
    assert payload == {"certificateType": word, "certificate": PEM}
    assert done.state == "accepted"


@pytest.mark.parametrize("status", ["Failed", "Rejected"])
async def test_m05_fr_03_a_root_that_is_not_installed_is_understood(
    central: Central, status: str
) -> None:
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(
            station, "install_certificate", {"use": "mo", "certificate": PEM}, {"status": status}
        )

    assert (done.state, done.status) == ("rejected", status)


async def _status(central: Central, data: dict[str, str]) -> dict[str, Any]:
    async with central.station(PROTOCOL) as station:
        return dict(await station.call("GetCertificateStatus", {"ocspRequestData": data}))


async def test_m06_fr_01_a_question_about_a_certificate_is_answered(
    central: Central, provider: Provider
) -> None:
    pki = provider.pki
    good = asked_about(pki.contract(EMAID), pki.sub2, pki.responder_url)

    assert (await _status(central, good))["status"] == "Accepted"


async def test_m06_fr_02_with_the_word_of_the_responder(
    central: Central, provider: Provider
) -> None:
    pki = provider.pki
    revoked = pki.contract(EMAID)
    pki.revoke(revoked.certificate.serial_number)
    for holder, word in (
        (pki.contract(EMAID), ocsp.OCSPCertStatus.GOOD),
        (revoked, ocsp.OCSPCertStatus.REVOKED),
    ):
        answer = await _status(central, asked_about(holder, pki.sub2, pki.responder_url))
        response = ocsp.load_der_ocsp_response(b64decode(answer["ocspResult"]))
        assert response.certificate_status is word


async def test_m06_fr_03_the_answer_is_accepted_also_for_one_that_is_revoked(
    central: Central, provider: Provider
) -> None:
    pki = provider.pki
    revoked = pki.contract(EMAID)
    pki.revoke(revoked.certificate.serial_number)
    answer = await _status(central, asked_about(revoked, pki.sub2, pki.responder_url))

    assert answer["status"] == "Accepted"


async def test_m06_fr_04_where_nobody_can_be_asked_it_fails(
    central: Central, provider: Provider
) -> None:
    pki = provider.pki
    nowhere = f"http://127.0.0.1:{free_port()}/ocsp"
    answer = await _status(central, asked_about(pki.contract(EMAID), pki.sub2, nowhere))

    assert answer["status"] == "Failed"
    assert "ocspResult" not in answer


async def test_m06_fr_08_the_result_is_an_ocsp_response_of_rfc_6960(
    central: Central, provider: Provider
) -> None:
    pki = provider.pki
    holder = pki.contract(EMAID)
    answer = await _status(central, asked_about(holder, pki.sub2, pki.responder_url))
    response = ocsp.load_der_ocsp_response(b64decode(answer["ocspResult"], validate=True))

    assert response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    assert response.serial_number == holder.certificate.serial_number


async def test_m06_fr_09_the_result_is_der_in_base64(central: Central, provider: Provider) -> None:
    pki = provider.pki
    data = asked_about(pki.contract(EMAID), pki.sub2, pki.responder_url)
    der = b64decode((await _status(central, data))["ocspResult"], validate=True)

    assert der[0] == 0x30
    assert len(der) == 4 + int.from_bytes(der[2:4]), "one DER sequence, and nothing after it"
