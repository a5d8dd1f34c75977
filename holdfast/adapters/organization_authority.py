"""An organization's own certificate authority: its row, or a new one on first need."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.adapters.certificate_authority import (
    CertificateAuthority,
    SealedAuthority,
    subject_name,
)
from holdfast.adapters.public_addresses import PublicAddresses
from holdfast.contracts.ports import SignedCertificate, SigningOrder
from holdfast.store.tables import Authority, Organization

NAMES = {"station": "Charging Stations", "v2g": "V2G", "contract": "Contracts"}

# Two that found one at once would leave two roots in the world.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def organization_authority(
    db: AsyncSession, organization: Organization, purpose: str, secret_key: str, now: datetime
) -> tuple[UUID, CertificateAuthority]:
    """The row's id and the authority, made if there is none. `purpose` is a key of NAMES.

    Does not commit. Raises `holdfast.store.sealing.CannotUnseal` where HOLDFAST_SECRET_KEY is not
    the one that sealed its keys.
    """
    row = await _find(db, organization.id, purpose)
    if row is None:
        await db.execute(_LOCK, {"name": f"authority:{organization.id}:{purpose}"})
        row = await _find(db, organization.id, purpose)
    if row is not None:
        stored = SealedAuthority(
            row.root_pem, row.issuing_pem, row.root_key_sealed, row.issuing_key_sealed
        )
        return row.id, CertificateAuthority.opened(stored, secret_key)
    authority = CertificateAuthority.founded(
        organization.name, f"{organization.slug} {NAMES[purpose]}", now
    )
    sealed = authority.sealed(secret_key)
    row = Authority(
        organization_id=organization.id,
        purpose=purpose,
        root_pem=sealed.root_pem,
        issuing_pem=sealed.issuing_pem,
        root_key_sealed=sealed.root_key_sealed,
        issuing_key_sealed=sealed.issuing_key_sealed,
    )
    db.add(row)
    await db.flush()
    return row.id, authority


async def _find(db: AsyncSession, organization_id: UUID, purpose: str) -> Authority | None:
    return await db.scalar(
        select(Authority).where(
            Authority.organization_id == organization_id,
            Authority.purpose == purpose,
            Authority.retired_at.is_(None),
        )
    )


@dataclass(frozen=True, slots=True)
class OrganizationSigner:
    """Signs with the organization's own authority (contracts.ports.CertificateSigner)."""

    secret_key: SecretStr
    public_url: str | None = None  # of our own answers about certificates

    async def sign(self, db: AsyncSession, order: SigningOrder) -> SignedCertificate:
        """Raises ValueError: the CSR is none, or the authority's keys cannot be unsealed."""
        organization = await db.get_one(Organization, order.organization_id)
        authority_id, authority = await organization_authority(
            db, organization, order.purpose, self.secret_key.get_secret_value(), order.now
        )
        key = x509.load_pem_x509_csr(order.csr.encode()).public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise ValueError("the key is neither RSA nor EC")
        # O is the operator (A00.FR.404), whatever the station had put there at the factory.
        issued = authority.sign(
            key,
            subject_name(order.common_name, organization.name),
            "server" if order.server else "station",
            now=order.now,
            valid_days=order.valid_days,
            published=PublicAddresses.of(self.public_url, authority_id),
        )
        return SignedCertificate(
            authority_id=authority_id,
            subject=issued.certificate.subject.rfc4514_string(),
            serial=issued.serial,
            fingerprint=issued.fingerprint,
            chain_pem=issued.chain_pem,
            not_before=issued.certificate.not_valid_before_utc,
            not_after=issued.certificate.not_valid_after_utc,
        )
