"""What a station shows before the upgrade: a Basic password, or a certificate that names it."""

import base64
import binascii
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from cryptography import x509
from cryptography.x509.oid import NameOID

AUTHORIZATION_LENGTH_MAX = 1_024


def passwords_of(authorization: str | None, identity: str) -> tuple[str, ...]:
    """What a Basic header may mean as the password; the user must be this identity, which may hold
    a colon.

    OCPP 1.6 hands an AuthorizationKey out as hexadecimal digits, and stations differ in whether
    they send the digits or the bytes that they stand for (security whitepaper, section 4). So each
    is also read as the other.
    """
    if authorization is None or len(authorization) > AUTHORIZATION_LENGTH_MAX:
        return ()
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ()
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return ()
    user = identity.encode() + b":"
    if decoded[: len(user)].lower() != user.lower():
        return ()
    shown = decoded[len(user) :]
    digits = shown.hex()
    meant = [digits, digits.upper()]
    with contextlib.suppress(UnicodeDecodeError):
        meant.insert(0, shown.decode())
    with contextlib.suppress(ValueError):  # UnicodeDecodeError is one
        meant.append(bytes.fromhex(shown.decode()).decode())
    return tuple(meant)


class Named(Protocol):
    """A station's record, as far as a certificate can name it."""

    @property
    def identity(self) -> str:
        """OCPP identity."""
        ...

    @property
    def serial_number(self) -> str | None:
        """As it said at boot."""
        ...

    @property
    def organization_id(self) -> UUID:
        """Whose it is."""
        ...

    @property
    def organization_names(self) -> tuple[str, ...]:
        """What the operator is called in a certificate's O."""
        ...


@dataclass(frozen=True, slots=True)
class TrustedAuthority:
    """An issuing authority of ours, and whose stations it speaks for."""

    organization_id: UUID
    certificate: x509.Certificate


def wrong_subject(
    certificate: x509.Certificate, station: Named, ours: Sequence[TrustedAuthority]
) -> str | None:
    """Why a certificate that TLS verified, and that we did not issue to this station, is not this
    station's (2.0.1 A00.FR.402 to 406); None where it is.

    CN is the serial number, or the identity; O is the operator. What one of our own authorities
    signed must be in the list of what was signed, so a stranger to that list is refused.
    """
    for authority in ours:
        if certificate.issuer == authority.certificate.subject:
            return "issued here, but not to this station"
    names = {station.identity} | ({station.serial_number} if station.serial_number else set())
    if not names & set(_values(certificate, NameOID.COMMON_NAME)):
        return "the common name is neither its serial number nor its identity"
    organizations = {name.casefold() for name in station.organization_names}
    said = {name.casefold() for name in _values(certificate, NameOID.ORGANIZATION_NAME)}
    if not said & organizations:
        return "the organization is not its operator"
    return None


def _values(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(found.value) for found in certificate.subject.get_attributes_for_oid(oid)]
