"""What our own authorities say to anybody of certificates that they issued: good, revoked, unknown.

An authority is named by its id, as in the addresses that its certificates carry, so no question
reaches another organization's rows.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.refusal import NotFound
from holdfast.services.scope import belongs
from holdfast.store.tables import Authority, ContractCertificate, StationCertificateRow

LISTED_MAX = 50_000


@dataclass(frozen=True, slots=True)
class CertificateEnd:
    """A certificate that is good no longer. `serial` in hex."""

    serial: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CertificateStanding:
    """Whether it was ever issued, and since when it is good no longer."""

    issued: bool
    ended_at: datetime | None = None


async def published_authority(db: AsyncSession, authority_id: UUID) -> Authority:
    """One of any organization, retired ones too: what they signed is still about.
    Raises NotFound."""
    row = await db.get(Authority, authority_id)
    if row is None:
        raise NotFound("certificate authority", authority_id)
    return row


async def standing_of(db: AsyncSession, authority: Authority, serial: str) -> CertificateStanding:
    """Of a certificate of this authority."""
    if authority.purpose == "contract":
        contract = await db.scalar(
            select(ContractCertificate).where(
                belongs(ContractCertificate, authority.organization_id),
                ContractCertificate.serial == serial,
                ContractCertificate.chain_pem.endswith(authority.issuing_pem, autoescape=True),
            )
        )
        if contract is None:
            return CertificateStanding(issued=False)
        return CertificateStanding(True, contract.revoked_at or contract.cancelled_at)
    row = await db.scalar(
        select(StationCertificateRow).where(
            belongs(StationCertificateRow, authority.organization_id),
            StationCertificateRow.authority_id == authority.id,
            StationCertificateRow.serial == serial,
        )
    )
    return CertificateStanding(row is not None, None if row is None else row.revoked_at)


async def ended_certificates(
    db: AsyncSession, authority: Authority, now: datetime
) -> list[CertificateEnd]:
    """What the authority took back and what would be valid still, for its list (RFC 5280 leaves
    expired ones out). At most LISTED_MAX, those that end last before the others."""
    contract, station = ContractCertificate, StationCertificateRow
    contracts = select(
        contract.serial.label("serial"),
        func.coalesce(contract.revoked_at, contract.cancelled_at).label("at"),
        contract.not_after.label("not_after"),
    ).where(
        belongs(contract, authority.organization_id),
        contract.not_after > now,
        func.coalesce(contract.revoked_at, contract.cancelled_at).is_not(None),
        contract.chain_pem.endswith(authority.issuing_pem, autoescape=True),
    )
    stations = select(station.serial, station.revoked_at, station.not_after).where(
        belongs(station, authority.organization_id),
        station.authority_id == authority.id,
        station.not_after > now,
        station.revoked_at.is_not(None),
    )
    found = union_all(contracts, stations).subquery()
    rows = await db.execute(
        select(found.c.serial, found.c.at).order_by(found.c.not_after.desc()).limit(LISTED_MAX)
    )
    return [CertificateEnd(serial, at) for serial, at in rows]
