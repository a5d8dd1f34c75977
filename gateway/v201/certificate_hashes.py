"""OCSPRequestDataType and CertificateHashDataType of OCPP 2.x: what names a certificate."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from gateway.reading import Unreadable, text
from holdfast.contracts.facts import CertificateHash

ALGORITHMS: Final[dict[str, Literal["SHA256", "SHA384", "SHA512"]]] = {
    "SHA256": "SHA256",
    "SHA384": "SHA384",
    "SHA512": "SHA512",
}
HASH_LENGTH_MAX = 128
SERIAL_LENGTH_MAX = 40
URL_LENGTH_MAX = 2_000


def certificate_hash(item: Mapping[str, Any]) -> CertificateHash:
    """Raises `Unreadable` where the hashes are none: nobody could be asked by them."""
    algorithm = ALGORITHMS.get((text(item, "hashAlgorithm", 16) or "").upper())
    serial = (text(item, "serialNumber", SERIAL_LENGTH_MAX) or "").lower().removeprefix("0x")
    if algorithm is None or not _is_hex(serial):
        raise Unreadable("the hashes of a certificate cannot be read")
    return CertificateHash(
        algorithm=algorithm,
        issuer_name_hash=_hash(item, "issuerNameHash"),
        issuer_key_hash=_hash(item, "issuerKeyHash"),
        serial_number=serial.lstrip("0") or "0",
        responder_url=text(item, "responderURL", URL_LENGTH_MAX),
    )


def _hash(item: Mapping[str, Any], name: str) -> str:
    found = (text(item, name, HASH_LENGTH_MAX) or "").lower()
    if not _is_hex(found) or len(found) % 2:
        raise Unreadable("the hashes of a certificate cannot be read")
    return found


def _is_hex(written: str) -> bool:
    return bool(written) and all(digit in "0123456789abcdef" for digit in written)
