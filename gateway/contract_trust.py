"""The rows behind questions about contracts: whom an organization trusts, what it issued itself,
what responders said lately. Read by the gateway, on connections of its pool."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography import x509

from gateway.postgres import Pool
from holdfast.adapters.certificate_authority import CertificateAuthority, Revoked, SealedAuthority
from holdfast.adapters.ocsp_client import OcspFound, names
from holdfast.contracts.facts import CertificateHash

TRUST_S = 10.0  # a root that was just uploaded counts after this
ORGANIZATIONS_MAX = 1_000
CONTRACT_USES = frozenset({"mo", "v2g"})
WITHOUT_NEXT_UPDATE = timedelta(minutes=5)

_ROOTS = """
SELECT "use", pem FROM trusted_roots
WHERE organization_id = %s AND retired_at IS NULL ORDER BY id LIMIT 500
"""
# Retired ones too: what they signed is still about.
_AUTHORITIES = """
SELECT purpose, root_pem, issuing_pem, root_key_sealed, issuing_key_sealed
FROM authorities WHERE organization_id = %s AND purpose IN ('contract', 'v2g')
ORDER BY id DESC LIMIT 20
"""
_ISSUED = """
SELECT emaid, chain_pem, revoked_at, cancelled_at
FROM contract_certificates WHERE organization_id = %s AND serial = %s
UNION ALL
SELECT NULL, chain_pem, revoked_at, NULL
FROM station_certificates WHERE organization_id = %s AND serial = %s
LIMIT 1
"""
_KNOWN = """
SELECT status, response, this_update, next_update FROM ocsp_answers
WHERE organization_id = %s AND certificate = %s
  AND coalesce(next_update, fetched_at + %s) > %s
"""
_KEEP = """
INSERT INTO ocsp_answers (organization_id, certificate, responder_url, status, response,
                          this_update, next_update, fetched_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (organization_id, certificate) DO UPDATE SET
    responder_url = excluded.responder_url, status = excluded.status,
    response = excluded.response, this_update = excluded.this_update,
    next_update = excluded.next_update, fetched_at = excluded.fetched_at
"""


@dataclass(frozen=True, slots=True)
class OwnAuthority:
    """One of the organization's own authorities, still sealed."""

    purpose: str
    sealed: SealedAuthority
    root: x509.Certificate
    issuing: x509.Certificate

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> "OwnAuthority":
        """From a row of `_AUTHORITIES`."""
        sealed = SealedAuthority(row[1], row[2], bytes(row[3]), bytes(row[4]))
        return cls(
            row[0],
            sealed,
            x509.load_pem_x509_certificate(sealed.root_pem.encode()),
            x509.load_pem_x509_certificate(sealed.issuing_pem.encode()),
        )


@dataclass(frozen=True, slots=True)
class Trust:
    """Roots that an organization trusts, and its own authorities if it has any.

    A contract ends in a root of mobility operators, or in a V2G root (ISO 15118-2 section 7.3.1
    and annex E allow both); a manufacturer's root vouches for no contract.
    """

    roots: tuple[x509.Certificate, ...]  # of every use: whose word counts about a certificate
    own: tuple[OwnAuthority, ...]
    contract_roots: tuple[x509.Certificate, ...]

    def own_issuer(self, asked: CertificateHash) -> OwnAuthority | None:
        """The authority of ours that issued what the hashes name."""
        return next((one for one in self.own if names(asked, one.issuing)), None)

    def is_own_issuing(self, asked: CertificateHash) -> bool:
        """Whether the hashes name an issuing authority of ours itself: good while it is in use."""
        return any(
            asked.serial_number == f"{one.issuing.serial_number:x}" and names(asked, one.root)
            for one in self.own
        )


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that one of our own authorities issued. `emaid`: of a contract."""

    emaid: str | None
    certificate: x509.Certificate
    revoked_at: datetime | None
    cancelled_at: datetime | None


@dataclass(slots=True)
class TrustRows:
    """Reads and keeps."""

    pool: Pool
    secret_key: str = field(repr=False)
    _trusts: dict[UUID, tuple[float, Trust]] = field(default_factory=dict)

    async def trust_of(self, organization_id: UUID) -> Trust:
        """Whom the organization trusts; some seconds old at most."""
        known = self._trusts.get(organization_id)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        async with self.pool.connection() as connection:
            roots = await (await connection.execute(_ROOTS, (organization_id,))).fetchall()
            rows = await (await connection.execute(_AUTHORITIES, (organization_id,))).fetchall()
        own = tuple(OwnAuthority.of_row(row) for row in rows)
        found = [(use, x509.load_pem_x509_certificate(pem.encode())) for use, pem in roots]
        found += [("mo", one.root) for one in own if one.purpose == "contract"]
        trust = Trust(
            roots=tuple(root for _, root in found),
            own=own,
            contract_roots=tuple(root for use, root in found if use in CONTRACT_USES),
        )
        if len(self._trusts) >= ORGANIZATIONS_MAX:
            self._trusts.clear()
        self._trusts[organization_id] = (time.monotonic() + TRUST_S, trust)
        return trust

    async def issued(self, organization_id: UUID, serial: str) -> IssuedCertificate | None:
        """What our own authorities issued under this serial number."""
        async with self.pool.connection() as connection:
            values = (organization_id, serial, organization_id, serial)
            row = await (await connection.execute(_ISSUED, values)).fetchone()
        if row is None:
            return None
        certificate = x509.load_pem_x509_certificates(row[1].encode())[0]
        return IssuedCertificate(row[0], certificate, row[2], row[3])

    def own_answer(self, own: OwnAuthority, issued: IssuedCertificate, now: datetime) -> bytes:
        """An OCSP answer of our own authority, signed now. Raises `CannotUnseal`."""
        authority = CertificateAuthority.opened(own.sealed, self.secret_key)
        ended_at = issued.revoked_at or issued.cancelled_at
        serial = f"{issued.certificate.serial_number:x}"
        return authority.ocsp_response(
            serial, now, None if ended_at is None else Revoked(serial, ended_at)
        )

    async def known_answer(
        self, organization_id: UUID, asked: CertificateHash, now: datetime
    ) -> OcspFound | None:
        """What the responder said, while it holds."""
        async with self.pool.connection() as connection:
            values = (organization_id, _name(asked), WITHOUT_NEXT_UPDATE, now)
            row = await (await connection.execute(_KNOWN, values)).fetchone()
        if row is None:
            return None
        return OcspFound(status=row[0], der=bytes(row[1]), this_update=row[2], next_update=row[3])

    async def keep_answer(
        self, organization_id: UUID, asked: CertificateHash, found: OcspFound, now: datetime
    ) -> None:
        """Keep it until the responder says that it is old."""
        values = (
            organization_id,
            _name(asked),
            asked.responder_url,
            found.status,
            found.der,
            found.this_update,
            found.next_update,
            now,
        )
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(_KEEP, values)


def _name(asked: CertificateHash) -> str:
    return ":".join(
        (asked.algorithm, asked.issuer_name_hash, asked.issuer_key_hash, asked.serial_number)
    )
