"""Anybody may ask whether a certificate of ours is good: OCSP and CRL, without a key."""

from base64 import b64encode
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtensionOID

from api.app import create_app
from holdfast.http.rate_limit import RateLimit
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from simulator.contracts.pki import Pki
from tests.api.conftest import Clients

PUBLIC = "https://charging.example"
DER = {"Content-Type": "application/ocsp-request"}


@pytest.fixture
def app(api_settings: Settings, db_sessions: Sessions) -> Any:
    """That knows its own address."""
    return create_app(api_settings.model_copy(update={"public_url": PUBLIC}), db_sessions)


async def issued(client: httpx.AsyncClient) -> tuple[dict[str, Any], list[x509.Certificate]]:
    """A contract of our own authority, and its chain."""
    answer = await client.post("/api/v1/contracts", json={"emaid": "DE8AA1A2B3C4D5"})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made, x509.load_pem_x509_certificates(made["chain"].encode())


def addresses(certificate: x509.Certificate) -> tuple[str, str]:
    """Of OCSP and of the list, as the certificate says."""
    access: Any = certificate.extensions.get_extension_for_oid(
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS
    ).value
    points: Any = certificate.extensions.get_extension_for_oid(
        ExtensionOID.CRL_DISTRIBUTION_POINTS
    ).value
    return access[0].access_location.value, points[0].full_name[0].value


def question(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: Any = None
) -> bytes:
    """An OCSP request; by SHA-1, as most software asks."""
    builder = ocsp.OCSPRequestBuilder()
    algorithm = algorithm or hashes.SHA1()  # noqa: S303 - names an issuer, proves nothing
    return (
        builder.add_certificate(certificate, issuer, algorithm).build().public_bytes(Encoding.DER)
    )


def read(answer: httpx.Response, issuer: x509.Certificate) -> ocsp.OCSPResponse:
    """A successful answer, whose signature is the issuer's."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/ocsp-response"
    told = ocsp.load_der_ocsp_response(answer.content)
    assert told.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    key = issuer.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(told.signature, told.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    return told


async def test_a_certificate_says_where_it_is_asked_about_and_is_good_until_it_is_revoked(
    client: httpx.AsyncClient, clients: Clients
) -> None:
    made, (leaf, issuing) = await issued(client)
    ocsp_url, crl_url = (one.removeprefix(PUBLIC) for one in addresses(leaf))
    asked = question(leaf, issuing)
    async with clients.with_key(None) as stranger:
        posted = await stranger.post(ocsp_url, content=asked, headers=DER)
        by_sha256 = await stranger.post(
            ocsp_url, content=question(leaf, issuing, hashes.SHA256()), headers=DER
        )
        named = await stranger.get(f"{ocsp_url}/{quote(b64encode(asked).decode(), safe='')}")
        await client.post(f"/api/v1/contracts/{made['id']}/revoke")
        after = await stranger.post(ocsp_url, content=asked, headers=DER)
        listed = await stranger.get(crl_url)

    for answer in (posted, by_sha256, named):
        told = read(answer, issuing)
        assert told.certificate_status is ocsp.OCSPCertStatus.GOOD
        assert told.serial_number == leaf.serial_number
    assert "max-age=300" in named.headers["cache-control"]
    assert read(after, issuing).certificate_status is ocsp.OCSPCertStatus.REVOKED
    crl = x509.load_der_x509_crl(listed.content)
    assert crl.is_signature_valid(issuing.public_key())  # type: ignore[arg-type] # EC, as ours are
    assert [one.serial_number for one in crl] == [leaf.serial_number]
    assert listed.headers["content-type"] == "application/pkix-crl"
    assert "public" in listed.headers["cache-control"]


async def test_what_we_did_not_issue_is_unknown_or_none_of_our_business(
    client: httpx.AsyncClient, clients: Clients
) -> None:
    _, (leaf, issuing) = await issued(client)
    ocsp_url, _ = (one.removeprefix(PUBLIC) for one in addresses(leaf))
    known = ocsp.load_der_ocsp_request(question(leaf, issuing))
    other = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        known.issuer_name_hash, known.issuer_key_hash, 4711, known.hash_algorithm
    )
    stranger_pki = Pki("http://responder.example/ocsp")
    contract = stranger_pki.contract("DE8AA1A2B3C4D5")
    foreign = question(contract.certificate, stranger_pki.sub2.certificate)
    async with clients.with_key(None) as stranger:
        never = await stranger.post(
            ocsp_url, content=other.build().public_bytes(Encoding.DER), headers=DER
        )
        theirs = await stranger.post(ocsp_url, content=foreign, headers=DER)
        garbage = await stranger.get(f"{ocsp_url}/bm90IERFUg==")
        nobody = await stranger.post(f"/ocsp/{uuid4()}", content=foreign, headers=DER)

    assert read(never, issuing).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    for answer, status in (
        (theirs, ocsp.OCSPResponseStatus.UNAUTHORIZED),
        (garbage, ocsp.OCSPResponseStatus.MALFORMED_REQUEST),
    ):
        assert ocsp.load_der_ocsp_response(answer.content).response_status is status
    assert nobody.status_code == 404


async def test_who_asks_too_often_must_wait(clients: Clients) -> None:
    clients.app.state.certificate_status.limit = RateLimit(per_s=0.01, burst=2)
    async with clients.with_key(None) as stranger:
        codes = [(await stranger.get(f"/crl/{uuid4()}.crl")).status_code for _ in range(3)]

    assert codes == [404, 404, 429]
