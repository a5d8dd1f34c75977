"""OCPP 2.0.1 C07: contracts of ISO 15118, beside an independent authority that answers OCSP."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from cli.ports import free_port
from simulator.contracts.app import Provider, create_app
from simulator.contracts.pki import Holder, Pki
from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central, open_central

V201 = "ocpp2.0.1"
EMAID = "DE8AA1A2B3C4D5"
REFUSED = {"BLOCKED": "DE8AA2222222B2", "UNKNOWN": "DE8AA3333333C3"}


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[Provider]:
    """Signs contracts, and says which it revoked."""
    port = free_port()
    found = Provider(Pki(f"http://127.0.0.1:{port}/ocsp"), key="k")
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
    """It trusts the provider's root and knows two contracts, one of them blocked."""
    host = provider.pki.responder_url.removeprefix("http://").removesuffix("/ocsp")
    async with open_central(postgres_url, outbound_hosts=host) as central:
        root = provider.pki.root
        await central.database.rows(
            "INSERT INTO trusted_roots (organization_id, use, subject, pem, fingerprint, "
            "not_before, not_after) VALUES (%s, 'mo', 'Example MO Root', %s, %s, %s, %s)",
            central.organization_id,
            root.pem,
            root.certificate.fingerprint(hashes.SHA256()),
            root.certificate.not_valid_before_utc,
            root.certificate.not_valid_after_utc,
        )
        await central.add_token(EMAID, type="EMAID")
        await central.add_token(REFUSED["BLOCKED"], type="EMAID", status="blocked")
        yield central


def named(pki: Pki, contract: Holder) -> list[dict[str, str]]:
    """iso15118CertificateHashData of a contract and of the authorities above it."""
    path = [contract, pki.sub2, pki.sub1, pki.root]
    found = []
    for holder, issuer in pairwise(path):
        built = (
            ocsp.OCSPRequestBuilder()
            .add_certificate(holder.certificate, issuer.certificate, hashes.SHA256())
            .build()
        )
        found.append(
            {
                "hashAlgorithm": "SHA256",
                "issuerNameHash": built.issuer_name_hash.hex(),
                "issuerKeyHash": built.issuer_key_hash.hex(),
                "serialNumber": f"{holder.certificate.serial_number:x}",
                "responderURL": pki.responder_url,
            }
        )
    return found


def by(pki: Pki, contract: Holder, field: str) -> dict[str, Any]:
    """A contract, shown in one of the two fields for it."""
    return {field: pki.chain(contract) if field == "certificate" else named(pki, contract)}


async def judged(station: Witness, emaid: str = EMAID, **shown: Any) -> tuple[str, str]:
    """The status of the certificate, and that of the token."""
    answer = await station.call(
        "Authorize", {"idToken": {"idToken": emaid, "type": "eMAID"}} | shown
    )
    return answer["certificateStatus"], answer["idTokenInfo"]["status"]


async def test_c07_fr_04_a_contract_is_answered_with_the_status_of_its_token(
    central: Central,
) -> None:
    async with central.station(V201) as station:
        asked = {"idToken": {"idToken": EMAID, "type": "eMAID"}}
        answer = await station.call("Authorize", asked)

    assert answer == {"idTokenInfo": {"status": "Accepted"}}


@pytest.mark.parametrize("shown", ["certificate", "iso15118CertificateHashData"])
async def test_c07_fr_05_the_responder_of_a_certificate_is_asked(
    central: Central, provider: Provider, shown: str
) -> None:
    pki = provider.pki
    contract = pki.contract(EMAID)
    asked = pki.questions
    shows = by(pki, contract, shown)
    async with central.station(V201) as station:
        assert await judged(station, **shows) == ("Accepted", "Accepted")
        assert pki.questions > asked
        # What the responder said holds for a while.
        again = pki.questions
        assert await judged(station, **shows) == ("Accepted", "Accepted")
        assert pki.questions == again


@pytest.mark.parametrize(("why", "word"), [("BLOCKED", "Blocked"), ("UNKNOWN", "Unknown")])
async def test_c07_fr_13_a_good_certificate_of_a_contract_that_is_none_says_cancelled(
    central: Central, provider: Provider, why: str, word: str
) -> None:
    emaid = REFUSED[why]
    chain = provider.pki.chain(provider.pki.contract(emaid))
    async with central.station(V201) as station:
        assert await judged(station, emaid, certificate=chain) == ("ContractCancelled", word)


async def test_c07_fr_14_a_good_certificate_of_a_good_contract_is_accepted(
    central: Central, provider: Provider
) -> None:
    chain = provider.pki.chain(provider.pki.contract(EMAID))
    async with central.station(V201) as station:
        assert await judged(station, certificate=chain) == ("Accepted", "Accepted")


async def test_c07_fr_15_an_expired_certificate_is_told_as_expired(
    central: Central, provider: Provider
) -> None:
    chain = provider.pki.chain(provider.pki.contract(EMAID, days=-1))
    async with central.station(V201) as station:
        assert await judged(station, certificate=chain) == ("CertificateExpired", "Expired")


@pytest.mark.parametrize("shown", ["certificate", "iso15118CertificateHashData"])
async def test_c07_fr_16_a_revoked_certificate_is_told_as_revoked(
    central: Central, provider: Provider, shown: str
) -> None:
    pki = provider.pki
    contract = pki.contract(EMAID)
    pki.revoke(contract.certificate.serial_number)
    shows = by(pki, contract, shown)
    async with central.station(V201) as station:
        assert await judged(station, **shows) == ("CertificateRevoked", "Invalid")


async def test_c07_fr_17_whatever_else_is_wrong_with_a_certificate_makes_it_invalid(
    central: Central, provider: Provider
) -> None:
    pki = provider.pki
    stranger = Pki(pki.responder_url, name="Stranger")
    forged = pki.contract(EMAID, signed_by=ec.generate_private_key(ec.SECP256R1()))
    cases = {
        "SignatureError": pki.chain(forged),
        "CertChainError": stranger.chain(stranger.contract(EMAID)),
        "NoCertificateAvailable": pki.chain(pki.contract("DE8AA9Z9Z9Z9Z9")),
    }
    async with central.station(V201) as station:
        for status, chain in cases.items():
            assert await judged(station, certificate=chain) == (status, "Invalid")
        assert (await judged(station, certificate="no PEM"))[1] == "Invalid"
