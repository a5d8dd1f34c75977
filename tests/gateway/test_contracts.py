"""ISO 15118 over a real socket: contracts shown with their certificates, beside an independent
provider that signs, revokes and answers OCSP."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from sqlalchemy import insert, update

from cli.ports import free_port
from gateway.app import GatewayApp
from holdfast.adapters.certificate_authority import new_key, subject_name
from holdfast.adapters.organization_authority import organization_authority
from holdfast.settings import Settings
from holdfast.store.database import Sessions
from holdfast.store.tables import ContractCertificate, Organization, Token, TrustedRoot
from simulator.contracts.app import Provider, create_app
from simulator.contracts.pki import Holder, Pki
from tests.gateway.conftest import Network, StationClient, connect_station

PROTOCOL = "ocpp2.0.1"
EMAID = "DE8AA1A2B3C4D5"
KEY = "k-1234567890"


@pytest.fixture
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


@pytest.fixture
def gateway_settings(gateway_settings: Settings, provider: Provider) -> Settings:
    base = provider.pki.responder_url.removesuffix("/ocsp")
    return gateway_settings.model_copy(
        update={
            "outbound_hosts": base.removeprefix("http://"),
            "contract_provider_url": f"{base}/contracts",
            "contract_provider_key": type(gateway_settings.secret_key)(KEY),
        }
    )


@pytest.fixture
async def trusted(db_sessions: Sessions, network: Network, provider: Provider) -> None:
    """The provider's root is trusted, and the contract is a token of the organization."""
    root = provider.pki.root.certificate
    async with db_sessions.begin() as db:
        await db.execute(
            insert(TrustedRoot).values(
                organization_id=network.organization_id,
                use="mo",
                subject="Example MO Root",
                pem=provider.pki.root.pem,
                fingerprint=root.fingerprint(hashes.SHA256()),
                not_before=root.not_valid_before_utc,
                not_after=root.not_valid_after_utc,
            )
        )
        await db.execute(
            insert(Token).values(
                organization_id=network.organization_id, type="EMAID", uid=EMAID, group_id="FLEET"
            )
        )


def shown(**more: Any) -> dict[str, Any]:
    return {"idToken": {"idToken": EMAID, "type": "eMAID"}} | more


def named(holder: Holder, issuer: Holder, url: str) -> dict[str, str]:
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


async def judged(station: StationClient, payload: dict[str, Any]) -> tuple[str, str]:
    answer = await station.call("Authorize", payload)
    return answer["certificateStatus"], answer["idTokenInfo"]["status"]


@pytest.mark.usefixtures("trusted")
async def test_c07_a_contract_charges_only_with_a_certificate_that_is_good(
    gateway: GatewayApp, provider: Provider
) -> None:
    pki = provider.pki
    good, other = pki.contract(EMAID), pki.contract("DE8AA9Z9Z9Z9Z9")
    forged = pki.contract(EMAID, signed_by=ec.generate_private_key(ec.SECP256R1()))
    stranger = Pki(pki.responder_url, name="Stranger")
    cases = {
        "Accepted": (pki.chain(good), "Accepted"),
        "SignatureError": (pki.chain(forged), "Invalid"),
        "CertificateExpired": (pki.chain(pki.contract(EMAID, days=-1)), "Expired"),
        "NoCertificateAvailable": (pki.chain(other), "Invalid"),
        "CertChainError": (stranger.chain(stranger.contract(EMAID)), "Invalid"),
    }
    async with await connect_station(gateway.port, "CP1", PROTOCOL) as station:
        for status, (chain, token) in cases.items():
            assert await judged(station, shown(certificate=chain)) == (status, token)
        # A chain that brings its own root along is no more trusted for it.
        with_root = stranger.chain(stranger.contract(EMAID)) + stranger.root.pem
        assert (await judged(station, shown(certificate=with_root)))[0] == "CertChainError"
        assert (await judged(station, shown(certificate="no PEM")))[0] == "CertChainError"
        asked = provider.pki.questions
        assert (await judged(station, shown(certificate=pki.chain(good))))[0] == "Accepted"
        assert provider.pki.questions == asked  # the responder's word still holds
        # A card shows no certificate and is asked nobody about.
        card = await station.call("Authorize", shown())
        assert card["idTokenInfo"]["groupIdToken"] == {"idToken": "FLEET", "type": "Central"}
        assert "certificateStatus" not in card


@pytest.mark.usefixtures("trusted")
async def test_c07_fr_16_a_revoked_contract_is_invalid_by_chain_and_by_hashes(
    gateway: GatewayApp, provider: Provider
) -> None:
    pki = provider.pki
    revoked, good = pki.contract(EMAID), pki.contract(EMAID)
    pki.revoke(revoked.certificate.serial_number)
    url = pki.responder_url
    hashes_of = {
        holder.certificate.serial_number: [
            named(holder, pki.sub2, url),
            named(pki.sub2, pki.sub1, url),
            named(pki.sub1, pki.root, url),
        ]
        for holder in (revoked, good)
    }
    async with await connect_station(gateway.port, "CP1", PROTOCOL) as station:
        chain = shown(certificate=pki.chain(revoked))
        assert await judged(station, chain) == ("CertificateRevoked", "Invalid")
        for holder, status in (
            (revoked, ("CertificateRevoked", "Invalid")),
            (good, ("Accepted", "Accepted")),
        ):
            told = hashes_of[holder.certificate.serial_number]
            assert await judged(station, shown(iso15118CertificateHashData=told)) == status


@pytest.mark.usefixtures("trusted")
async def test_nobody_who_cannot_be_asked_or_believed_makes_a_contract_good(
    gateway: GatewayApp, provider: Provider
) -> None:
    pki = provider.pki
    nowhere = f"http://127.0.0.1:{free_port()}/ocsp"
    async with await connect_station(gateway.port, "CP1", PROTOCOL) as station:
        for url in (
            nowhere,
            "http://169.254.169.254/latest",
            "file:///etc/passwd",
            "http://[::1]/",
        ):
            told = [named(pki.contract(EMAID), pki.sub2, url)]
            status = await judged(station, shown(iso15118CertificateHashData=told))
            assert status == ("NoCertificateAvailable", "Invalid")
        provider.forging = True
        status = await judged(station, shown(certificate=pki.chain(pki.contract(EMAID))))
        assert status == ("NoCertificateAvailable", "Invalid")


@pytest.mark.usefixtures("trusted")
async def test_m06_the_cars_question_is_answered_with_the_responders_signed_word(
    gateway: GatewayApp, provider: Provider
) -> None:
    pki = provider.pki
    revoked = pki.contract(EMAID)
    pki.revoke(revoked.certificate.serial_number)
    data = named(revoked, pki.sub2, pki.responder_url)
    async with await connect_station(gateway.port, "CP1", PROTOCOL) as station:
        answer = await station.call("GetCertificateStatus", {"ocspRequestData": data})
        nobody = data | {"responderURL": "http://127.0.0.1:1/ocsp"}
        again = await station.call(
            "GetCertificateStatus", {"ocspRequestData": nobody | {"serialNumber": "abc"}}
        )

    assert answer["status"] == "Accepted", answer
    response = ocsp.load_der_ocsp_response(b64decode(answer["ocspResult"]))
    assert response.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert again["status"] == "Failed"
    assert again["statusInfo"]["reasonCode"] == "OCSPNotAvailable"


async def test_m01_a_cars_request_for_a_contract_goes_to_the_provider_and_back(
    gateway: GatewayApp, provider: Provider
) -> None:
    request = {
        "iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef",
        "action": "Install",
        "exiRequest": b64encode(b"EXI of a car").decode(),
    }
    async with await connect_station(gateway.port, "CP1", PROTOCOL) as station:
        answer = await station.call("Get15118EVCertificate", request)
        provider.refusing = "NoContract"
        refused = await station.call("Get15118EVCertificate", request | {"action": "Update"})

    assert answer["status"] == "Accepted", answer
    assert b64decode(answer["exiResponse"]) == b"contract for EXI of a car"
    assert refused["status"] == "Failed"
    assert refused["statusInfo"]["reasonCode"] == "NoContract"
    assert [(asked["station"], asked["action"]) for asked in provider.asked] == [
        ("CP1", "install"),
        ("CP1", "update"),
    ]


@pytest.mark.usefixtures("trusted")
async def test_c07_a_manufacturers_root_vouches_for_no_contract(
    gateway: GatewayApp, provider: Provider, db_sessions: Sessions
) -> None:
    async with db_sessions.begin() as db:
        await db.execute(update(TrustedRoot).values(use="manufacturer"))
    chain = provider.pki.chain(provider.pki.contract(EMAID))

    async with await connect_station(gateway.port, "CP1", PROTOCOL) as station:
        told = await judged(station, shown(certificate=chain))

    assert told == ("CertChainError", "Invalid")


@pytest.mark.usefixtures("trusted")
async def test_m07_a_21_station_asks_about_a_chain_by_ocsp_and_by_list(
    gateway: GatewayApp, provider: Provider, db_sessions: Sessions, network: Network
) -> None:
    pki = provider.pki
    sub2 = pki.sub2.certificate
    async with db_sessions.begin() as db:
        await db.execute(
            insert(TrustedRoot).values(
                organization_id=network.organization_id,
                use="mo",
                subject="Example MO Sub2",
                pem=pki.sub2.pem,
                fingerprint=sub2.fingerprint(hashes.SHA256()),
                not_before=sub2.not_valid_before_utc,
                not_after=sub2.not_valid_after_utc,
            )
        )
    good, revoked = pki.contract(EMAID), pki.contract(EMAID)
    pki.revoke(revoked.certificate.serial_number)
    crl = pki.responder_url.replace("/ocsp", "/crl")
    asked = []
    for holder, source, urls in (
        (good, "OCSP", [pki.responder_url]),
        (revoked, "OCSP", [pki.responder_url]),
        (revoked, "CRL", ["http://127.0.0.1:1/crl", crl]),
        (good, "CRL", ["http://127.0.0.1:1/crl"]),
    ):
        data = named(holder, pki.sub2, "")
        del data["responderURL"]
        asked.append({"certificateHashData": data, "source": source, "urls": urls})
    async with await connect_station(gateway.port, "CP1", "ocpp2.1") as station:
        answer = await station.call(
            "GetCertificateChainStatus", {"certificateStatusRequests": asked}
        )
        request = {
            "iso15118SchemaVersion": "urn:iso:15118:-20:CommonMessages",
            "action": "Install",
            "exiRequest": b64encode(b"EXI").decode(),
            "maximumContractCertificateChains": 2,
        }
        contract = await station.call("Get15118EVCertificate", request)

    told = answer["certificateStatus"]
    assert [one["status"] for one in told] == ["Good", "Revoked", "Revoked", "Failed"]
    assert [one["source"] for one in told] == ["OCSP", "OCSP", "CRL", "CRL"]
    assert contract["remainingContracts"] == 1
    assert provider.asked[0]["contracts_max"] == 2


async def own_contract(
    db_sessions: Sessions, organization_id: UUID, secret_key: str, **ended: datetime
) -> str:
    """A contract of the organization's own authority: its chain."""
    now = datetime.now(UTC)
    async with db_sessions.begin() as db:
        organization = await db.get_one(Organization, organization_id)
        _, authority = await organization_authority(db, organization, "contract", secret_key, now)
        issued = authority.sign(
            new_key().public_key(), subject_name(EMAID), "contract", now=now, valid_days=30
        )
        await db.execute(
            insert(ContractCertificate).values(
                organization_id=organization_id,
                emaid=EMAID,
                serial=issued.serial,
                chain_pem=issued.chain_pem,
                not_before=now - timedelta(hours=1),
                not_after=now + timedelta(days=30),
                **ended,
            )
        )
    return issued.chain_pem


@pytest.mark.usefixtures("trusted")
async def test_a_contract_of_our_own_is_looked_up_and_a_cancelled_one_says_so(
    gateway: GatewayApp, db_sessions: Sessions, network: Network, gateway_settings: Settings
) -> None:
    secret = gateway_settings.secret_key.get_secret_value()
    chain = await own_contract(
        db_sessions, network.organization_id, secret, cancelled_at=datetime.now(UTC)
    )
    async with await connect_station(gateway.port, "CP1", PROTOCOL) as station:
        status = await judged(station, shown(certificate=chain))
        good = await own_contract(db_sessions, network.organization_id, secret)
        good_status = await judged(station, shown(certificate=good))
        issued = x509.load_pem_x509_certificates(good.encode())
        holders = [Holder(one, new_key()) for one in issued]
        data = named(holders[0], holders[1], "http://unused.example/")
        told = await station.call("GetCertificateStatus", {"ocspRequestData": data})

    assert status == ("ContractCancelled", "Invalid")
    assert good_status == ("Accepted", "Accepted")
    signed = ocsp.load_der_ocsp_response(b64decode(told["ocspResult"]))
    assert signed.certificate_status is ocsp.OCSPCertStatus.GOOD
