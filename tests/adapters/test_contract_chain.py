"""Chains of contract certificates: what is good, and every way in which one is not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from holdfast.adapters.contract_chain import (
    ChainBroken,
    check_contract,
    load_chain,
    same_emaid,
    verify_chain,
)
from holdfast.adapters.crl_client import read_crl
from holdfast.adapters.ocsp_client import OcspUnusable, hash_of, read_answer
from simulator.contracts.pki import Holder, Pki

NOW = datetime.now(UTC)
EMAID = "DE8AA1A2B3C4D5"
PKI = Pki("http://responder.example/ocsp")
ROOT = PKI.root.certificate


def certificate(
    issuer: Holder,
    *extensions: tuple[x509.ExtensionType, bool],
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    name: str = EMAID,
    role: str | None = None,
) -> Holder:
    key = key or ec.generate_private_key(ec.SECP256R1())
    building = (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name(
                [
                    x509.NameAttribute(NameOID.COMMON_NAME, name),
                    *([x509.NameAttribute(NameOID.DOMAIN_COMPONENT, role)] if role else []),
                ]
            )
        )
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
    )
    for extension, critical in extensions:
        building = building.add_extension(extension, critical=critical)
    signed = building.sign(issuer.key, hashes.SHA256())
    return Holder(signed, key)  # type: ignore[arg-type]


def status_of(
    chain: Sequence[Holder], roots: Sequence[x509.Certificate] = (ROOT,), at: datetime = NOW
) -> str:
    try:
        verify_chain([one.certificate for one in chain], roots, at)
    except ChainBroken as broken:
        return broken.status
    return "Accepted"


def authority(path_length: int | None = None) -> tuple[x509.ExtensionType, bool]:
    return x509.BasicConstraints(ca=True, path_length=path_length), True


def test_a_chain_is_good_in_any_order_of_its_authorities_and_from_any_trusted_one() -> None:
    contract = PKI.contract(EMAID)

    assert status_of([contract, PKI.sub2, PKI.sub1]) == "Accepted"
    assert status_of([contract, PKI.sub1, PKI.sub2, PKI.root]) == "Accepted"
    assert status_of([contract], [PKI.sub2.certificate]) == "Accepted"
    assert len(load_chain(PKI.chain(contract))) == 3


def test_a_chain_with_something_wrong_says_what() -> None:
    contract = PKI.contract(EMAID)
    stolen = certificate(contract)  # a contract that signs another
    too_deep = certificate(PKI.sub2, authority(), name="Sub3")
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
    chain = [PKI.sub2, PKI.sub1]

    assert status_of([contract, PKI.sub1]) == "CertChainError"  # one is missing
    assert status_of([contract, *chain], []) == "CertChainError"
    assert status_of([stolen, contract, *chain]) == "CertChainError"
    assert status_of([certificate(too_deep), too_deep, *chain]) == "CertChainError"
    assert status_of([PKI.sub2, PKI.sub1]) == "CertChainError"  # an authority is no contract
    assert status_of([certificate(PKI.sub2, (odd, True)), *chain]) == "CertChainError"
    assert status_of([certificate(PKI.sub2, (odd, False)), *chain]) == "Accepted"
    assert status_of([certificate(PKI.sub2, key=weak), *chain]) == "CertChainError"
    assert status_of([contract, *chain], at=NOW + timedelta(days=400)) == "CertificateExpired"
    assert status_of([contract, *chain], at=NOW - timedelta(days=30)) == "CertificateExpired"
    with pytest.raises(ChainBroken):
        load_chain(PKI.root.pem * 6)


@pytest.mark.parametrize(
    ("role", "good"), [(None, True), ("MO", True), ("CPO", False), ("oem", False), ("CPS", False)]
)
def test_no_other_role_below_a_v2g_root_vouches_for_a_contract(
    role: str | None, good: bool
) -> None:
    shown = [certificate(PKI.sub2, role=role), PKI.sub2, PKI.sub1]
    path = verify_chain([one.certificate for one in shown], [ROOT], NOW)

    if good:
        check_contract(path)
    else:
        with pytest.raises(ChainBroken, match="not of a contract"):
            check_contract(path)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("DE-8AA-1A2B3C4D5", "de8aa1a2b3c4d5", True),
        ("DE8AA1A2B3C4D5X", "DE8AA1A2B3C4D5", True),  # with its check digit
        ("DE8AA1A2B3C4D5", "DE8AA1A2B3C4D6", False),
        ("", "", False),
    ],
)
def test_emaids_are_compared_without_separators(one: str, other: str, same: bool) -> None:
    assert same_emaid(one, other) is same


def test_a_list_of_revoked_certificates_counts_only_from_its_issuer() -> None:
    pki = Pki("http://responder.example/ocsp")
    good, revoked = pki.contract(EMAID), pki.contract(EMAID)
    pki.revoke(revoked.certificate.serial_number)
    sub2 = pki.sub2.certificate
    listed = pki.revocations()

    asked = [hash_of(one.certificate, sub2) for one in (good, revoked)]
    assert [read_crl(listed, one, [sub2], NOW).revoked for one in asked] == [False, True]
    for body, issuers in ((listed, [ROOT]), (b"nonsense", [sub2]), (Pki("").revocations(), [sub2])):
        with pytest.raises(OcspUnusable):
            read_crl(body, asked[0], issuers, NOW)


def test_an_answer_of_another_certificate_or_another_time_is_not_believed() -> None:
    now = datetime.now(UTC)
    contract, other = PKI.contract(EMAID), PKI.contract(EMAID)
    asked = hash_of(contract.certificate, PKI.sub2.certificate)
    question = ocsp.OCSPRequestBuilder().add_certificate(
        contract.certificate, PKI.sub2.certificate, hashes.SHA256()
    )
    der = PKI.answer(question.build().public_bytes(Encoding.DER))

    assert read_answer(der, asked, [ROOT], now).status == "good"
    elsewhere = hash_of(other.certificate, PKI.sub2.certificate)
    for wrong, roots, at in (
        (elsewhere, [ROOT], now),
        (asked, [], now),
        (asked, [ROOT], now + timedelta(days=2)),
        (asked, [ROOT], now - timedelta(hours=1)),
    ):
        with pytest.raises(OcspUnusable):
            read_answer(der, wrong, roots, at)
    with pytest.raises(OcspUnusable):
        read_answer(b"\x30\x00", asked, [ROOT], now)
