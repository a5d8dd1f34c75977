"""The organization's own authority as a signer of contract certificates."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.adapters.certificate_authority import (
    key_pem,
    new_key,
    subject_name,
)
from holdfast.adapters.organization_authority import organization_authority
from holdfast.adapters.public_addresses import PublicAddresses
from holdfast.contracts.ports import SignedContract
from holdfast.store.tables import Organization


@dataclass(frozen=True, slots=True)
class OwnContractSigner:
    """Signs with the authority of the purpose "contract", made on first need."""

    secret_key: str = field(repr=False)
    public_url: str | None = None  # of our own answers about certificates

    async def sign(
        self, db: AsyncSession, organization_id: UUID, emaid: str, days: int, now: datetime
    ) -> SignedContract:
        """A new P-256 key, and a certificate whose subject is the eMAID."""
        organization = await db.get_one(Organization, organization_id)
        authority_id, authority = await organization_authority(
            db, organization, "contract", self.secret_key, now
        )
        key = new_key()
        issued = authority.sign(
            key.public_key(),
            subject_name(emaid, organization.name),
            "contract",
            now=now,
            valid_days=days,
            published=PublicAddresses.of(self.public_url, authority_id),
        )
        return SignedContract(
            serial=issued.serial,
            chain_pem=issued.chain_pem,
            not_before=issued.certificate.not_valid_before_utc,
            not_after=issued.certificate.not_valid_after_utc,
            key_pem=key_pem(key),
        )
