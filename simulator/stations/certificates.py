"""A station's certificates: roots that were installed, its own key, CSRs and what comes of them.

Keys are real (P-256). A new certificate is used from the next connection over wss.
Source: security whitepaper edition 3 sections 4.1 and 4.2, OCPP 2.0.1 part 2 block A02, M.
"""

import contextlib
import hashlib
import os
import ssl as tls
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from simulator.stations.messages import Answer, Json, Message

if TYPE_CHECKING:
    from simulator.stations.config import StationConfig
    from simulator.stations.station import SimulatedStation

INSTALLED_MAX = 50
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:"
    "AES128-GCM-SHA256:AES256-GCM-SHA384"
)
"""OCPP 2.0.1 part 2 A00.FR.318; the ephemeral RSA ones are what its RSA suites became."""


def install(station: "SimulatedStation", payload: Json) -> Answer:
    """Both versions; anything that is no certificate is Rejected."""
    try:
        certificate = x509.load_pem_x509_certificate(payload["certificate"].encode())
    except ValueError:
        return Answer({"status": "Rejected"})
    kept = station.memory.read("roots", [])
    entry = {
        "type": payload["certificateType"],
        "pem": payload["certificate"],
        "hash": hash_data(certificate),
    }
    others = [one for one in kept if (one["type"], one["hash"]) != (entry["type"], entry["hash"])]
    if len(others) >= INSTALLED_MAX:
        return Answer({"status": "Failed"})
    station.memory.write("roots", [*others, entry])
    return Answer({"status": "Accepted"})


def installed_16(station: "SimulatedStation", payload: Json) -> Answer:
    """One type per question."""
    found = [
        one["hash"]
        for one in station.memory.read("roots", [])
        if one["type"] == payload["certificateType"]
    ]
    if not found:
        return Answer({"status": "NotFound"})
    return Answer({"status": "Accepted", "certificateHashData": found})


def installed(station: "SimulatedStation", payload: Json) -> Answer:
    """M03: no type asks for all."""
    wanted = payload.get("certificateType")
    chain = [
        {"certificateType": one["type"], "certificateHashData": one["hash"]}
        for one in station.memory.read("roots", [])
        if wanted is None or one["type"] in wanted
    ]
    if not chain:
        return Answer({"status": "NotFound"})
    return Answer({"status": "Accepted", "certificateHashDataChain": chain})


def delete(station: "SimulatedStation", payload: Json) -> Answer:
    """By its hashes. A station never deletes its own certificate this way (M04.FR.06)."""
    wanted = {
        name: value.lower() if isinstance(value, str) else value
        for name, value in payload["certificateHashData"].items()
        if name != "customData"
    }
    kept = station.memory.read("roots", [])
    left = [
        one for one in kept if {name: str(v).lower() for name, v in one["hash"].items()} != wanted
    ]
    if len(left) == len(kept):
        own = station.memory.read("own_certificate", None)
        if own is not None:
            hashed = hash_data(x509.load_pem_x509_certificate(own.encode()))
            if {name: value.lower() for name, value in hashed.items()} == wanted:
                return Answer({"status": "Failed"})
        return Answer({"status": "NotFound"})
    station.memory.write("roots", left)
    return Answer({"status": "Accepted"})


def signed(station: "SimulatedStation", payload: Json) -> Answer:
    """CertificateSigned: taken only when it is for the key of our last CSR."""
    key_pem = station.memory.read("pending_key", None)
    try:
        chain = x509.load_pem_x509_certificates(payload["certificateChain"].encode())
    except ValueError:
        return Answer({"status": "Rejected"})
    if key_pem is None or not _fits(chain[0], key_pem):
        if station.config.protocol != "ocpp1.6":
            _tell_event(station, "InvalidChargingStationCertificate")
        else:
            _tell_event(station, "InvalidChargePointCertificate")
        return Answer({"status": "Rejected"})

    def take() -> None:
        station.memory.write("own_certificate", payload["certificateChain"])
        station.memory.write("own_key", key_pem)
        station.memory.write("pending_key", None)
        if station.line.is_tls:
            # A02.FR.08: the new certificate is used at once.
            station.background(station.drop(close_frame=True))

    return Answer({"status": "Accepted"}, take)


def sign(station: "SimulatedStation", kind: str | None = None) -> Message:
    """SignCertificate with a fresh key; `kind` is a 2.x certificate type."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, station.identity),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, station.config.vendor),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    csr = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    station.memory.write("pending_key", pem)
    payload: Json = {"csr": csr}
    if kind is not None and station.config.protocol != "ocpp1.6":
        payload["certificateType"] = kind
    return Message("SignCertificate", payload)


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate | None = None) -> Json:
    """CertificateHashData. A root is its own issuer; without the issuer its key is the own one's.

    Source: OCPP 2.0.1 part 2 section 2.6, as OCSP (RFC 6960) hashes them."""
    key = (issuer or certificate).public_key()
    bits = _key_bits(
        key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": hashlib.sha256(certificate.issuer.public_bytes()).hexdigest(),
        "issuerKeyHash": hashlib.sha256(bits).hexdigest(),
        "serialNumber": f"{certificate.serial_number:x}",
    }


def security_profile(station: "SimulatedStation") -> int:
    """0 to 3, as the line and the credentials are."""
    if not station.line.is_tls:
        return 0 if station.settings.text("password") is None else 1
    has_own = station.memory.read("own_certificate", None) or station.config.certificate_file
    return 3 if has_own else 2


def tls_context(station: "SimulatedStation") -> tls.SSLContext:
    """For a wss dial: roots from the file or installed, the own certificate where there is one."""
    config = station.config
    installed_roots = [
        one["pem"]
        for one in station.memory.read("roots", [])
        if one["type"] in ("CSMSRootCertificate", "CentralSystemRootCertificate")
    ]
    has_own = config.certificate_file or station.memory.read("own_certificate", None)
    if not installed_roots and not has_own:
        return _shared_context(config.ca_file)
    context = _plain_context(config.ca_file)
    if installed_roots:
        context.load_verify_locations(cadata="\n".join(installed_roots))
    _load_own(context, station, config)
    return context


def _plain_context(ca_file: str | None) -> tls.SSLContext:
    context = tls.create_default_context(cafile=ca_file)
    context.minimum_version = tls.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    return context


# A context takes some 100 kB: stations without anything of their own share one.
_shared_context = cache(_plain_context)


def _load_own(
    context: tls.SSLContext, station: "SimulatedStation", config: "StationConfig"
) -> None:
    certificate = station.memory.read("own_certificate", None)
    key = station.memory.read("own_key", None)
    if certificate is None or key is None:
        if config.certificate_file is not None:
            context.load_cert_chain(config.certificate_file, config.key_file)
        return
    # The library takes a certificate only from files: ours live for as long as the call.
    handle, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(key + certificate)
        context.load_cert_chain(name)
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _fits(certificate: x509.Certificate, key_pem: str) -> bool:
    key = serialization.load_pem_private_key(key_pem.encode(), None)
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return certificate.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)


def _tell_event(station: "SimulatedStation", kind: str) -> None:
    at = station.station_time().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    station.tell(Message("SecurityEventNotification", {"type": kind, "timestamp": at}))


def _key_bits(spki: bytes) -> bytes:
    """The value of the BIT STRING in a SubjectPublicKeyInfo, without tag, length and padding."""
    body = _content(spki)
    algorithm = len(body) - len(_after(body))
    return _content(body[algorithm:])[1:]


def _content(der: bytes) -> bytes:
    length, header = _length(der)
    return der[header : header + length]


def _after(der: bytes) -> bytes:
    length, header = _length(der)
    return der[header + length :]


def _length(der: bytes) -> tuple[int, int]:
    if der[1] < 0x80:
        return der[1], 2
    octets = der[1] & 0x7F
    return int.from_bytes(der[2 : 2 + octets], "big"), 2 + octets
